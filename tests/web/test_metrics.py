"""`/metrics`: who may see it, what it says, and that strangers can't make it grow."""

import json
import re

import httpx
import pytest
from conftest import StartServer
from flask import Flask
from harness import ROOT, Person, Server, square, wait_until
from in_process import NAME, Browser
from prometheus_client.openmetrics.parser import text_string_to_metric_families as strict
from prometheus_client.parser import text_string_to_metric_families as lenient

from base.addresses import parse_network
from base.metrics import Exposition, Histogram
from domain import accounts
from server.proxies import is_local

Samples = dict[str, dict[tuple[str, ...], float]]


def parsed(text: str) -> Samples:
    """Return the values by name and labels. Raises for bad forms, doubles and disorder."""
    list(lenient(text))
    open_metrics = re.sub(r"^(# (?:HELP|TYPE) \w+)_total ", r"\1 ", text, flags=re.M) + "# EOF\n"
    found: Samples = {}
    for family in strict(open_metrics):  # type: ignore[no-untyped-call]
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


@pytest.fixture
def token(app: Flask) -> str:
    user = accounts.named(NAME)
    assert user is not None
    return accounts.make_token(user, "Prometheus", read_only=True, days=None)


@pytest.fixture
def browser_with_token(app: Flask, token: str) -> tuple[Browser, dict[str, str]]:
    return Browser(app), {"Authorization": f"Bearer {token}"}


def scrape(server: Server, **headers: str) -> Samples:
    answer = httpx.get(f"{server.url}/metrics", headers=headers, trust_env=False)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return parsed(answer.text)


def test_saves_and_what_is_sent_are_counted(server: Server, person: Person) -> None:
    """A save, its alert and their way to a live client can be read from the counters."""
    before = scrape(server)
    with person.watch() as watch:
        person.save_area("watched", square(10, 10), severity="Low")
        person.save_incident("inside", 10.5, 10.5, severity="High")
        watch.wait_for_type("alert", "inside")
        wait_until(lambda: scrape(server)["tracker_broadcast_seconds_count"][()] > 0)
        after = scrape(server)
    rose = {type_: after["tracker_log_appended_total"][(type_,)] for type_ in ("post_save", "alert")}
    assert rose == {"post_save": 2, "alert": 1}
    assert after["tracker_log_head"][()] - before["tracker_log_head"][()] == 3
    assert after["tracker_clients"][("live",)] == 1
    assert after["tracker_sent_frames_total"][()] - before["tracker_sent_frames_total"][()] >= 4  # and hello
    assert after["tracker_sent_bytes_total"][()] > 500
    assert after["tracker_alerts_open"][()] == after["tracker_alerts_unacknowledged"][()] == 1
    assert after["tracker_requests_total"][("/api/incidents/", "POST", "201")] == 1
    assert after["tracker_requests_total"][("/notifications", "GET", "101")] == 1
    assert after["tracker_flush_seconds_count"][()] > 0
    assert after["tracker_database_bytes"][()] >= 4096
    assert after["tracker_wal_bytes"][()] > 4096
    assert after["tracker_log_entries"][()] == after["tracker_log_head"][()]
    assert after["tracker_log_bytes"][()] > 300
    assert after["tracker_disk_free_bytes"][()] > 0


def test_program_on_this_machine_needs_no_token(server: Server) -> None:
    """A proxy on the same machine does: it is known by its headers, or by HTTP/1.0."""
    for name in ("X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "Via", "X-Real-IP"):
        answer = httpx.get(f"{server.url}/metrics", headers={name: "192.0.2.1"}, trust_env=False)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), name
    assert scrape(server)


@pytest.mark.parametrize(
    ("address", "version", "fields", "expected"),
    [
        ("127.0.0.1", "HTTP/1.1", {}, True),
        ("::1", "HTTP/1.1", {"host": "localhost"}, True),
        ("192.0.2.1", "HTTP/1.1", {}, False),
        ("127.0.0.1", "HTTP/1.0", {}, False),
        ("127.0.0.1", "HTTP/1.1", {"x-forwarded-proto": "https"}, False),
        ("", "HTTP/1.1", {}, False),
    ],
)
def test_local_peer_is_known(address: str, version: str, fields: dict[str, str], *, expected: bool) -> None:
    """Only the machine itself is local, and only without a sign of a proxy."""
    assert is_local(address, version, fields, []) is expected


def test_trusted_proxy_on_this_machine_is_not_local() -> None:
    """All that comes from a trusted proxy's address may be proxied."""
    assert not is_local("127.0.0.1", "HTTP/1.1", {}, [parse_network("127.0.0.0/8")])


def test_name_of_another_site_is_refused_without_a_token(start_server: StartServer) -> None:
    """A web site whose name leads to this machine can't have a browser here read the metrics."""
    own = start_server(env={"TRACKER_HOSTS": "evil.example,127.0.0.1"})
    headers = {"Host": "evil.example"}
    assert httpx.get(f"{own.url}/metrics", headers=headers, trust_env=False).status_code == 401


def test_token_is_enough(browser_with_token: tuple[Browser, dict[str, str]]) -> None:
    """Any good token may read; a wrong one, a session and nothing at all may not."""
    browser, headers = browser_with_token
    assert browser.get("/metrics", headers=headers).status_code == 200
    assert browser.get("/metrics", headers={"Authorization": "Bearer tracker_no"}).status_code == 401
    assert browser.get("/metrics").status_code == 401
    browser.sign_in()
    assert browser.get("/metrics").status_code == 401


def test_strangers_add_no_labels(browser_with_token: tuple[Browser, dict[str, str]]) -> None:
    """Whatever is asked for, there is one label for each route, and never the path itself."""
    browser, headers = browser_with_token
    for number in range(20):
        browser.get(f"/no/{number}")
        browser.get(f"/tracker/incident/{number}/")
        browser.client.open(f"/x{number}", method=f"METHOD{number}", base_url=browser.base_url)
    text = browser.get("/metrics", headers=headers).text
    found = parsed(text)["tracker_requests_total"]
    assert found["none", "GET", "404"] == 20
    assert found["none", "other", "404"] == 20
    assert found["/tracker/incident/<int:pk>/", "GET", "302"] == 20
    assert len(found) == 3
    assert "/no/" not in text


def test_exposition_escapes_and_counts() -> None:
    """Labels with quotes, line ends and backslashes are read back as they were; buckets add up."""
    text = Exposition()
    hard = 'a"b\\c\nd'
    text.counter("hard_total", "Hard.", [({"label": hard}, 1.5)])
    times = Histogram(0.1, 1.0)
    for value in (0.05, 0.1, 0.5, 7.0):
        times.observe(value)
    text.histogram("seconds", "Time.", times)
    found = parsed(text.text())
    assert found["hard_total"] == {(hard,): 1.5}
    assert found["seconds_bucket"] == {("0.1",): 2, ("1.0",): 3, ("+Inf",): 4}
    assert found["seconds_sum"][()] == pytest.approx(7.65)


def families(browser: Browser, headers: dict[str, str]) -> dict[str, str]:
    """Return the type of each metric that is given, by the name that it is stored by."""
    text = browser.get("/metrics", headers=headers).text
    return dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.M))


def test_dashboard_shows_every_metric(browser_with_token: tuple[Browser, dict[str, str]]) -> None:
    """deploy/grafana.json names exactly the metrics that exist; of histograms it takes the buckets."""
    given = families(*browser_with_token)
    stored = {f"{name}_bucket" if kind == "histogram" else name for name, kind in given.items()}
    dashboard = json.loads((ROOT / "deploy" / "grafana.json").read_text(encoding="utf-8"))
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    named = set(re.findall(r"\b(?:tracker|process)_\w+", " ".join(asked)))
    assert named == stored
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))


def test_document_lists_every_metric(browser_with_token: tuple[Browser, dict[str, str]]) -> None:
    """docs/monitoring.md has exactly the metrics that exist."""
    text = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`((?:tracker|process)_\w+)`", text)) == families(*browser_with_token).keys()
