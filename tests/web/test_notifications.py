"""The /notifications socket: who may connect, what it says of each save, and how one carries on."""

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

SEVERITIES = ["Info", "Low", "Medium", "High", "Urgent"]


def seqs(messages: list[Message]) -> list[int]:
    return [message["seq"] for message in messages]


def without_actor(message: Message) -> Message:
    return {key: value for key, value in message.items() if key not in ("actor", "mark")}


# Who may connect


@pytest.mark.parametrize("path", ["", "?since=0&epoch=x"])
def test_no_session_is_refused_before_the_upgrade(visitor: Person, path: str) -> None:
    """Without a session the handshake is answered 401 or 403, not upgraded and closed."""
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
    """Another site's page can't listen with somebody's cookie."""
    with pytest.raises(InvalidStatus) as refused:
        person.watch(origin=origin)
    assert refused.value.response.status_code in {401, 403}


def test_signed_out_session_is_refused(server: Server) -> None:
    """A session that has ended opens no socket any more."""
    person = server.person()
    cookies = dict(person.http.cookies)
    person.http.post("/accounts/logout/", data={"csrf_token": person.csrf_token()})
    person.http.cookies.clear()
    person.http.cookies.update(cookies)
    with pytest.raises(InvalidStatus) as refused:
        person.watch()
    assert refused.value.response.status_code in {401, 403}


def test_plain_request_is_no_crash(person: Person) -> None:
    """Who asks for the page instead of the socket is told so."""
    assert 400 <= person.get("/notifications").status < 500


# What a client is told


def test_hello_comes_first(person: Person, server: Server) -> None:
    """A client is greeted with the head of the log and the log's name."""
    person.save_incident("Before the hello")
    with person.watch() as watch:
        hello = watch.hello
    assert hello["type"] == "hello"
    assert hello["seq"] == server.health()["seq"]
    assert hello["epoch"] == person.collection()["epoch"]
    assert isinstance(hello["recovered"], bool)


def test_new_incident_is_told(person: Person, watch: Watch) -> None:
    """A save is told as post_save, with the Feature as the API gives it."""
    stored = person.save_incident("Told", 1, 2, description="d", severity="Low")
    message = watch.wait_for_type("post_save", stored)
    assert without_actor(message) == {
        "type": "post_save",
        "seq": watch.hello["seq"] + 1,
        "created": True,
        "feature": stored,
    }
    assert message["actor"] == "admin"


def test_changed_incident_is_told_as_not_created(person: Person, watch: Watch) -> None:
    """A second save of the same incident says created: false and has the new values."""
    changed = person.change(person.save_incident("To be changed"), name="Changed")
    message = watch.wait_for_type("post_save", "Changed")
    assert (message["created"], message["feature"]) == (False, changed)


def test_deleted_incident_is_told(person: Person, watch: Watch) -> None:
    """A delete is told as post_delete, with the Feature as it was."""
    stored = person.save_incident("To be deleted")
    person.delete(stored)
    message = watch.wait_for_type("post_delete", stored)
    assert without_actor(message) == {"type": "post_delete", "seq": message["seq"], "feature": stored}
    assert watch.about(stored) == ["post_save", "post_delete"]


def test_areas_are_told_too(person: Person, watch: Watch) -> None:
    """Saving and deleting an area is told with its Feature, and alerts nobody."""
    stored = person.save_area("Told area", square(-60, -60))
    assert watch.wait_for_type("post_save", stored)["feature"] == stored
    person.delete(stored)
    assert watch.wait_for_type("post_delete", stored)["feature"] == stored
    assert watch.about(stored) == ["post_save", "post_delete"]


def test_pages_and_reports_are_told_like_the_api(person: Person, visitor: Person, watch: Watch) -> None:
    """It makes no difference where a save comes from; a report by a stranger has no actor."""
    place = '{"type": "Point", "coordinates": [7, 8]}'
    person.submit("/tracker/incident/create/", name="From the form", location_geojson=place)
    visitor.submit("/tracker/incident/report/", name="From a phone", location_lat="8", location_lon="7")
    assert watch.wait_for_type("post_save", "From the form")["actor"] == "admin"
    assert watch.wait_for_type("post_save", "From a phone")["actor"] != "admin"


def test_everybody_is_told_the_same_in_the_same_order(person: Person) -> None:
    """Two clients get the same messages, each once, with rising seq."""
    with person.watch() as one, person.watch() as other:
        for n in range(20):
            person.save_incident(f"In order {n}")
        for watch in (one, other):
            watch.wait_for_type("post_save", "In order 19")
    assert one.messages == other.messages
    assert seqs(one.messages) == sorted(set(seqs(one.messages)))


def test_refused_save_is_not_told(person: Person, watch: Watch) -> None:
    """What was not stored reaches nobody."""
    assert person.api("POST", "/api/incidents/", incident("", 0, 0)).status_code >= 400
    marker = person.save_incident("After the refusal")
    watch.wait_for_type("post_save", marker)
    assert len(watch.messages) == 2


# Alerts


def test_incident_in_an_area_alerts(person: Person, watch: Watch) -> None:
    """An alert names the incident and every area that it is in, after the save and in one message."""
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
    """Save an incident and return the names of the areas that it alerted, by name."""
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
    """A point on an area's edge is inside, be it the outer edge or that of a hole."""
    assert alerted(person, watch, longitude, latitude) == [ring_road]


@pytest.mark.parametrize(
    ("longitude", "latitude"),
    [(19.9999999, 22), (24.0000001, 24), (22, 22), (21.5000001, 22)],
    ids=["just west", "just east", "hole", "just in the hole"],
)
@pytest.mark.usefixtures("ring_road")
def test_outside_is_outside(person: Person, watch: Watch, longitude: float, latitude: float) -> None:
    """A centimetre outside, or in a hole, alerts nobody."""
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
    """An incident that is stored closed, or closed by a change, is told but alerts nobody."""
    person.save_area("Quiet zone", square(50, 50))
    assert alerted(person, watch, 50.5, 50.5, closed=True) == []
    stored = person.save_incident("Soon over", 50.5, 50.5)
    person.change(stored, closed=True)
    watch.wait_for_type("post_save", person.save_incident("Marker of the close", -179, -89))
    assert watch.about(stored) == ["post_save", "alert", "post_save"]


def test_update_alerts_again_with_its_reason(person: Person, watch: Watch) -> None:
    """Saving an open incident that is in an area again alerts again, as an update."""
    person.save_area("Watched", square(55, 55))
    stored = person.save_incident("Going on", 55.5, 55.5)
    person.change(stored, description="still")
    alert = watch.wait_for(
        lambda m: m["type"] == "alert" and m["feature"]["properties"]["description"] == "still"
    )
    assert alert["reason"] == "updated"


def test_moved_area_alerts_where_it_is_now(person: Person, watch: Watch) -> None:
    """An area that was moved, raised or deleted is matched as it is at the time of the save."""
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


def test_import_by_another_process_is_told(server: Server, person: Person, watch: Watch) -> None:
    """What another process stores in the same database reaches connected clients, alerts included."""
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


def test_save_and_delete_in_a_shell_are_told(server: Server, watch: Watch) -> None:
    """The hooks do it: a script that saves and deletes with the models is told like any page."""
    subprocess.run([sys.executable, "-c", SHELL, server.database], cwd=ROOT, check=True, timeout=30)
    deleted = watch.wait_for_type("post_delete", "From a shell")
    assert deleted["feature"]["geometry"] == point(1, 2)
    assert watch.about("From a shell") == ["post_save", "post_delete"]


def test_area_of_another_process_is_matched_by_the_next_incident(
    server: Server, person: Person, watch: Watch
) -> None:
    """An area that another process stored alerts at the very next save in the server."""
    assert server.import_geojson(feature(square(75, 75), name="Foreign area")).returncode == 0
    assert alerted(person, watch, 75.5, 75.5) == ["Foreign area"]


# Carrying on


def test_client_that_was_away_gets_what_it_missed(person: Person) -> None:
    """With since and epoch a client is sent exactly what came after, in order, and then goes on live."""
    with person.watch() as before:
        hello = before.hello
    missed = [person.save_incident(f"Missed {n}") for n in range(5)]
    with person.watch(f"?since={hello['seq']}&epoch={hello['epoch']}") as watch:
        assert watch.hello["recovered"] is True
        watch.wait_for_type("post_save", missed[-1])
        live = person.save_incident("Live again")
        watch.wait_for_type("post_save", live)
    told = [message["feature"] for message in watch.messages[1:]]
    assert told == [*missed, live]
    assert seqs(watch.messages[1:]) == list(range(hello["seq"] + 1, hello["seq"] + 7))


def test_replayed_messages_are_the_ones_sent_live(person: Person, watch: Watch) -> None:
    """A message is the same, letter for letter, whether it came live or by replay."""
    person.save_area("Replayed area", square(80, 80))
    person.save_incident("Replayed", 80.5, 80.5)
    watch.wait_for_type("alert", "Replayed")
    with person.watch(f"?since={watch.hello['seq']}&epoch={watch.hello['epoch']}") as again:
        again.wait_for_type("alert", "Replayed")
    assert again.messages[1:] == watch.messages[1:]


def test_collection_then_socket_misses_nothing(person: Person) -> None:
    """A page that loads the collection and then connects with its seq gets all that came between."""
    loaded = person.collection()
    between = person.save_incident("In between")
    with person.watch(f"?since={loaded['seq']}&epoch={loaded['epoch']}") as watch:
        assert watch.hello["recovered"] is True
        watch.wait_for_type("post_save", between)
    assert watch.messages[1]["seq"] == loaded["seq"] + 1


def test_since_the_head_is_recovered_and_replays_nothing(person: Person) -> None:
    """Who has missed nothing is told so."""
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
def test_what_cannot_be_continued_is_said_and_nothing_replayed(person: Person, query: str) -> None:
    """Another log, a seq ahead of the head or that is no number: recovered is false, then live."""
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
    """The log outlives the process: the epoch stays, and what one process saved the next replays."""
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
    """The logs of two databases never pass for one another."""
    assert start_server().person().collection()["epoch"] != person.collection()["epoch"]


# The socket itself


def test_ping_is_answered(watch: Watch) -> None:
    """A client that asks whether anybody is there gets an answer."""
    assert watch.socket.ping(b"still there?").wait(5)


def test_what_a_client_says_disturbs_nobody(person: Person, watch: Watch) -> None:
    """Text and bytes from a client are taken and ignored."""
    with person.watch() as talker:
        for words in ("hello?", b"\x00\xff", '{"type": "post_save"}', "", "x" * 2000):
            talker.socket.send(words)
        marker = person.save_incident("After the chatter")
        talker.wait_for_type("post_save", marker)
    watch.wait_for_type("post_save", marker)
    assert len(watch.messages) == 2


def test_compression_is_declined(watch: Watch) -> None:
    """A client that offers compression gets one that everybody's frames can share: none."""
    assert not watch.socket.protocol.extensions


def test_text_of_any_script_arrives_as_given(person: Person, watch: Watch) -> None:
    """Names travel as UTF-8, quotes, line ends and signs beyond the basic plane included."""
    name = 'Καφές "\\\n\u2028 <b> 🔥 \x00\x7f'
    stored = person.save_incident(name, 0, 0, description="🔥" * 1000)
    assert watch.wait_for_type("post_save", stored)["feature"]["properties"]["name"] == name


def test_point_of_every_corner_of_the_world_arrives(person: Person, watch: Watch) -> None:
    """The poles and the antimeridian are places like any other."""
    for longitude, latitude in ((180, 0), (-180, 0), (0, 90), (0, -90), (-179.9999999, 89.9999999)):
        stored = person.save_incident("Corner", longitude, latitude)
        assert watch.wait_for_type("post_save", stored)["feature"]["geometry"] == point(longitude, latitude)


def test_plain_request_tells_whether_one_is_signed_in(server: Server, person: Person) -> None:
    """A page whose socket was refused asks over HTTP: 401 means sign in again, anything else try again."""
    assert server.visitor().http.get("/notifications").status_code == 401
    assert person.http.get("/notifications").status_code == 426
