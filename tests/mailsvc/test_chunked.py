"""What the web server itself makes of a body that does not tell its length."""

import socket
import sys
from collections.abc import Callable

import pytest

from tests.mailsvc.conftest import Running, free_port, until

pytestmark = pytest.mark.process

HEAD = (
    "POST /accounts/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
    "Content-Type: application/x-www-form-urlencoded\r\n"
)


def _asked(port: int, *parts: bytes) -> bytes:
    """The answer; a server that hangs up early is no fault here."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as sock:
        try:
            for part in parts:
                sock.sendall(part)
        except (BrokenPipeError, ConnectionResetError):
            pass
        answer = b""
        try:
            while piece := sock.recv(65536):
                answer += piece
        except ConnectionResetError:
            pass
    return answer


def _is_open(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def test_no_way_around_the_limit_on_the_wire(start: Callable[..., Running]) -> None:
    port = free_port()
    start.command(  # type: ignore[attr-defined]
        [sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py"],
        PORT=str(port),
        DEBUG="true",
        MAX_UPLOAD_MB="1",
        WEB_CONCURRENCY="1",
    )
    until(lambda: _is_open(port))
    told = f"{HEAD}Content-Length: {2**21}\r\n\r\n".encode()
    # Refused by what it says, before any of it has come.
    assert _asked(port, told).startswith(b"HTTP/1.1 413 ")
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    untold = f"{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode()
    # Nothing of it is read: what it brings (a token, too) does not exist.
    answer = _asked(port, untold, *[chunk] * 32, b"0\r\n\r\n")
    assert answer == b"" or answer.startswith(b"HTTP/1.1 403 ")
    both = f"{HEAD}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    assert _asked(port, both, b"0\r\n\r\n").startswith(b"HTTP/1.1 400 ")
