"""The listening socket that the supervisor opens and all workers accept from."""

import socket
import sys
from contextlib import suppress

BACKLOG = 8192
"""Connections that may wait to be accepted; the kernel's net.core.somaxconn may make it less. Beyond it the kernel drops
what comes, and a client tries again after one second, three and seven."""

_FEWEST_HOPS = ((socket.IPPROTO_IP, 21), (socket.IPPROTO_IPV6, 73))
"""IP_MINTTL and IPV6_MINHOPCOUNT of Linux: packets that have fewer hops left are dropped. A socket of IPv6 has both."""
_ALL_HOPS = 255


class CannotListen(Exception):
    """The address cannot be listened on; the message says why."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens. host: an address, or a name that stands for one. Raises CannotListen."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)  # IPv4 first
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise CannotListen(f"{host}:{port} cannot be listened on: {error.strerror or error}") from error
    listener.settimeout(0)
    return listener


def url(listener: socket.socket) -> str:
    """Where it is reached."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if listener.family == socket.AF_INET6 else f"http://{host}:{port}"


def let_nobody_in(listener: socket.socket) -> None:
    """Let no connection be opened any more, while those that the kernel has opened can still be accepted. Linux only.

    Closing a listening socket resets what nobody has accepted yet, and a client may have sent its request by then. After
    this a client's first packet is as if lost; when it is sent again, a second later, the socket is closed and refuses.
    What belongs to a handshake that has begun is let through. A packet filter would do the same, but some kernels allow it
    to root alone.
    """
    _require_hops(listener, _ALL_HOPS)


def hear_all(connection: socket.socket) -> None:
    """Take back what a connection has of a listening socket that lets nobody in: it would hear its client no more."""
    _require_hops(connection, 0)


def _require_hops(one: socket.socket, fewest: int) -> None:
    if sys.platform != "linux":
        return
    for level, option in _FEWEST_HOPS if one.family == socket.AF_INET6 else _FEWEST_HOPS[:1]:
        with suppress(OSError):  # where a sandbox forbids it, who comes while the socket closes is lost
            one.setsockopt(level, option, fewest)
