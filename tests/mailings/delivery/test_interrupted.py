"""A pump that is interrupted while it ends leaves its files to whom still uses them."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from mailings import delivery, lifecycle
from mailings.models import Mailing
from tests import recipes
from tests.mailings.delivery.conftest import Pump, ledger
from tests.support.smtp_script import TAKE, Steps, Wait, reply
from tests.support.smtp_server import SmtpServer
from users.models import User

pytestmark = pytest.mark.django_db


class OutOfTime(BaseException):
    """As whoever limits the time of a task raises it, wherever that may be."""


@contextmanager
def interruptions(*, every: float) -> Iterator[None]:
    def interrupt(*_: object) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, every, every)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture
def mailing(alice: User) -> Mailing:
    message = recipes.message(alice, body="Text")
    recipes.attachment(message, content=b"x" * 100_000)
    recipes.clients(alice, 1)
    return recipes.mailing(alice, message=message, all_clients=True)


def test_what_a_connection_still_writes_comes_into_no_other_file(
    mailing: Mailing, pump: Pump, smtp_server: SmtpServer, tmp_path: Path
) -> None:
    """Who opens something next gets a descriptor that was closed too early."""
    smtp_server.script["dot"] = Steps(TAKE, Wait(2.0), reply(250, "2.0.0 queued"))
    run = lifecycle.send_now(mailing, now=timezone.now())
    assert run is not None
    with pytest.raises(OutOfTime), interruptions(every=0.6):
        pump()
    with ExitStack() as stack:
        strangers = [
            stack.enter_context((tmp_path / f"{n}").open("w+b")) for n in range(20)
        ]
        smtp_server.wait_until(lambda: bool(smtp_server.received))
        time.sleep(2.5)
        assert [os.fstat(each.fileno()).st_size for each in strangers] == [0] * 20
    assert delivery.recover(timezone.now() + timedelta(seconds=1)) == 1
    assert ledger(run) == {"planned": 1, "accepted": 1, "attempts": 1}
