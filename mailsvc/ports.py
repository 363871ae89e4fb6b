"""Which TCP ports of this machine are free: asked before services are started."""

import os
import socket
from contextlib import suppress


def from_environment(name: str, default: int) -> int:
    """Raises ValueError, in words, for what is no port."""
    value = os.environ.get(name) or str(default)
    with suppress(ValueError):
        if 1 <= int(value) <= 65535:
            return int(value)
    raise ValueError(f"{name} is a port, a number from 1 to 65535, not {value!r}.")


def trouble_with(host: str, port: int) -> str:
    """Why nobody can listen there now; empty if all is well."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as sock:
        # As servers do: what a closed connection leaves behind does not count.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
            sock.listen()
        except OSError as error:
            return error.strerror or str(error)
    return ""


def answers(host: str, port: int) -> bool:
    """Somebody listens there."""
    try:
        with socket.create_connection((host, port), timeout=0.2):
            return True
    except OSError:
        return False
