"""Network addresses of clients: their canonical spelling, and the units in which limits count them.

A server that listens on `::` sees an IPv4 client as `::ffff:192.0.2.1`, behind NAT64 as `64:ff9b::c000:201`.
Both are the client 192.0.2.1. Otherwise all IPv4 clients would share one throttle and one connection limit.

- `canonical`: 2001:db8:1:2::3. REMOTE_ADDR has this spelling, so it is shown, logged and stored.
- `client`: 2001:db8:1:2::/64. Connections and queued requests are counted for it.
- `key`: address:2001:db8:1:2::/64. It is the same unit, among the keys of throttles.
- `site`: 2001:db8:1::/48. Password hashes are counted for it: a customer may have many /64.

The examples are for 2001:db8:1:2::3. For IPv4, all four have the plain address. `forwarded` reads
X-Forwarded-For.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MAPPED = IPv6Network("::ffff:0:0/96")  # RFC 4291, section 2.5.5.2
NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052, section 2.1
CLIENT_PREFIX = 64  # bits of IPv6; a client chooses the others itself
SITE_PREFIX = 48  # bits of IPv6; the largest network of one customer, with 65,536 networks of the above size
FORWARDED = re.compile(r"\[([^\[\]]+)\](?::[0-9]{1,5})?|([0-9.]+)(?::[0-9]{1,5})?|([0-9A-Fa-f:.]+)")


def parse(text: str) -> Address:
    """Return the address; as IPv4 if it is an IPv4 address within IPv6. Raises ValueError."""
    address = ip_address(text.partition("%")[0])  # without the zone, as in fe80::1%eth0
    if isinstance(address, IPv6Address) and (address in MAPPED or address in NAT64):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def parse_network(text: str) -> Network:
    """Return the network; as IPv4 if it lies within mapped IPv4. Raises ValueError."""
    network = ip_network(text)
    for carrier in (MAPPED, NAT64):
        if isinstance(network, IPv6Network) and network.subnet_of(carrier):
            start = IPv4Address(int(network.network_address) & 0xFFFFFFFF)
            return IPv4Network((start, network.prefixlen - carrier.prefixlen))
    return network


def canonical(text: str) -> str:
    """Return the canonical spelling of an address; other text unchanged."""
    try:
        return str(parse(text))
    except ValueError:
        return text


@lru_cache(maxsize=1024)  # called for every request
def client(text: str) -> str:
    """Return the unit in which clients are counted: an IPv4 address, or a /64 of IPv6."""
    return _within(text, CLIENT_PREFIX)


def key(text: str | None) -> str:
    """Return the client of an address, as a key of throttles and quotas, which also have other keys."""
    return f"address:{client(text or '')}"


def site(text: str) -> str:
    """Return the unit in which customers of a provider are counted: an IPv4 address, or a /48 of IPv6."""
    return _within(text, SITE_PREFIX)


def _within(text: str, prefix: int) -> str:
    try:
        address = parse(text)
    except ValueError:
        return text
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, prefix), strict=False))
    return str(address)


def forwarded(text: str) -> str | None:
    """Return the address in one entry of X-Forwarded-For, without a port; None if there is none."""
    found = FORWARDED.fullmatch(text.strip(" \t"))
    try:
        return str(parse(found[found.lastindex or 0])) if found else None
    except ValueError:
        return None


def is_of(text: str, networks: list[Network]) -> bool:
    """Return whether the address lies in one of the networks."""
    try:
        address = parse(text)
    except ValueError:
        return False
    return any(address in network for network in networks)


def is_private(text: str) -> bool:
    """Return whether an address is of a private network, and not of the internet."""
    try:
        return parse(text).is_private
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    """Return whether a server on this host can be reached from its own machine only."""
    try:
        return host == "localhost" or parse(host).is_loopback
    except ValueError:
        return False
