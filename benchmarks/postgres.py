"""
A PostgreSQL database for a benchmark, made for it and gone afterwards.

In the server that a URL names, or else in a server of the benchmark's own: started in
a temporary directory, on a free port of 127.0.0.1.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

_NAME = f"mailsvc_benchmark_{os.getpid()}"
# What is lost in a power failure may be lost here; memory as on a small server.
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "512MB",
    "maintenance_work_mem": "512MB",
    "max_wal_size": "8GB",
    "listen_addresses": "127.0.0.1",
}


class NoPostgres(Exception):
    """Says in words what is missing."""


def stop_cleanly() -> None:
    """Asked to stop, even twice, the benchmark clears up on its way out."""

    def leave(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        sys.exit(143)

    signal.signal(signal.SIGTERM, leave)


@contextmanager
def server(url: str) -> Iterator[str]:
    """The URL of a server: the one given (without its database), or one of our own."""
    if url:
        yield url.rpartition("/")[0]
        return
    with _own_server() as own:
        yield own


@contextmanager
def database(server_url: str, suffix: str = "") -> Iterator[str]:
    """The URL of a fresh, empty database."""
    name = f"{_NAME}{suffix}"
    with psycopg.connect(f"{server_url}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    try:
        yield f"{server_url}/{name}"
    finally:
        with psycopg.connect(f"{server_url}/postgres", autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def version(server_url: str) -> str:
    with psycopg.connect(f"{server_url}/postgres") as connection:
        number = connection.info.server_version
    return f"{number // 10000}.{number % 10000}"


@contextmanager
def _own_server() -> Iterator[str]:
    folder = Path(tempfile.mkdtemp(prefix="mailsvc-benchmark-"))
    try:
        _as_postgres(folder, "initdb", "-A", "trust", "-U", "postgres", "-D", "data")
        port = _free_port()
        options = {**_SETTINGS, "port": port, "unix_socket_directories": str(folder)}
        arguments = " ".join(f"-c {name}={value}" for name, value in options.items())
        _as_postgres(
            folder, "pg_ctl", "-D", "data", "-l", "log", "-w", "-o", arguments, "start"
        )
        try:
            yield f"postgres://postgres@127.0.0.1:{port}"
        finally:
            _as_postgres(
                folder, "pg_ctl", "-D", "data", "-m", "immediate", "-w", "stop"
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port


def _as_postgres(folder: Path, program: str, *arguments: str) -> None:
    """PostgreSQL refuses to run as root: then it runs as its own user."""
    user = None
    if os.geteuid() == 0:
        try:
            user = pwd.getpwnam("postgres").pw_name
        except KeyError:
            raise NoPostgres("As root, there must be a user postgres.") from None
        shutil.chown(folder, user)
    done = subprocess.run(
        [_program(program), *arguments],
        cwd=folder,
        user=user,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,  # a pipe would be held open by the server
        stderr=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode:
        log = folder / "log"
        words = log.read_text()[-2000:] if log.exists() else ""
        raise NoPostgres(f"{program} failed. {words}".strip())


def _program(name: str) -> str:
    """On the path, or where Debian keeps it; the newest version."""
    found = shutil.which(name)
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    if found is None and not places:
        raise NoPostgres(
            f"There is no {name} here. Install PostgreSQL, or name a server by"
            " DATABASE_URL or --database-url."
        )
    return found or str(places[-1])
