"""Sender and recipients: who is refused, who is put off, and who is not to blame."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from mailings.models import Attempt, Delivery
from tests.faults.conftest import Bench, Patience
from tests.support.smtp_script import (
    HANG,
    USUAL,
    Act,
    Context,
    Endless,
    goodbye,
    reply,
)

pytestmark = pytest.mark.django_db

Deliver = Callable[..., None]


@pytest.mark.parametrize("code", [451, 452])
def test_the_server_has_no_room(bench: Bench, code: int) -> None:
    """
    S14. MAIL is answered with 451 or 452 for two minutes.

    The server's fault: everybody waits and nobody is charged; then all is sent.
    """
    bench.script(mail=reply(code, "4.3.1 No room"))
    run = bench.run()
    assert bench.pump().server_error == f"{code} 4.3.1 No room"
    bench.pump(after=60)
    bench.is_untouched(run)
    bench.script(mail=None)
    bench.pump(after=120)
    bench.ends(run, planned=4, accepted=4, attempts=4)


def test_the_sender_is_refused(bench: Bench) -> None:
    """
    S14. MAIL is answered with 550: the sender is not wanted.

    Our account's trouble: sending stops, the reply is shown, nobody fails.
    """
    bench.script(mail=reply(550, "5.1.8 You are not who you say"))
    run = bench.run()
    assert bench.pump().server_error == "550 5.1.8 You are not who you say"
    assert bench.circuit.reason == "550 5.1.8 You are not who you say"
    bench.is_untouched(run)


def test_one_of_a_hundred_does_not_exist(bench: Bench) -> None:
    """
    S15. One recipient of a hundred is refused (550 5.1.1).

    Exactly that one fails, with these words; all others get it.
    """
    bench.script(rcpt={"c7@example.com": reply(550, "5.1.1 No such user")})
    run = bench.run(100)
    bench.pump()
    bench.ends(run, planned=100, accepted=99, refused=1, attempts=100)
    refused = Attempt.objects.get(outcome="refused")
    assert refused.delivery.email == "c7@example.com"
    assert (refused.phase, refused.code, refused.enhanced_code, refused.reply) == (
        *("rcpt", 550, "5.1.1"),
        "5.1.1 No such user",
    )


def test_greylisting(bench: Bench) -> None:
    """
    S16. Each pair of sender and recipient is put off twice (451 4.7.1).

    Everybody gets it at the third try, and the tries are a minute and then five apart,
    a fifth more or less.
    """
    tried: Counter[str] = Counter()

    def grey(context: Context) -> Act:
        tried[context.recipients[-1]] += 1
        is_known = tried[context.recipients[-1]] > 2
        return USUAL if is_known else reply(451, "4.7.1 Greylisted")

    bench.script(rcpt=grey)
    run, begun = bench.run(3), timezone.now()
    bench.pump()
    first, last = begun + timedelta(seconds=48), timezone.now() + timedelta(seconds=72)
    due = run.deliveries.values_list("due_at", flat=True)
    assert all(first <= at <= last for at in due)
    bench.pump(after=30)  # nobody is due
    bench.ends(run, planned=3, deferred=3, attempts=3)
    bench.pump(after=80)
    bench.pump(after=280)  # nobody is due
    bench.ends(run, planned=3, deferred=3, attempts=6)
    bench.pump(after=80 + 400)
    bench.ends(run, planned=3, accepted=3, attempts=9)


def test_a_mailbox_that_is_always_busy(bench: Bench) -> None:
    """
    S17. A recipient is put off for ever (450).

    Twelve tries in a day, then it is given up and says so.
    """
    bench.script(rcpt=reply(450, "4.2.1 Busy"))
    begun = timezone.now()
    run = bench.run(1, end_at=begun + timedelta(days=3))
    bench.pump()
    for _ in range(11):
        due = run.deliveries.get().due_at
        bench.pump(after=(due - timezone.now()).total_seconds() + 1)
    ended = run.deliveries.get()
    assert (ended.state, ended.reason) == ("expired", "tries_over")
    assert timedelta(hours=18) < ended.due_at - begun < timedelta(hours=30)
    bench.ends(run, planned=1, expired=1, attempts=12)


def test_goodbye_after_every_fifty(bench: Bench, deliver: Deliver) -> None:
    """
    S18. Every fiftieth RCPT on a connection is answered with 421 and the end.

    The connection is made anew; everybody gets it once, nobody is charged.
    """
    deliver(connections=2)
    seen: Counter[int] = Counter()

    def tired(context: Context) -> Act:
        seen[context.connection] += 1
        return goodbye("4.7.0 Enough") if seen[context.connection] % 50 == 0 else USUAL

    bench.script(rcpt=tired)
    run = bench.run(300)
    assert bench.pump().server_error is None
    bench.ends(run, planned=300, accepted=300, attempts=300)
    assert bench.server.connections >= 6


@pytest.mark.parametrize("code", [251, 252])
def test_a_recipient_is_taken_in_other_words(bench: Bench, code: int) -> None:
    """
    S19. RCPT is answered with 251 or 252.

    As good as 250.
    """
    bench.script(rcpt=reply(code, "2.1.5 Will forward"))
    run = bench.run()
    bench.pump()
    bench.ends(run, planned=4, accepted=4, attempts=4)


@pytest.mark.parametrize(
    ("stage", "code"),
    [("data", 503), *(("rcpt", code) for code in (500, 501, 502, 503, 504))],
)
def test_a_protocol_error(bench: Bench, stage: str, code: int) -> None:
    """
    S19. DATA is answered with 503, RCPT with 500 to 504.

    The server's fault, never a recipient's.
    """
    bench.script(**{stage: reply(code, "5.5.1 What?")})
    run = bench.run()
    assert bench.pump().server_error == f"{code} 5.5.1 What?"
    bench.is_untouched(run)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(HANG, id="hangs"),
        pytest.param(Endless(), id="endless"),
        pytest.param(b"250 " + b"x" * 9000 + b"\r\n", id="over-long"),
        pytest.param(b"what?\r\n", id="garbage"),
    ],
)
def test_the_verdict_stands(
    bench: Bench, patience: Patience, answer: Act, deliver: Deliver
) -> None:
    """
    S20. A recipient is refused, and RSET gets no reply, an over-long one or garbage.

    The refusal stands; seconds are lost, and nobody else.
    """
    deliver(connections=1)
    patience("quit")
    refused = reply(550, "5.1.1 No such user")
    bench.script(rcpt={"c1@example.com": refused}, rset=answer)
    run = bench.run()
    bench.pump()
    bench.ends(run, planned=4, accepted=3, refused=1, attempts=4)
    assert ("refused", "rcpt", 550, "5.1.1 No such user") in bench.logged(run)


def test_a_rate_limit(bench: Bench) -> None:
    """
    S30. No more than ten recipients a minute are taken, the others get 451 4.7.0.

    They come back a minute later, a fifth more or less; each time there are fewer, and
    nobody's tries are used up.
    """
    allowance = [0]

    def limit(context: Context) -> Act:
        allowance[0] -= 1
        slow = reply(451, "4.7.0 Too much mail, try again in 60 seconds")
        return USUAL if allowance[0] >= 0 else slow

    bench.script(rcpt=limit)
    run = bench.run(40)
    waiting: list[Any] = []
    for hours in (0, 2, 5, 10):  # by then all are due again, also who tried twice
        allowance[0] = 10
        bench.pump(after=3600 * hours)
        waiting.append(Delivery.objects.waiting().count())
    assert waiting == [30, 20, 10, 0]
    run.refresh_from_db()
    # Not everybody tries each time: a domain that asks for patience gets some.
    assert 40 < run.attempts <= 40 + 30 + 20 + 10
    bench.ends(run, planned=40, accepted=40, attempts=run.attempts)
