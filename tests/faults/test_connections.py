"""Connections that come and go: fewer while they must be, more when they can."""

import time
from collections import Counter
from collections.abc import Callable

import pytest

from mailings.delivery import PumpReport
from tests.faults.conftest import Bench, Patience
from tests.support.smtp_script import (
    CLOSE,
    HANG,
    USUAL,
    Act,
    Say,
    Steps,
    Wait,
    reply,
)

pytestmark = pytest.mark.django_db

Deliver = Callable[..., None]


@pytest.mark.parametrize("patient_for", [0, 0.02], ids=["at-once", "a-little-later"])
@pytest.mark.parametrize("last_words", [b"", reply(421, "4.4.2 Timeout")])
def test_closed_after_each_mail(
    bench: Bench, patient_for: float, last_words: bytes, deliver: Deliver
) -> None:
    """
    S26. The server closes after each message, without a word or with 421.

    The next message takes a new connection; nobody is charged, nobody gets it twice.
    """
    deliver(connections=2)
    bench.script(dot=Steps(USUAL, Wait(patient_for), last_words, CLOSE))
    run = bench.run(20)
    assert bench.pump().server_error is None
    bench.ends(run, planned=20, accepted=20, attempts=20)
    assert bench.server.connections >= 20


@pytest.mark.parametrize("stage", ["rcpt", "dot"])
def test_a_surplus_reply(bench: Bench, stage: str) -> None:
    """
    S27. There is one reply too many after RCPT, or after the message.

    It is not taken for the next one: the connection is thrown away, and everybody gets
    their own verdict.
    """
    two = Say(b"250 2.1.5 Ok\r\n250 2.1.5 Ok\r\n")
    bench.script(
        **{stage: {"c1@example.com": [two, USUAL], "c5@example.com": [two, USUAL]}}
    )
    refused = {"c3@example.com": reply(550, "5.1.1 No such user")}
    bench.server.script["rcpt"] = refused | bench.server.script.get("rcpt", {})
    run = bench.run(20)
    bench.pump()
    bench.ends(run, planned=20, accepted=19, refused=1, attempts=20)


def test_two_connections_are_allowed(bench: Bench, deliver: Deliver) -> None:
    """
    S29. The server takes two connections and answers 421 to the third.

    Mail goes out over two, without anybody being charged; the others ask seldom.
    """
    deliver(connections=6, rests=[0.5, 60.0])
    bench.server.max_connections = 2
    bench.server.delay = 0.01
    run = bench.run(200)
    assert bench.pump().server_error is None
    bench.ends(run, planned=200, accepted=200, attempts=200)
    assert len({mail.connection for mail in bench.server.received}) == 2
    assert bench.server.connections <= 2 + 4 * 2


def test_more_are_allowed_later(bench: Bench, deliver: Deliver) -> None:
    """
    S29. The limit is lifted while mail is going out.

    The connections that were given up come back by themselves.
    """
    deliver(connections=6, rests=[0.2, 0.4])
    bench.server.max_connections = 2
    bench.server.delay = 0.02
    run = bench.run(300)
    lifted_at: list[int] = []

    def lift(report: PumpReport) -> None:
        if report.accepted >= 40 and not lifted_at:
            lifted_at.append(len(bench.server.received))
            bench.server.max_connections = None

    bench.pump(on_progress=lift)
    bench.ends(run, planned=300, accepted=300, attempts=300)
    early = {mail.connection for mail in bench.server.received[: lifted_at[0]]}
    late = {mail.connection for mail in bench.server.received[-30:]}
    assert (len(early), len(late)) == (2, 6)


def test_all_connections_work_after_a_probe(bench: Bench, deliver: Deliver) -> None:
    """
    S29. The server was away, and is back for the probe.

    One connection until the first message is answered for, then all.
    """
    deliver(connections=4)
    bench.server.delay = 0.05
    bench.script(connect=reply(421, "4.3.2 Closed"))
    run = bench.run(60)
    bench.pump()
    knocked = bench.server.connections
    until_first: list[int] = []

    def first(context: object) -> Act:
        until_first.append(bench.server.connections - knocked)
        return USUAL

    bench.script(connect=None, dot=[first, USUAL])
    bench.pump(after=61)
    assert until_first == [1]
    assert bench.server.connections - knocked == 4
    bench.ends(run, planned=60, accepted=60, attempts=60)


def test_the_server_is_restarted_again_and_again(
    bench: Bench, deliver: Deliver
) -> None:
    """
    S31. The mail server is restarted ten times in the middle of a run.

    Everybody is accepted or unknown: at most one in doubt per connection and restart,
    nobody twice, nobody charged for a restart.
    """
    deliver(connections=4)
    bench.server.delay = 0.01
    run = bench.run(400)
    restarts: list[int] = []

    def restart(report: PumpReport) -> None:
        taken = len(bench.server.received)
        if len(restarts) < 10 and taken >= 30 * (len(restarts) + 1):
            restarts.append(taken)
            bench.server.stop()
            bench.server.start()

    for minutes in range(5):
        bench.pump(after=120 * minutes, on_progress=restart)
    run.refresh_from_db()
    assert len(restarts) == 10
    assert run.accepted + run.unknown == 400
    assert run.unknown <= 4 * 10
    assert run.attempts == 400
    bench.is_just()
    assert max(Counter(bench.copies).values()) == 1


def test_no_good_bye(bench: Bench, patience: Patience) -> None:
    """
    S32. QUIT is not answered.

    The run is over within the two seconds that are allowed for that.
    """
    patience("quit", 2)
    bench.script(quit=HANG)
    run = bench.run(20)
    begun = time.monotonic()
    bench.pump()
    assert time.monotonic() - begun < 2 + 2
    bench.ends(run, planned=20, accepted=20, attempts=20)
