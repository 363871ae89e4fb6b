"""A run whose files can't be had just now waits, says why, and harms nobody else."""

import errno
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db.models import F
from django.test import Client as Browser
from django.utils import timezone

from mailings import lifecycle
from mailings.models import Attempt, Circuit, Mailing, Run
from tests import recipes
from tests.mailings.delivery.conftest import GivenRun, Pump, ledger
from tests.support.smtp_server import SmtpServer
from users.models import User

pytestmark = pytest.mark.django_db

LARGE = bytes(range(256)) * 2_000


@pytest.fixture
def mailing(alice: User) -> Mailing:
    """With a large file."""
    message = recipes.message(alice, body="Text")
    recipes.attachment(message, name="large.bin", content=LARGE)
    recipes.clients(alice, 3)
    return recipes.mailing(alice, message=message, all_clients=True)


@pytest.fixture
def run(mailing: Mailing) -> Run:
    run = lifecycle.send_now(mailing, now=timezone.now())
    assert run is not None
    return run


@contextmanager
def little_space() -> Iterator[None]:
    """No file here gets larger than 100 KB: as with a disk that is nearly full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def unreadable(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    def fails(*_: object) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr("mailings.delivery.letter.os.pread", fails)
        yield broken


def let_time_pass(run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(
        waits_until=F("waits_until") - timedelta(minutes=2)
    )


def test_a_full_disk_stops_the_run_with_the_files_and_no_other(
    run: Run, given_run: GivenRun, pump: Pump, bob: User, smtp_server: SmtpServer
) -> None:
    """
    Y16. There is no space to prepare a run's files.

    That run waits, with the reason on its page, and nobody is charged; others go on.
    With space it goes on by itself.
    """
    other = given_run(4, owner=bob)
    with little_space():
        report = pump()
        assert report.trouble == ""
        assert ledger(other) == {"planned": 4, "accepted": 4, "attempts": 4}
        assert ledger(run) == {"planned": 3, "pending": 3}
        assert "File too large" in run.waits_because
        assert pump().attempts == 0  # nobody asks for it again and again
    let_time_pass(run)
    pump()
    assert ledger(run) == {"planned": 3, "accepted": 3, "attempts": 3}
    assert (run.waits_because, run.waits_until) == ("", None)
    assert len(smtp_server.received) == 7


def test_what_was_encoded_in_part_takes_no_space(
    run: Run, given_run: GivenRun, pump: Pump, alice: User, smtp_server: SmtpServer
) -> None:
    """The other one's small file comes into the same file, behind nothing."""
    message = recipes.message(alice, body="Text")
    recipes.attachment(message, content=b"x" * 40_000)
    small = lifecycle.send_now(
        recipes.mailing(alice, message=message, all_clients=True), now=timezone.now()
    )
    assert small is not None
    with little_space():
        pump()
    assert ledger(small) == {"planned": 3, "accepted": 3, "attempts": 3}
    assert ledger(run) == {"planned": 3, "pending": 3}


@pytest.mark.usefixtures("both_modes")
@pytest.mark.parametrize("size", [100, 500_000])
def test_a_file_that_cannot_be_read_is_not_the_mail_servers_fault(
    size: int,
    mailing: Mailing,
    given_run: GivenRun,
    pump: Pump,
    bob: User,
    smtp_server: SmtpServer,
    unreadable: pytest.MonkeyPatch,
) -> None:
    """
    Y16. A run's files can't be read while letters are on their way.

    Nobody is charged and the mail server is not blamed; that run waits, with the reason
    on its page, and others go on.
    """
    assert mailing.message is not None
    mailing.message.attachments.all().delete()
    recipes.attachment(mailing.message, content=b"x" * size)
    run, other = (
        lifecycle.send_now(mailing, now=timezone.now()),
        given_run(9, owner=bob),
    )
    assert run is not None
    report = pump()
    assert (report.server_error, report.trouble) == (None, "")
    assert not Circuit.objects.exclude(state="closed", failures=0).exists()
    assert ledger(other) == {"planned": 9, "accepted": 9, "attempts": 9}
    assert ledger(run) == {"planned": 3, "pending": 3}
    assert not Attempt.objects.filter(run=run).exists()
    assert "Input/output error" in run.waits_because
    unreadable.undo()
    let_time_pass(run)
    pump()
    assert ledger(run) == {"planned": 3, "accepted": 3, "attempts": 3}
    assert run.waits_because == ""


@pytest.mark.usefixtures("smtp_server")
def test_the_reason_is_on_screen(
    run: Run, pump: Pump, alice_client: Browser, unreadable: pytest.MonkeyPatch
) -> None:
    pump()
    for url in (run.get_absolute_url(), run.mailing.get_absolute_url()):
        page = alice_client.get(url).content.decode()
        assert "can't be read at the moment" in page
        assert "Input/output error" in page


@pytest.mark.usefixtures("smtp_server", "unreadable")
def test_the_command_says_why(mailing: Mailing) -> None:
    with pytest.raises(CommandError, match="Input/output error"):
        call_command("send_mailing", str(mailing.pk), stdout=StringIO())
