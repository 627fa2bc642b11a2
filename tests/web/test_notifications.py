"""The /notifications socket: who may connect, its message for each save, and how a client continues."""

import re
import subprocess
import sys
from typing import Any

import pytest
from conftest import StartServer
from harness import (
    ROOT,
    Feature,
    Message,
    Person,
    Server,
    Watch,
    collection,
    feature,
    incident,
    point,
    square,
)
from websockets.exceptions import InvalidStatus

from base.version import VERSION

pytestmark = pytest.mark.through_nginx

SEVERITIES = ["Info", "Low", "Medium", "High", "Urgent"]


def seqs(messages: list[Message]) -> list[int]:
    return [message["seq"] for message in messages]


def without_actor(message: Message) -> Message:
    return {key: value for key, value in message.items() if key not in ("actor", "mark")}


def stub(stored: Feature) -> Feature:
    """Return the message about an object that is gone."""
    properties = {name: stored["properties"][name] for name in ("model", "pk")}
    return {"type": "Feature", "id": stored["id"], "geometry": None, "properties": properties}


# Who may connect


@pytest.mark.parametrize("path", ["", "?since=0&epoch=x"])
def test_no_session_is_refused_before_the_upgrade(visitor: Person, path: str) -> None:
    """A handshake without a session gets 401 or 403, and no upgrade."""
    with pytest.raises(InvalidStatus) as refused:
        visitor.watch(path)
    assert refused.value.response.status_code in {401, 403}


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "https://127.0.0.1",
        "http://127.0.0.1:1",
        "null",
        "http://127.0.0.1.evil.example",
    ],
)
def test_other_site_is_refused_before_the_upgrade(person: Person, origin: str) -> None:
    """Another site's page can't connect with a person's cookie."""
    with pytest.raises(InvalidStatus) as refused:
        person.watch(origin=origin)
    assert refused.value.response.status_code in {401, 403}


def test_signed_out_session_is_refused(server: Server) -> None:
    """An ended session opens no socket."""
    person = server.person()
    cookies = dict(person.http.cookies)
    person.http.post("/accounts/logout/", data={"csrf_token": person.csrf_token()})
    person.http.cookies.clear()
    person.http.cookies.update(cookies)
    with pytest.raises(InvalidStatus) as refused:
        person.watch()
    assert refused.value.response.status_code in {401, 403}


def test_plain_request_gets_an_explanation(person: Person) -> None:
    """A plain request to the socket's address gets an explanation."""
    assert 400 <= person.get("/notifications").status < 500


# Messages


def test_hello_comes_first(person: Person, server: Server) -> None:
    """The first message has the log's head and name."""
    person.save_incident("Before the hello")
    with person.watch() as watch:
        hello = watch.hello
    assert hello["type"] == "hello"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", hello["time"]), "by which pages correct their clock"
    assert hello["seq"] == server.health()["seq"]
    assert hello["epoch"] == person.collection()["epoch"]
    assert isinstance(hello["recovered"], bool)
    assert hello["version"] == VERSION


def test_new_incident_is_sent(person: Person, watch: Watch) -> None:
    """A save is sent as post_save, with the Feature as in the API."""
    stored = person.save_incident("Told", 1, 2, description="d", severity="Low")
    message = watch.wait_for_type("post_save", stored)
    assert without_actor(message) == {
        "type": "post_save",
        "seq": watch.hello["seq"] + 1,
        "created": True,
        "feature": stored,
    }
    assert message["actor"] == "admin"


def test_changed_incident_is_sent_as_not_created(person: Person, watch: Watch) -> None:
    """A second save of the same incident has created: false and the new values."""
    changed = person.change(person.save_incident("To be changed"), name="Changed")
    message = watch.wait_for_type("post_save", "Changed")
    assert (message["created"], message["feature"]) == (False, changed)


def test_deleted_incident_is_sent(person: Person, watch: Watch) -> None:
    """A delete is sent as post_delete: which object it was, and nothing that it held."""
    stored = person.save_incident("To be deleted")
    person.delete(stored)
    message = watch.wait_for_type("post_delete", stored)
    assert without_actor(message) == {"type": "post_delete", "seq": message["seq"], "feature": stub(stored)}
    assert watch.about(stored) == ["post_save", "post_delete"]


def test_areas_are_sent(person: Person, watch: Watch) -> None:
    """Saving and deleting an area sends its Feature, and raises no alert."""
    stored = person.save_area("Told area", square(-60, -60))
    assert watch.wait_for_type("post_save", stored)["feature"] == stored
    person.delete(stored)
    assert watch.wait_for_type("post_delete", stored)["feature"] == stub(stored)
    assert watch.about(stored) == ["post_save", "post_delete"]


def test_pages_and_reports_are_sent_like_the_api(person: Person, visitor: Person, watch: Watch) -> None:
    """Saves from pages and reports are sent in the same way. A stranger's report has no actor."""
    place = '{"type": "Point", "coordinates": [7, 8]}'
    person.submit("/tracker/incident/create/", name="From the form", location_geojson=place)
    visitor.submit("/tracker/incident/report/", name="From a phone", location_lat="8", location_lon="7")
    assert watch.wait_for_type("post_save", "From the form")["actor"] == "admin"
    assert watch.wait_for_type("post_save", "From a phone")["actor"] != "admin"


def test_all_clients_get_the_same_order(person: Person) -> None:
    """Two clients get the same messages, each once, with rising seq."""
    with person.watch() as one, person.watch() as other:
        for n in range(20):
            person.save_incident(f"In order {n}")
        for watch in (one, other):
            watch.wait_for_type("post_save", "In order 19")
    assert one.messages[1:] == other.messages[1:], "after hello, which has the time"
    assert seqs(one.messages) == sorted(set(seqs(one.messages)))


def test_refused_save_is_not_sent(person: Person, watch: Watch) -> None:
    """A save that was not stored is sent to nobody."""
    assert person.api("POST", "/api/incidents/", incident("", 0, 0)).status_code >= 400
    marker = person.save_incident("After the refusal")
    watch.wait_for_type("post_save", marker)
    assert len(watch.messages) == 2


# Alerts


def test_incident_in_an_area_alerts(person: Person, watch: Watch) -> None:
    """One alert message names the incident and all its areas, after the save."""
    lower = person.save_area("Lower town", square(10, 10, 4))
    upper = person.save_area("Upper town", square(12, 12, 4), severity="Low")
    person.save_area("Elsewhere", square(30, 10, 4))
    stored = person.save_incident("Smoke", 13, 13, severity="High")
    alert = watch.wait_for_type("alert", stored)
    areas = alert.pop("areas_of_interest")
    assert {key: alert[key] for key in ("type", "feature", "reason")} == {
        "type": "alert",
        "feature": stored,
        "reason": "raised",
    }
    assert alert["seq"] > watch.wait_for_type("post_save", stored)["seq"]
    assert sorted((summary(area) for area in areas), key=lambda area: area["name"]) == [
        summary_of(lower),
        summary_of(upper),
    ]
    assert watch.about(stored) == ["post_save", "alert"]


def summary(area: dict[str, Any]) -> dict[str, Any]:
    return {key: area[key] for key in ("id", "name", "severity", "url")}


def summary_of(area: Feature) -> dict[str, Any]:
    properties = area["properties"]
    return {"id": area["id"], **{key: properties[key] for key in ("name", "severity", "url")}}


def alerted(person: Person, watch: Watch, longitude: float, latitude: float, **properties: Any) -> list[str]:
    """Save an incident and return the areas that it alerted, by name."""
    stored = person.save_incident("Probe", longitude, latitude, **properties)
    watch.wait_for_type("post_save", person.save_incident("Marker", -179, -89, closed=True))
    if "alert" not in watch.about(stored):
        return []
    alert = watch.wait_for_type("alert", stored)
    return sorted(area["name"] for area in alert["areas_of_interest"])


@pytest.fixture(scope="module")
def ring_road(person: Person) -> str:
    """Store a square from (20, 20) to (24, 24) with a hole from (21.5, 21.5) to (22.5, 22.5)."""
    return str(person.save_area("Ring road", square(20, 20, 4, hole=1))["properties"]["name"])


@pytest.mark.parametrize(
    ("longitude", "latitude"),
    [(21, 21), (20, 22), (20, 20), (24, 24), (21.5, 22), (21.5, 21.5)],
    ids=["inside", "edge", "corner", "other corner", "hole's edge", "hole's corner"],
)
def test_edge_is_inside(
    person: Person, watch: Watch, ring_road: str, longitude: float, latitude: float
) -> None:
    """A point on an outer edge, or on the edge of a hole, is inside."""
    assert alerted(person, watch, longitude, latitude) == [ring_road]


@pytest.mark.parametrize(
    ("longitude", "latitude"),
    [(19.9999999, 22), (24.0000001, 24), (22, 22), (21.5000001, 22)],
    ids=["just west", "just east", "hole", "just in the hole"],
)
@pytest.mark.usefixtures("ring_road")
def test_outside_is_outside(person: Person, watch: Watch, longitude: float, latitude: float) -> None:
    """A point a centimetre outside, or in a hole, raises no alert."""
    assert alerted(person, watch, longitude, latitude) == []


@pytest.mark.parametrize("severity", SEVERITIES)
def test_area_is_alerted_from_its_threshold_up(person: Person, watch: Watch, severity: str) -> None:
    """An area at Medium is alerted by Medium, High and Urgent, and so on for each severity."""
    if not person.named("From ", "area_of_interest"):
        for threshold in SEVERITIES:
            person.save_area(f"From {threshold}", square(40, 40), severity=threshold)
    expected = SEVERITIES[: SEVERITIES.index(severity) + 1]
    found = alerted(person, watch, 40.5, 40.5, severity=severity)
    assert found == sorted(f"From {threshold}" for threshold in expected)


def test_closed_incident_alerts_nobody(person: Person, watch: Watch) -> None:
    """An incident that is closed, at first or by a change, is sent but raises no alert."""
    person.save_area("Quiet zone", square(50, 50))
    assert alerted(person, watch, 50.5, 50.5, closed=True) == []
    stored = person.save_incident("Soon over", 50.5, 50.5)
    person.change(stored, closed=True)
    watch.wait_for_type("post_save", person.save_incident("Marker of the close", -179, -89))
    assert watch.about(stored) == ["post_save", "alert", "post_save"]


def test_update_alerts_again_with_its_reason(person: Person, watch: Watch) -> None:
    """A second save of an open incident in an area sends an alert with the reason `updated`."""
    person.save_area("Watched", square(55, 55))
    stored = person.save_incident("Going on", 55.5, 55.5)
    person.change(stored, description="still")
    alert = watch.wait_for(
        lambda m: m["type"] == "alert" and m["feature"]["properties"]["description"] == "still"
    )
    assert alert["reason"] == "updated"


def test_moved_area_alerts_where_it_is_now(person: Person, watch: Watch) -> None:
    """A moved, changed or deleted area is matched as it is at the time of the save."""
    area = person.save_area("Convoy", square(60, 60))
    assert alerted(person, watch, 60.5, 60.5) == ["Convoy"]
    person.change(area, square(65, 65))
    assert alerted(person, watch, 60.5, 60.5) == []
    assert alerted(person, watch, 65.5, 65.5) == ["Convoy"]
    person.change(area, severity="Urgent")
    assert alerted(person, watch, 65.5, 65.5) == []
    person.change(area, severity="Info")
    assert alerted(person, watch, 65.5, 65.5) == ["Convoy"]
    person.delete(area)
    assert alerted(person, watch, 65.5, 65.5) == []


# Other processes


def test_import_by_another_process_is_sent(server: Server, person: Person, watch: Watch) -> None:
    """Connected clients get the saves and alerts of another process."""
    features = [feature(square(70, 70), name="Imported area"), incident("Imported incident", 70.5, 70.5)]
    done = server.import_geojson(collection(*features))
    assert done.returncode == 0, done.stderr
    alert = watch.wait_for_type("alert", "Imported incident")
    assert [area["name"] for area in alert["areas_of_interest"]] == ["Imported area"]
    assert watch.about("Imported incident") == ["post_save", "alert"]


SHELL = """
import sys, models
models.open_database(sys.argv[1])
incident = models.Incident(name="From a shell", severity="HI")
incident.location = (1, 2)
incident.save()
incident.delete_instance()
"""


def test_save_and_delete_in_a_shell_are_sent(server: Server, watch: Watch) -> None:
    """The models' hooks send messages, so a script that saves with the models is sent like a page."""
    subprocess.run([sys.executable, "-c", SHELL, server.database], cwd=ROOT, check=True, timeout=30)
    stored = watch.wait_for_type("post_save", "From a shell")["feature"]
    assert stored["geometry"] == point(1, 2)
    assert watch.wait_for_type("post_delete", stored)["feature"] == stub(stored)


def test_area_of_another_process_is_matched_by_the_next_incident(
    server: Server, person: Person, watch: Watch
) -> None:
    """The server's next save is matched with an area that another process has stored."""
    assert server.import_geojson(feature(square(75, 75), name="Foreign area")).returncode == 0
    assert alerted(person, watch, 75.5, 75.5) == ["Foreign area"]


# Continuing after a break


def test_client_that_was_away_gets_missed_entries(person: Person) -> None:
    """With since and epoch a client gets exactly the later entries, in order, and is then live."""
    with person.watch() as before:
        hello = before.hello
    missed = [person.save_incident(f"Missed {n}") for n in range(5)]
    with person.watch(f"?since={hello['seq']}&epoch={hello['epoch']}") as watch:
        assert watch.hello["recovered"] is True
        watch.wait_for_type("post_save", missed[-1])
        live = person.save_incident("Live again")
        watch.wait_for_type("post_save", live)
    received = [message["feature"] for message in watch.messages[1:]]
    assert received == [*missed, live]
    assert seqs(watch.messages[1:]) == list(range(hello["seq"] + 1, hello["seq"] + 7))


def test_replayed_messages_are_the_ones_sent_live(person: Person, watch: Watch) -> None:
    """A replayed message is equal to the live one, letter for letter."""
    person.save_area("Replayed area", square(80, 80))
    person.save_incident("Replayed", 80.5, 80.5)
    watch.wait_for_type("alert", "Replayed")
    with person.watch(f"?since={watch.hello['seq']}&epoch={watch.hello['epoch']}") as again:
        again.wait_for_type("alert", "Replayed")
    assert again.messages[1:] == watch.messages[1:]


def test_collection_then_socket_misses_nothing(person: Person) -> None:
    """A page that loads the collection and connects with its seq gets every later entry."""
    loaded = person.collection()
    between = person.save_incident("In between")
    with person.watch(f"?since={loaded['seq']}&epoch={loaded['epoch']}") as watch:
        assert watch.hello["recovered"] is True
        watch.wait_for_type("post_save", between)
    assert watch.messages[1]["seq"] == loaded["seq"] + 1


def test_since_the_head_is_recovered_and_replays_nothing(person: Person) -> None:
    """A client at the head gets recovered: true and no entries."""
    loaded = person.collection()
    with person.watch(f"?since={loaded['seq']}&epoch={loaded['epoch']}") as watch:
        marker = person.save_incident("First after the head")
        watch.wait_for_type("post_save", marker)
    assert watch.hello["recovered"] is True
    assert len(watch.messages) == 2


@pytest.mark.parametrize(
    "query",
    [
        "since=0&epoch=another",
        "since=0",
        "since=999999&epoch={epoch}",
        "since=-1&epoch={epoch}",
        "since=abc&epoch={epoch}",
        "since=&epoch={epoch}",
        "since=1.5&epoch={epoch}",
        "since=99999999999999999999999999&epoch={epoch}",
        "since=%ff%00&epoch=%ff%00",
        "since=٣&epoch={epoch}",
        "epoch={epoch}",
    ],
)
def test_impossible_cursor_is_not_recovered(person: Person, query: str) -> None:
    """For another log, or a bad seq, recovered is false, and the client is live."""
    person.save_incident("Never replayed")
    epoch = person.collection()["epoch"]
    with person.watch(f"?{query.format(epoch=epoch)}") as watch:
        marker = person.save_incident("After a failed recovery")
        watch.wait_for_type("post_save", marker)
    assert watch.hello["recovered"] is False
    assert len(watch.messages) == 2


def test_socket_compares_the_mark(person: Person) -> None:
    """A client continues only after the entry that it has, not after another one with that seq."""
    person.save_incident("The one seen")
    loaded = person.collection()
    query = f"?since={loaded['seq']}&epoch={loaded['epoch']}&mark="
    with person.watch(query + loaded["mark"]) as same, person.watch(f"{query}another") as other:
        person.save_incident("Marked")
        told = same.wait_for_type("post_save", "Marked")
    assert same.hello["recovered"] is True
    assert (other.hello["recovered"], other.hello["went_back"]) == (False, True)
    assert told["mark"] == person.collection()["mark"]


def test_client_carries_on_after_a_restart(start_server: StartServer) -> None:
    """After a restart the epoch is the same, and the entries from before are replayed."""
    first = start_server()
    person = first.person()
    with person.watch() as watch:
        hello = watch.hello
    person.save_incident("Before the restart")
    first.stop()
    second = start_server(password=first.password)
    with second.person().watch(f"?since={hello['seq']}&epoch={hello['epoch']}") as watch:
        assert watch.hello["recovered"] is True
        assert watch.wait_for_type("post_save", "Before the restart")


def test_new_database_is_a_new_epoch(start_server: StartServer, server: Server, person: Person) -> None:
    """Two databases never have the same epoch."""
    assert start_server().person().collection()["epoch"] != person.collection()["epoch"]


# The socket itself


def test_ping_is_answered(watch: Watch) -> None:
    """A client's ping gets a pong."""
    assert watch.socket.ping(b"still there?").wait(5)


def test_messages_of_a_client_are_ignored(person: Person, watch: Watch) -> None:
    """Text and bytes from a client are read and ignored."""
    with person.watch() as talker:
        for words in ("hello?", b"\x00\xff", '{"type": "post_save"}', "", "x" * 2000):
            talker.socket.send(words)
        marker = person.save_incident("After the chatter")
        talker.wait_for_type("post_save", marker)
    watch.wait_for_type("post_save", marker)
    assert len(watch.messages) == 2


def test_compression_is_declined(watch: Watch) -> None:
    """The server declines compression, so that all clients can share frames."""
    assert not watch.socket.protocol.extensions


def test_text_of_any_script_arrives_as_given(person: Person, watch: Watch) -> None:
    """Names arrive as UTF-8, with quotes, line ends and signs beyond the basic plane."""
    name = 'Καφές "\\\n\u2028 <b> 🔥 \x00\x7f'
    stored = person.save_incident(name, 0, 0, description="🔥" * 1000)
    assert watch.wait_for_type("post_save", stored)["feature"]["properties"]["name"] == name


def test_point_of_every_corner_of_the_world_arrives(person: Person, watch: Watch) -> None:
    """Points at the poles and the antimeridian arrive unchanged."""
    for longitude, latitude in ((180, 0), (-180, 0), (0, 90), (0, -90), (-179.9999999, 89.9999999)):
        stored = person.save_incident("Corner", longitude, latitude)
        assert watch.wait_for_type("post_save", stored)["feature"]["geometry"] == point(longitude, latitude)


def test_plain_request_says_whether_the_session_is_valid(server: Server, person: Person) -> None:
    """A page whose socket was refused asks over HTTP: 401 means sign in again, any other status try again."""
    assert server.visitor().http.get("/notifications").status_code == 401
    assert person.http.get("/notifications").status_code == 426
