"""What others do with the same work, each in its own process and database."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.places import PostgresPlace, SqlitePlace
from benchmarks.results import Result
from benchmarks.servers import ROOT

_REQUIREMENTS = ROOT / "requirements-bench.txt"


@dataclass(frozen=True)
class _Kind:
    connections: int | None = None  # None: as many as are asked for


PEERS = {
    "naive": _Kind(connections=1),
    "django-mailer": _Kind(connections=1),
    "django-post_office": _Kind(),
}


def environment(directory: Path) -> str:
    """A Python with the peers in it; made once, and anew when their list changes."""
    home = Path(os.environ.get("XDG_CACHE_HOME", directory)) / "mailsvc-bench-peers"
    python, mark = home / "bin" / "python", home / _REQUIREMENTS.name
    wanted = _REQUIREMENTS.read_bytes()
    if not mark.exists() or mark.read_bytes() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)
        subprocess.run(
            [
                *(python, "-m", "pip", "install", "-q", "--require-hashes"),
                *("--disable-pip-version-check", "-r", _REQUIREMENTS),
            ],
            check=True,
        )
        mark.write_bytes(wanted)
    return str(python)


@dataclass
class Peer:
    name: str
    place: PostgresPlace | SqlitePlace
    directory: Path
    python: str
    recipients: int
    connections: int
    is_far: bool = False

    @property
    def _database(self) -> str:
        return self.name.replace("-", "_")

    def prepare(self) -> None:
        template = f"{self._database}_template"
        self._call("prepare", url=self.place.create(template))

    def run(self, port: int, *, limit: float) -> Result:
        name = self._database
        url = self.place.create(name, template=f"{name}_template")
        before = self.place.size(name)
        told = json.loads(self._call("send", url=url, port=port, limit=limit))
        size = (self.place.size(name) - before) / self.recipients
        self.place.drop(name)
        return Result(
            self.name,
            self.recipients,
            told["seconds"],
            told["cpu"],
            told["peak_mb"],
            size,
        )

    def _call(
        self, verb: str, *, url: str, port: int = 1, limit: float | None = None
    ) -> str:
        """What it prints."""
        numbers = (self.recipients, self.connections, port)
        done = subprocess.run(
            [
                *(self.python, "-m", "benchmarks.peer_project", self.name, verb),
                *map(str, numbers),
                "far" if self.is_far else "near",
            ],
            cwd=ROOT,
            env={**os.environ, "DATABASE_URL": url, "TMPDIR": str(self.directory)},
            text=True,
            capture_output=True,
            timeout=limit,
        )
        if done.returncode:
            raise RuntimeError(f"{self.name}: {done.stderr.strip()[-2000:]}")
        return done.stdout
