"""Where the control plane may connect on somebody's behalf: public addresses, and what an operator has allowed."""

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings

from projects.errors import Invalid

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# All that anybody's machine has of IPv6. Outside lie IPv4 addresses in its clothing (mapped, translated), which lead to
# wherever the machine or its network takes them; 6to4 does the same from inside, and 3fff::/20 is for books.
GIVEN_OUT = ipaddress.IPv6Network("2000::/3")
SIX_TO_FOUR, BOOKS = ipaddress.IPv6Network("2002::/16"), ipaddress.IPv6Network("3fff::/20")


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
    return look_up(parts.hostname, port)


def look_up(host: str, port: int) -> Destination:
    """Look a host up once; Forbidden where any of its addresses is out of bounds."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Forbidden(f"{host} cannot be found.") from None
    addresses = [ipaddress.ip_address(entry[4][0]) for entry in found]
    for address in addresses:
        if not allowed(address):
            # A name with one good and one bad address would be a way around: all must be good.
            raise Forbidden(
                f"{host} is at {address}, a private or special address; "
                "an operator can allow it with TOWPATH_EGRESS_ALLOW."
            )
    return Destination(host, port, str(addresses[0]))


def allowed(address: Address) -> bool:
    """Public, or in a network that an operator has named."""
    if is_named(address):
        return True
    if isinstance(address, ipaddress.IPv6Address) and (
        address not in GIVEN_OUT or address in SIX_TO_FOUR or address in BOOKS
    ):
        return False
    return address.is_global and not address.is_multicast


def is_named(address: Address) -> bool:
    """In a network that an operator has named, and so answers for."""
    words = settings.EGRESS_ALLOW.replace(",", " ").split()
    networks = [ipaddress.ip_network(word, strict=False) for word in words]
    return any(address in network for network in networks if network.version == address.version)
