"""Where the work's data lives: a private PostgreSQL cluster, or SQLite files."""

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from benchmarks import meter

_BINARIES = "/usr/lib/postgresql/*/bin"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class SqlitePlace:
    """One file per database; a copy of the file is a copy of the database."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def create(self, name: str, *, template: str = "") -> str:
        path = self._directory / f"{name}.sqlite3"
        path.unlink(missing_ok=True)
        if template:
            source = self._directory / f"{template}.sqlite3"
            shutil.copyfile(source, path)
        return f"sqlite:///{path}"

    def drop(self, name: str) -> None:
        for path in self._directory.glob(f"{name}.sqlite3*"):
            path.unlink()

    def cpu_seconds(self) -> float:
        """Nothing, as it works within the processes that use it."""
        return 0.0

    def lock_waits(self) -> tuple[int, int]:
        """Its waits are nowhere to be read."""
        return 0, 0

    def size(self, name: str) -> int:
        """Bytes."""
        paths = self._directory.glob(f"{name}.sqlite3*")
        return sum(path.stat().st_size for path in paths)


class PostgresPlace:
    """A cluster of its own, on a free port, with the settings that Debian ships."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory / "postgres"
        self.port = free_port()
        self._as_user = _as_unprivileged(directory)

    def start(self) -> None:
        self._directory.mkdir()
        if self._as_user:
            shutil.chown(self._directory, "postgres")
        self._call("initdb", "-U", "bench", "-A", "trust", "-D", str(self._data))
        listen = f"-p {self.port} -c listen_addresses=127.0.0.1"
        more = f"-k {self._directory} -c shared_buffers=256MB"
        # Who waits for a lock for longer than a tenth of a second is put in the log.
        waits = "-c log_lock_waits=on -c deadlock_timeout=100ms"
        self._call(
            *("pg_ctl", "-w", "-D", str(self._data), "-l", str(self._log)),
            *("-o", f"{listen} {more} {waits}", "start"),
        )

    def stop(self) -> None:
        self._call("pg_ctl", "-D", str(self._data), "-m", "fast", "stop")

    @property
    def _data(self) -> Path:
        return self._directory / "data"

    @property
    def _log(self) -> Path:
        return self._directory / "log"

    def cpu_seconds(self) -> float:
        """Of the server and of all its processes so far."""
        pid = int((self._data / "postmaster.pid").read_text().split()[0])
        return meter.cpu_seconds(meter.family(pid))

    def lock_waits(self) -> tuple[int, int]:
        """How many lasted longer than 100 ms so far, and how many were deadlocks."""
        log = self._log.read_text(errors="replace")
        return log.count("still waiting for"), log.count("deadlock detected")

    def create(self, name: str, *, template: str = "template1") -> str:
        self.drop(name)
        self.sql(f"CREATE DATABASE {name} TEMPLATE {template or 'template1'}")
        self.sql("CHECKPOINT")
        return f"postgres://bench@127.0.0.1:{self.port}/{name}"

    def drop(self, name: str) -> None:
        self.sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def size(self, name: str) -> int:
        """Bytes."""
        return int(self.sql(f"SELECT pg_database_size('{name}')"))

    def sql(self, statement: str, database: str = "postgres") -> str:
        return self._call(
            *("psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "bench"),
            *("-d", database, "-v", "ON_ERROR_STOP=1", "-qAtc", statement),
        ).strip()

    def _call(self, program: str, *arguments: str) -> str:
        command = [*self._as_user, _binary(program), *arguments]
        done = subprocess.run(command, cwd="/", text=True, capture_output=True)
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stderr.strip()}")
        return done.stdout


def _as_unprivileged(directory: Path) -> list[str]:
    """PostgreSQL does not run as root; then it runs as the user of its package."""
    if os.geteuid() != 0:
        return []
    directory.chmod(0o755)
    return ["runuser", "-u", "postgres", "--"]


def _binary(name: str) -> str:
    found = sorted(Path("/").glob(f"{_BINARIES[1:]}/{name}"))
    path = str(found[-1]) if found else shutil.which(name)
    if path is None:
        raise RuntimeError(f"{name} was not found: install PostgreSQL's server.")
    return path


@contextlib.contextmanager
def place(kind: str, directory: Path) -> Iterator[SqlitePlace | PostgresPlace]:
    """`kind` is postgres or sqlite."""
    if kind == "sqlite":
        yield SqlitePlace(directory)
        return
    cluster = PostgresPlace(directory)
    cluster.start()
    try:
        yield cluster
    finally:
        cluster.stop()
