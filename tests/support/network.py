"""No test speaks to another machine, and none can do so and pass unnoticed."""

import ipaddress
import os
import socket
import sys
from urllib.parse import urlsplit

# What went wrong since the last look; a test may well have swallowed the exception.
attempts: list[str] = []

_SERVICES = {
    urlsplit(os.environ.get(name, "")).hostname
    for name in ("DATABASE_URL", "TESTS_CACHE_URL")
}
_NAMES = {None, "", "localhost", "testserver", socket.gethostname(), *_SERVICES}


class Outside(Exception):
    """Not an OSError: the code under test must not take it for a server's fault."""


def _is_allowed(host: object) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    if name in _NAMES:
        return True
    try:
        return ipaddress.ip_address(str(name)).is_loopback
    except ValueError:
        return False


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    """An audit hook: it sees the sockets of every library."""
    if not event.startswith("socket."):
        return
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None  # else a local one
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    if not _is_allowed(host):
        attempts.append(f"{event} {host}")
        raise Outside(f"a test tried to reach {host!r}")


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def guard() -> None:
    """From now on, until the process ends."""
    sys.addaudithook(_watch)
