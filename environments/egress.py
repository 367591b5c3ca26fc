"""Where the control plane may connect on somebody's behalf: public addresses, and what an operator has allowed."""

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings

from projects.errors import Invalid

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Forbidden(Invalid):
    code = "egress-forbidden"


@dataclass(frozen=True)
class Destination:
    """A host that was looked up and checked; whoever connects uses `address`, not the name again."""

    host: str
    port: int
    address: str


def check(url: str) -> Destination:
    """Look the host of an https URL up once; Forbidden where any of its addresses is out of bounds."""
    parts = urlsplit(url)
    try:
        port = parts.port or 443
    except ValueError:
        raise Forbidden("The address has no valid port.") from None
    if parts.scheme != "https" or not parts.hostname:
        raise Forbidden("Only https:// addresses are fetched.")
    if parts.username or parts.password:
        raise Forbidden("An address that is fetched must not carry a user name or password.")
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Forbidden(f"{parts.hostname} cannot be found.") from None
    addresses = [ipaddress.ip_address(entry[4][0]) for entry in found]
    for address in addresses:
        if not allowed(address):
            # A name with one good and one bad address would be a way around: all must be good.
            raise Forbidden(
                f"{parts.hostname} is at {address}, a private or special address; "
                "an operator can allow it with TOWPATH_EGRESS_ALLOW."
            )
    return Destination(parts.hostname, port, str(addresses[0]))


def allowed(address: Address) -> bool:
    """Public, or in a network that an operator has named; an IPv4 address in IPv6 clothing counts as what it is."""
    inner = _unwrapped(address)
    if any(inner in network for network in _named() if network.version == inner.version):
        return True
    return inner.is_global and not inner.is_multicast


def _unwrapped(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return address.ipv4_mapped
        if address.sixtofour:
            return address.sixtofour
        if address in ipaddress.IPv6Network("64:ff9b::/96"):
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _named() -> list[Network]:
    words = settings.EGRESS_ALLOW.replace(",", " ").split()
    return [ipaddress.ip_network(word, strict=False) for word in words]
