"""The listening socket that the supervisor opens and all workers accept from."""

import ctypes
import socket
import struct
import sys
from contextlib import suppress

BACKLOG = 8192
"""Connections that may wait to be accepted; the kernel's net.core.somaxconn may make it less. Beyond it the kernel drops
what comes, and a client tries again after one second, three and seven."""

_SO_ATTACH_FILTER = 26
_DROP_FIRST_PACKETS = (
    (0x30, 0, 0, 13),  # load the byte of a TCP header that holds its flags
    (0x54, 0, 0, 0x12),  # of them SYN and ACK
    (0x15, 0, 1, 0x02),  # SYN alone opens a connection
    (0x06, 0, 0, 0),  # drop it
    (0x06, 0, 0, 0x40000),  # pass everything else
)
"""Classic BPF: code, jump if true, jump if false, operand."""


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
    """
    if sys.platform != "linux":
        return
    program = b"".join(struct.pack("=HBBI", *step) for step in _DROP_FIRST_PACKETS)
    memory = ctypes.create_string_buffer(program, len(program))
    filter_ = struct.pack("@HP", len(_DROP_FIRST_PACKETS), ctypes.addressof(memory))
    with suppress(OSError):  # where a sandbox forbids it, who comes while the socket closes is lost
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, filter_)
