"""Real files are copied and put back, and real commands find them out."""

import json
import shutil
import sqlite3
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.db import connection

from tests import recipes
from tests.conftest import ROOT
from tests.crash.conftest import MANAGE
from tests.support.smtp_server import SmtpServer
from users.models import User

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(connection.vendor != "sqlite", reason="copies SQLite's file"),
]

OLDER, ELSEWHERE = "a backup was restored", "it was moved or copied"


class Said(NamedTuple):
    code: int
    words: str

    @property
    def accepted(self) -> Any:
        return json.loads(self.words.splitlines()[0])["accepted"]


class Place:
    """A VAR_DIR with its database in it."""

    def __init__(self, directory: Path, env: dict[str, str]) -> None:
        self.directory = directory
        self.database = directory / "db.sqlite3"
        self._env = env | {
            "VAR_DIR": str(directory),
            "DATABASE_URL": f"sqlite:///{self.database}",
        }

    def send_due(self) -> Said:
        done = subprocess.run(
            [*MANAGE, "send_due", "--json"],
            env=self._env,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Said(done.returncode, done.stdout + done.stderr)

    def run(self, sql: str) -> None:
        with sqlite3.connect(self.database) as database:
            database.execute(sql)

    def back_up(self, to: Path) -> Path:
        source, copy = sqlite3.connect(self.database), sqlite3.connect(to)
        source.backup(copy)
        source.close()
        copy.close()
        return to

    def restore(self, backup: Path) -> None:
        for path in self.directory.glob("db.sqlite3*"):
            path.unlink()
        shutil.copy(backup, self.database)


@pytest.fixture
def place(
    alice: User, smtp_server: SmtpServer, process_env: dict[str, str], tmp_path: Path
) -> Place:
    """Two mailings of two; only the first is due so far."""
    to = recipes.clients(alice, 2)
    recipes.mailing(alice, clients=to)
    recipes.mailing(
        alice,
        clients=to,
        start_at=recipes.moment("2100-01-01 09:00"),
        end_at=recipes.moment("2100-02-01 09:00"),
    )
    made = Place(tmp_path / "var", process_env)
    made.directory.mkdir()
    source = sqlite3.connect(connection.settings_dict["NAME"])
    copy = sqlite3.connect(made.database)
    source.backup(copy)
    source.close()
    copy.close()
    assert made.send_due().accepted == 2
    made.run("UPDATE mailings_mailing SET start_at = '2026-01-01 09:00:00'")
    return made


def test_a_copy_of_the_database_in_another_directory_sends_nothing(
    place: Place, smtp_server: SmtpServer, process_env: dict[str, str], tmp_path: Path
) -> None:
    """
    Y27. A copy of the database wakes up in another place.

    Nothing is sent until a manager confirms it.
    """
    copy = Place(tmp_path / "copy", process_env)
    copy.directory.mkdir()
    place.back_up(copy.database)
    for _ in range(2):
        code, words = copy.send_due()
        assert (code, ELSEWHERE in words) == (1, True)
    assert len(smtp_server.received) == 2
    assert place.send_due().accepted == 2  # where it was, it goes on


def test_a_backup_that_is_put_back_sends_nothing(
    place: Place, smtp_server: SmtpServer, tmp_path: Path
) -> None:
    """
    Y27. A backup from before the last sending is put back.

    Nothing is sent until a manager confirms it.
    """
    backup = place.back_up(tmp_path / "backup.sqlite3")
    assert place.send_due().accepted == 2
    place.restore(backup)
    for _ in range(2):
        code, words = place.send_due()
        assert (code, OLDER in words) == (1, True)
    assert len(smtp_server.received) == 4


def test_a_backup_that_missed_nothing_goes_on(
    place: Place, smtp_server: SmtpServer, tmp_path: Path
) -> None:
    """
    Y27. A backup is put back, and nothing was sent since.

    It goes on by itself.
    """
    place.restore(place.back_up(tmp_path / "backup.sqlite3"))
    assert place.send_due().accepted == 2
