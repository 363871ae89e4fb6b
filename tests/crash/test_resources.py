"""Disks without space, a cache that is away, logs that can't be written: it goes on."""

import resource
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client as Browser
from django.test import override_settings
from django.urls import reverse
from django.utils import timezone

from mailings import delivery
from mailings.delivery import PumpReport
from mailings.models import Circuit, Lease
from tests.conftest import ROOT
from tests.crash.conftest import MANAGE, is_finished, until
from tests.mailings.delivery.conftest import GivenRun, Pump, ledger
from tests.support import processes
from tests.support.redis import Redis, why_not
from tests.support.smtp_server import SmtpProcess, SmtpServer

pytestmark = pytest.mark.django_db(transaction=True)

RECIPIENTS = 60


# --- disks ---


def test_a_journal_without_space_stops_the_sending_with_a_reason(
    smtp_server: SmtpServer,
    given_run: GivenRun,
    pump: Pump,
    process_env: dict[str, str],
) -> None:
    """
    Y16. There is no space for the journal, in the middle of a run.

    No body leaves that is not on record; the command says why it ends, and the next
    one sends the rest, to nobody twice.
    """
    if connection.vendor == "sqlite":
        pytest.skip("the limit would hold for the database, too: see test_database")
    run = given_run(RECIPIENTS)
    done = subprocess.run(
        [*MANAGE, "send_mailing", str(run.mailing_id)],
        env=process_env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4_500, 4_500)),
        check=False,
    )
    assert done.returncode == 1
    assert "Nothing can be sent from here: The journal can't be written" in done.stderr
    sent = len(smtp_server.received)
    assert 0 < sent < RECIPIENTS
    pump()
    assert ledger(run)["accepted"] == RECIPIENTS
    assert len(smtp_server.received) == RECIPIENTS
    assert not Lease.objects.exists()
    assert not Circuit.objects.filter(state="open").exists()


def test_a_process_with_too_few_files_harms_nobody(
    smtp_server: SmtpServer,
    given_run: GivenRun,
    pump: Pump,
    process_env: dict[str, str],
) -> None:
    """
    Y18. The process may open hardly any files: not all connections can be made.

    No recipient is charged for it; with enough files the rest is sent.
    """
    run = given_run(RECIPIENTS)
    subprocess.run(
        [*MANAGE, "send_mailing", str(run.mailing_id)],
        env=process_env,
        cwd=ROOT,
        capture_output=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (13, 13)),
        timeout=60,
        check=False,
    )
    run.refresh_from_db()
    assert smtp_server.peak < settings.DELIVERY["connections"]
    assert run.attempts == run.accepted
    Circuit.objects.all().delete()
    delivery.recover(timezone.now())
    pump()
    assert ledger(run) == {"planned": 60, "accepted": 60, "attempts": 60}
    assert len(smtp_server.received) == RECIPIENTS


@pytest.mark.process
def test_logs_that_cannot_be_written_stop_nobody(
    mail_server: SmtpProcess,
    given_run: GivenRun,
    process_env: dict[str, str],
) -> None:
    """
    Y17. The disk with the log is full: every line of the worker's is an error.

    Mail goes out all the same.
    """
    run = given_run(RECIPIENTS)
    with open("/dev/full", "wb") as full:  # noqa: PTH123 - a device
        worker = subprocess.Popen(
            [*MANAGE, "qcluster"],
            env={**process_env, "LOG_LEVEL": "DEBUG"},
            cwd=ROOT,
            stdout=full,
            stderr=full,
            start_new_session=True,
        )
        try:
            until(lambda: is_finished(run.mailing), seconds=90)
        finally:
            worker.terminate()
            try:
                worker.wait(40)
            finally:
                processes.kill(processes.family(worker.pid))
                worker.wait(10)
    assert ledger(run)["accepted"] == RECIPIENTS
    assert len(mail_server.taken()) == RECIPIENTS


# --- the cache ---


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    if words := why_not():
        pytest.skip(words)
    with Redis(tmp_path) as server, override_settings(CACHES=server.caches):
        yield server


def stop(server: Redis) -> None:
    server.stop()


def freeze(server: Redis) -> None:
    server.signal(signal.SIGSTOP)


def forget(server: Redis) -> None:
    server.flush()


@pytest.mark.parametrize("happens", [stop, freeze, forget])
def test_a_cache_that_is_away_is_missed_by_nobody(
    happens: Callable[[Redis], None],
    redis: Redis,
    smtp_server: SmtpServer,
    given_run: GivenRun,
    pump: Pump,
    alice_client: Browser,
) -> None:
    """
    Y15. Redis is gone, silent, or forgets everything, in the middle of a run.

    Sending goes on, pages answer, nobody is signed out.
    """
    run = given_run(RECIPIENTS)
    pages = [
        reverse("home"),
        reverse("mailings:mailing-list"),
        run.get_absolute_url(),
    ]
    assert [alice_client.get(page).status_code for page in pages] == [200] * 3
    happened: list[object] = []

    def once(report: PumpReport) -> None:
        if not happened:
            happened.append(happens(redis))

    pump(on_progress=once)
    assert ledger(run) == {"planned": 60, "accepted": 60, "attempts": 60}
    assert len(smtp_server.received) == RECIPIENTS
    assert [alice_client.get(page).status_code for page in pages] == [200] * 3
