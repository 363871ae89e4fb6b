"""
The power fails: of every file there is what was there at its last fsync, and no process
is alive. `tests/support/last_fsync.c` keeps that while a real process sends.
"""

import os
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from mailings import delivery
from mailings.delivery import journal
from mailings.models import Delivery
from tests.conftest import ROOT
from tests.crash.conftest import MANAGE, until
from tests.mailings.delivery.conftest import GivenRun, Pump, ledger
from tests.support.smtp_server import SmtpServer

pytestmark = [
    pytest.mark.process,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite's files"),
    pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler"),
]

RECIPIENTS = 400
SOURCE = ROOT / "tests" / "support" / "last_fsync.c"
LATER = timedelta(minutes=15)  # a journal that is gone could be on another machine


class Power:
    """Keeps the database's files as of their last fsync; `fail` puts them there."""

    def __init__(self, directory: Path) -> None:
        self._library = directory / "last_fsync.so"
        command = ["cc", "-shared", "-fPIC", "-o", self._library, SOURCE, "-ldl"]
        subprocess.run(command, check=True)
        self._durable = directory / "durable"
        self._durable.mkdir()
        self._database = Path(connection.settings_dict["NAME"])

    @property
    def env(self) -> dict[str, str]:
        """Of a process; all that was done before is safe."""
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copy(self._database, self._durable)
        return {"LD_PRELOAD": str(self._library), "DURABLE": str(self._durable)}

    def fail(self, process: "subprocess.Popen[bytes]") -> None:
        process.kill()
        assert process.wait(20) == -signal.SIGKILL
        connection.close()
        for ending in ("", "-wal"):
            name = f"{self._database.name}{ending}"
            shutil.copy(self._durable / name, self._database.with_name(name))
        self._database.with_name(f"{self._database.name}-shm").unlink(missing_ok=True)


def as_it_is(path: Path) -> None:
    """Its last lines happened to reach the disk."""


def torn(path: Path) -> None:
    os.truncate(path, path.stat().st_size * 2 // 3)


def empty(path: Path) -> None:
    os.truncate(path, 0)


@pytest.mark.parametrize("reached", [50, 230])  # messages that the server has taken
@pytest.mark.parametrize("has_become", [as_it_is, torn, empty, Path.unlink])
def test_what_was_claimed_when_the_power_failed_is_in_doubt_and_nothing_else(
    has_become: Callable[[Path], None],
    reached: int,
    smtp_server: SmtpServer,
    given_run: GivenRun,
    pump: Pump,
    process_env: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    Y26. The power fails: files are as they were at their last fsync, the journal is
    torn, empty or gone.

    Unknown is what the worker had claimed, nothing more; nobody is lost, and nobody
    gets it again.
    """
    power = Power(tmp_path)
    run = given_run(RECIPIENTS)
    sender = subprocess.Popen(
        [*MANAGE, "send_mailing", str(run.mailing_id)],
        env=process_env | power.env,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    until(lambda: len(smtp_server.received) >= reached)
    power.fail(sender)
    for path in (tmp_path / "journal").iterdir():
        has_become(path)
    monkeypatch.setattr(journal, "boot_id", lambda: "another start of the machine")
    claimed = Delivery.objects.filter(run=run, lease__isnull=False).count()
    delivery.recover(timezone.now() + LATER)
    pump()
    taken = Counter(mail.recipient for mail in smtp_server.received)
    figures = ledger(run)
    assert set(taken.values()) == {1}
    assert 0 < claimed < RECIPIENTS
    assert figures["unknown"] == claimed
    assert figures["accepted"] + figures["unknown"] == RECIPIENTS
    accepted = run.deliveries.filter(state="accepted").values_list("email", flat=True)
    assert set(accepted) <= taken.keys()
