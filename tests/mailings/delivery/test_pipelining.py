"""Envelopes that fly ahead (RFC 2920): faster, and not one promise the less."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from mailings import lifecycle
from mailings.delivery import journal
from mailings.models import Attempt
from tests.mailings.delivery.conftest import GivenRun, Pump, ledger
from tests.support.smtp_script import (
    CLOSE,
    HANG,
    RST,
    USUAL,
    Action,
    Say,
    Steps,
    delayed,
    goodbye,
    reply,
    taken,
)
from tests.support.smtp_server import EXTENSIONS, SmtpServer
from tests.support.smtp_talk import Conversation, Received
from users.models import User

pytestmark = pytest.mark.django_db

NO_PIPELINING = tuple(each for each in EXTENSIONS if each != "PIPELINING")


@pytest.fixture
def one_connection(settings: Any) -> None:
    settings.DELIVERY = {**settings.DELIVERY, "connections": 1}


class WhenMoreComes(Action):
    """
    Holds the reply back for a moment, to see whether the client says more before it;
    if so, does what it was told to, the first `times`, and else the usual.
    """

    def __init__(self, act: object, times: int = 1) -> None:
        self.act, self.times = act, times
        self.came = 0

    async def perform(self, talk: Conversation) -> None:
        with contextlib.suppress(TimeoutError):
            while not talk._buffer and self.came < self.times:
                await asyncio.wait_for(talk._more(), 0.3)
        self.came += bool(talk._buffer)
        is_meant = talk._buffer and self.came <= self.times
        await talk.perform(self.act if is_meant else USUAL)


class _Forget(Action):
    """Throws away what has come after the command at hand."""

    async def perform(self, talk: Conversation) -> None:
        talk._buffer.clear()


def everybody(server: SmtpServer, number: int) -> bool:
    """Each of them got it, and once."""
    got = sorted(mail.recipient for mail in server.received)
    return got == sorted(f"c{n}@example.com" for n in range(number))


@pytest.mark.usefixtures("one_connection")
def test_the_next_envelope_leaves_before_the_reply_to_the_body(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump, short_timeouts: Any
) -> None:
    smtp_server.script["dot"] = held_back = WhenMoreComes(USUAL, times=5)
    run = given_run(30)
    pump()
    assert ledger(run) == {"planned": 30, "accepted": 30, "attempts": 30}
    assert held_back.came >= 5
    assert smtp_server.connections == 1
    assert smtp_server.complaints == []


@pytest.mark.usefixtures("one_connection")
@pytest.mark.parametrize(("extensions", "reads"), [(EXTENSIONS, 2), (NO_PIPELINING, 4)])
def test_a_message_costs_few_round_trips(
    extensions: tuple[str, ...],
    reads: int,
    given_run: GivenRun,
    pump: Pump,
    point_mail_at: Callable[[int], None],
) -> None:
    with SmtpServer(extensions=extensions) as server:
        point_mail_at(server.port)
        given_run(100)
        pump()
        assert everybody(server, 100)
        assert server.complaints == []
        # A body and the envelope behind it are a flight, and one read or two. Around
        # it: banner, EHLO, QUIT, and the last ones, which go alone.
        assert server.reads <= reads * 100 + 8
        if extensions == NO_PIPELINING:
            assert server.reads >= reads * 100


@pytest.mark.usefixtures("one_connection")
def test_it_can_be_switched_off(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump, settings: Any
) -> None:
    settings.DELIVERY = {**settings.DELIVERY, "pipelining": False}
    given_run(10)
    pump()
    assert everybody(smtp_server, 10)
    assert smtp_server.reads >= 40


@pytest.mark.parametrize("always_354", [False, True])
@pytest.mark.parametrize("answer", [550, 451])
@pytest.mark.usefixtures("one_connection")
def test_a_refused_recipient_leaves_nothing_behind(
    answer: int,
    always_354: bool,  # noqa: FBT001
    smtp_server: SmtpServer,
    given_run: GivenRun,
    pump: Pump,
) -> None:
    """Whether the server refuses DATA then, or wants an empty body for nobody."""
    smtp_server.always_354 = always_354
    smtp_server.script["rcpt"] = {
        f"c{n}@example.com": reply(answer, "not today") for n in (0, 1, 5, 19)
    }
    run = given_run(20)
    pump()
    name = "refused" if answer == 550 else "deferred"
    assert ledger(run) == {"planned": 20, "accepted": 16, name: 4, "attempts": 20}
    logged = Attempt.objects.filter(outcome=name).values_list("phase", "code")
    assert set(logged) == {("rcpt", answer)}
    assert len(smtp_server.received) == 16
    assert smtp_server.connections == 1
    assert smtp_server.complaints == []


@pytest.mark.parametrize("number", [1, 4])
def test_no_more_than_one_body_per_connection_is_ever_in_doubt(
    number: int,
    given_run: GivenRun,
    pump: Pump,
    settings: Any,
    point_mail_at: Callable[[int], None],
) -> None:
    settings.DELIVERY = {**settings.DELIVERY, "connections": number}
    in_doubt: list[int] = []

    def look(mail: Received) -> None:
        """What a kill at this moment would leave."""
        (path,) = settings.DELIVERY["journal_dir"].iterdir()
        in_doubt.append(len(journal.read(path).in_doubt))

    with SmtpServer(on_message=look) as server:
        point_mail_at(server.port)
        given_run(60)
        pump()
    assert len(in_doubt) == 60
    assert 1 <= max(in_doubt) <= number


@pytest.mark.usefixtures("one_connection")
@pytest.mark.parametrize("ending", [CLOSE, RST, HANG, b"what?\r\n", goodbye()])
def test_a_lost_reply_harms_nobody_whose_envelope_flew_ahead(
    ending: object,
    smtp_server: SmtpServer,
    given_run: GivenRun,
    pump: Pump,
    short_timeouts: Any,
) -> None:
    if not isinstance(ending, Steps):
        ending = taken(ending)
    smtp_server.script["dot"] = fault = WhenMoreComes(ending)
    run = given_run(10)
    pump()
    figures = ledger(run)
    assert figures["accepted"] + figures.get("unknown", 0) == 10
    assert figures.get("unknown", 0) <= 1
    assert fault.came >= 1
    assert everybody(smtp_server, 10)


@pytest.mark.usefixtures("one_connection")
@pytest.mark.parametrize("stage", ["mail", "rcpt", "data"])
@pytest.mark.parametrize("ending", [CLOSE, RST, goodbye(), reply(451, "4.3.0 Later")])
def test_what_happens_to_an_envelope_that_flew_ahead_is_its_own_affair(
    stage: str,
    ending: object,
    smtp_server: SmtpServer,
    given_run: GivenRun,
    pump: Pump,
) -> None:
    smtp_server.script[stage] = [USUAL, USUAL, ending, USUAL]
    run = given_run(10)
    pump()
    figures = ledger(run)
    assert figures["accepted"] == 10 - figures.get("deferred", 0)
    # A temporary refusal of RCPT or DATA is about this one; of MAIL, about us.
    is_charged = stage != "mail" and isinstance(ending, bytes)
    assert figures.get("deferred", 0) == is_charged
    assert len(smtp_server.received) == figures["accepted"]


@pytest.mark.usefixtures("one_connection")
@pytest.mark.parametrize("surplus", [b"250 2.0.0 Ok\r\n", b"550 5.1.1 No\r\n"])
def test_a_reply_that_nobody_asked_for_is_nobodys_verdict(
    surplus: bytes, smtp_server: SmtpServer, given_run: GivenRun, pump: Pump
) -> None:
    twice = WhenMoreComes(Say(b"250 2.0.0 Ok\r\n" + surplus))
    smtp_server.script["dot"] = twice
    run = given_run(10)
    pump()
    assert ledger(run) == {"planned": 10, "accepted": 10, "attempts": 10}
    assert twice.came >= 1
    assert everybody(smtp_server, 10)


@pytest.mark.usefixtures("one_connection")
def test_a_server_that_only_says_it_can_is_talked_to_in_lock_step(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump, short_timeouts: Any
) -> None:
    smtp_server.script["dot"] = forgets = WhenMoreComes(Steps(_Forget(), USUAL))
    run = given_run(10)
    pump()
    assert ledger(run) == {"planned": 10, "accepted": 10, "attempts": 10}
    assert everybody(smtp_server, 10)
    assert forgets.came == 1  # and never again
    assert smtp_server.connections == 2


@pytest.mark.usefixtures("one_connection")
def test_an_envelope_that_flew_ahead_of_a_pause_is_nobodys_message(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump, alice: User
) -> None:
    """Nobody gets it after the reply to the message that was under way."""
    held_back = WhenMoreComes(delayed(3))
    smtp_server.script["dot"] = held_back
    run = given_run(20)

    def look() -> bool:
        run.mailing.refresh_from_db()
        if held_back.came and not run.mailing.is_paused:
            lifecycle.pause(run.mailing, by=alice)
        return False

    pump(stop=look)
    assert held_back.came >= 1
    assert ledger(run) == {"planned": 20, "accepted": 1, "pending": 19, "attempts": 1}
    assert len(smtp_server.received) == 1
    assert "QUIT" not in smtp_server.commands
    assert smtp_server.complaints == []
