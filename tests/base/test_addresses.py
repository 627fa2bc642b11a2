"""One client has one address, over IPv4, mapped into IPv6, through NAT64 or through a proxy."""

from pathlib import Path

import httpx
import pytest
from harness import Server, free_port

from base import addresses
from server.connections import Connections
from server.proxies import through_proxies

ONE_CLIENT = ["192.0.2.1", "::ffff:192.0.2.1", "::FFFF:c000:201", "64:ff9b::192.0.2.1", "64:ff9b::c000:0201"]


@pytest.mark.parametrize("text", ONE_CLIENT)
def test_one_client_has_one_spelling(text: str) -> None:
    """Throttles and connections count, show and compare the IPv4 address."""
    assert addresses.canonical(text) == addresses.client(text) == "192.0.2.1"
    assert addresses.key(text) == "address:192.0.2.1"
    assert addresses.is_of(text, [addresses.parse_network("192.0.2.0/24")])
    connections = Connections(250)
    assert connections.of(text) is connections.of("192.0.2.1")


def test_known_clients_are_bounded() -> None:
    """Without a bound the address of every stranger would stay in memory."""
    for number in range(1100):
        addresses.client(f"198.51.{number // 256}.{number % 256}")
    assert addresses.client.cache_info().currsize == addresses.client.cache_info().maxsize == 1024


def test_address_without_connections_is_forgotten() -> None:
    connections = Connections(250)
    one, other = object(), object()
    assert connections.add(one, "192.0.2.1", bounded=True)
    assert connections.add(other, "192.0.2.1", bounded=True)
    connections.remove(one, "192.0.2.1")
    assert list(connections._by_address) == ["192.0.2.1"]
    assert list(connections.of("192.0.2.1").idle) == [other]
    connections.remove(other, "192.0.2.1")
    assert not connections._by_address


def test_ipv4_clients_differ_behind_ipv6() -> None:
    """IPv4 clients that are mapped into IPv6 do not all count as ::/64."""
    assert addresses.client("::ffff:192.0.2.1") != addresses.client("::ffff:192.0.2.2")
    assert addresses.key("64:ff9b::192.0.2.1") != addresses.key("64:ff9b::192.0.2.2")


def test_ipv6_clients_count_by_network() -> None:
    """An IPv6 client counts by its /64, because it chooses the other half itself.

    The name of an interface is left out.
    """
    assert addresses.client("2001:db8::1") == addresses.client("2001:DB8:0::2") == "2001:db8::/64"
    assert addresses.client("2001:db8:0:1::1") == "2001:db8:0:1::/64"
    assert addresses.client("fe80::1%eth0") == "fe80::/64"
    assert addresses.canonical("2001:DB8:0::7") == "2001:db8::7"


@pytest.mark.parametrize("text", ["", "unknown", "1.2.3", "::g", "1.2.3.4:80"])
def test_text_that_is_no_address_is_unchanged(text: str) -> None:
    """A connection on a Unix socket has no address; that is no error."""
    assert addresses.canonical(text) == addresses.client(text) == text
    assert not addresses.is_of(text, [addresses.parse_network("0.0.0.0/0")])


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("64:ff9b::10.0.0.1", "10.0.0.1/32"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("::/0", "::/0"),
    ],
)
def test_networks_of_proxies_are_spelled_like_addresses(written: str, meant: str) -> None:
    """A proxy's network matches, however the operator wrote it."""
    assert str(addresses.parse_network(written)) == meant


@pytest.mark.parametrize(
    ("hops", "seen"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:4711", "203.0.113.7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("2001:DB8:0::7", "2001:db8::7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("[::ffff:203.0.113.7]:4711", "203.0.113.7"),
        ("64:ff9b::203.0.113.7", "203.0.113.7"),
        ("203.0.113.7,", "203.0.113.7"),
        ("203.0.113.7, ,", "203.0.113.7"),
        ("198.51.100.1, 203.0.113.7, 10.0.0.2:80", "203.0.113.7"),
        ("198.51.100.1, 203.0.113.7, ::ffff:10.0.0.2", "203.0.113.7"),
        ("198.51.100.1, unknown", "10.0.0.1"),
        ("203.0.113.7:port", "10.0.0.1"),
        ("[203.0.113.7", "10.0.0.1"),
        ("203.0.113.7:80:80", "10.0.0.1"),
        ("", "10.0.0.1"),
    ],
)
@pytest.mark.parametrize("proxy", ["10.0.0.1", "::ffff:10.0.0.1"])
def test_client_behind_proxies(hops: str, seen: str, proxy: str) -> None:
    """The client is the last hop that is not a proxy, with or without a port.

    An unreadable hop is ignored.
    """
    environ = {"REMOTE_ADDR": addresses.canonical(proxy), "HTTP_X_FORWARDED_FOR": hops}
    through_proxies(environ, [addresses.parse_network("10.0.0.0/24")])
    assert environ["REMOTE_ADDR"] == seen


class OnAllAddresses(Server):
    """A server that listens on `::` and is reached over IPv4."""

    def _is_up(self) -> bool:
        self.url, real = f"http://[::]:{self.port}", self.url
        try:
            return super()._is_up()
        finally:
            self.url = real


def test_server_on_all_addresses_separates_ipv4_clients(tmp_path: Path) -> None:
    """Wrong passwords from one address delay no other address, and people see their own address."""
    port = free_port()
    options = ["--host", "::", "--port", str(port), "--database", str(tmp_path / "tracker.db")]
    server = OnAllAddresses(tmp_path, options=options, port=port)
    try:
        guesser = server.visitor()
        guesser.http = httpx.Client(
            base_url=server.url, transport=httpx.HTTPTransport(local_address="127.0.0.2"), timeout=30
        )
        form = guesser.get("/accounts/login/").filled_in(password="a guess of a stranger")
        found = [
            guesser.http.post("/accounts/login/", data={**form, "username": f"nobody {number}"}).status_code
            for number in range(22)
        ]
        assert found[-1] == 429
        person = server.person()
        shown = {cell.get_text(strip=True) for cell in person.get("/accounts/").select("td.number")}
        assert shown == {"127.0.0.1"}
    finally:
        server.stop()
