"""
A PostgreSQL server of one's own, which may be restarted and killed:

    with Postgres(tmp_path) as server:
        ...  # server.url
        server.restart()
"""

import os
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import Self

from tests.support.network import free_port


def program(name: str) -> str | None:
    """Where it is: on the path, or where Debian keeps it, the newest."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return shutil.which(name) or (str(places[-1]) if places else None)


def why_not() -> str:
    """What is missing for a server of one's own; else nothing."""
    if program("initdb") is None or program("pg_ctl") is None:
        return "PostgreSQL's server is not installed here"
    if os.geteuid() == 0 and _unprivileged() is None:
        return "PostgreSQL does not run as root, and there is no user postgres"
    return ""


def _unprivileged() -> str | None:
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        return None


class Postgres:
    def __init__(self, directory: Path) -> None:
        self._directory = directory / "postgres"
        self.port = free_port()
        self.url = f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    def __enter__(self) -> Self:
        self._directory.mkdir(mode=0o700)
        if os.geteuid() == 0:
            # The way there must be open to it, too.
            shutil.chown(self._directory, "postgres")
        self._run("initdb", "-A", "trust", "-U", "postgres", "-N", "-D", "data")
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self) -> None:
        options = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self._directory),
            "max_connections": 60,
            "fsync": "off",  # the machine stays up; a killed server forgets nothing
        }
        words = " ".join(f"-c {name}={value}" for name, value in options.items())
        self._run("pg_ctl", "-D", "data", "-l", "log", "-w", "-o", words, "start")

    def stop(self) -> None:
        """At once, as after a crash: the next start has to recover."""
        self._run("pg_ctl", "-D", "data", "-m", "immediate", "-w", "stop")

    def restart(self) -> None:
        self.stop()
        self.start()

    def _run(self, name: str, *arguments: str) -> None:
        found = program(name)
        assert found is not None, why_not()
        done = subprocess.run(
            [found, *arguments],
            cwd=self._directory,
            user="postgres" if os.geteuid() == 0 else None,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # a pipe would be held open by the server
            stderr=subprocess.DEVNULL,
            check=False,
        )
        if done.returncode:
            log = self._directory / "log"
            words = log.read_text()[-2000:] if log.exists() else ""
            raise RuntimeError(f"{name} failed. {words}")
