"""The message itself: on its way, refused, or taken and not answered for."""

from collections.abc import Callable
from datetime import timedelta
from email import message_from_bytes

import pytest
from django.test import Client as Browser
from django.utils import timezone

from mailings import delivery, lifecycle, retrying
from mailings.delivery import PumpReport
from mailings.models import Attempt, Lease, Mailing, Run
from mailings.retrying import Failure
from tests.faults.conftest import Bench, Patience
from tests.support.smtp_script import (
    CLOSE,
    DEAF,
    HANG,
    RST,
    USUAL,
    Act,
    Endless,
    Steps,
    Within,
    delayed,
    goodbye,
    reply,
    taken,
)
from users.models import AuditEntry, User

pytestmark = pytest.mark.django_db

Deliver = Callable[..., None]

# More than the buffers of both kernels: the end is still here when it breaks.
LARGE = "All work and no play makes Jack a dull boy.\n" * 200_000


def large_run(bench: Bench) -> Run:
    bench.server.extensions[:] = ["SIZE 100000000"]
    run = bench.run(1)
    Run.objects.filter(pk=run.pk).update(body=LARGE)
    return run


def test_the_connection_breaks_within_the_body(
    bench: Bench, patience: Patience
) -> None:
    """
    S21. The connection is reset after 10 KB of a large message.

    The end of it never left, so it was certainly not taken: it is sent again at once,
    and nobody is charged.
    """
    patience("body", 30)
    patience("dot", 30)
    bench.script(body=[Within(10_000, RST), USUAL])
    run = large_run(bench)
    bench.pump()
    bench.ends(run, planned=1, accepted=1, attempts=1)


@pytest.mark.parametrize("ending", [CLOSE, DEAF], ids=["closes", "stops-reading"])
def test_the_refusal_comes_early(bench: Bench, ending: Act, patience: Patience) -> None:
    """
    S22. The server says 552 while the body is still being sent, and reads no more.

    The refusal is heard, with its words; nobody waits for the rest to be taken.
    """
    patience("body", 30)
    bench.script(body=Within(10_000, Steps(reply(552, "5.3.4 Too big"), ending)))
    run = large_run(bench)
    bench.pump()
    assert bench.logged(run) == [("refused", "dot", 552, "5.3.4 Too big")]
    bench.ends(run, planned=1, refused=1, attempts=1)


@pytest.mark.parametrize("said", [b"250 2.0.0 Fine\r\n", b"25"], ids=["all", "half"])
def test_an_approval_that_comes_early(
    bench: Bench, said: bytes, patience: Patience
) -> None:
    """
    S22. The server says 250, or begins to, while the body is still being sent.

    Nonsense is the server's fault, and nothing is believed of it.
    """
    patience("body", 30)
    # A server that goes on reading could have all before we hear it.
    bench.script(body=Within(10_000, Steps(said, DEAF)))
    run = large_run(bench)
    assert bench.pump().server_error == "The server replied before it had the message."
    bench.is_untouched(run)


def test_each_gets_its_own_verdict(bench: Bench) -> None:
    """
    S23. The message is answered with 250, 451, 552 and 554.

    Accepted, deferred and refused, each with the words that belong to it.
    """
    bench.script(
        dot={
            "c1@example.com": [reply(451, "4.3.0 Later"), USUAL],
            "c2@example.com": reply(552, "5.2.2 Full"),
            "c3@example.com": reply(554, "5.6.0 No"),
        }
    )
    run = bench.run(4)
    bench.pump()
    bench.ends(run, planned=4, accepted=1, deferred=1, refused=2, attempts=4)
    assert bench.logged(run)[1:] == [
        ("deferred", "dot", 451, "4.3.0 Later"),
        ("refused", "dot", 552, "5.2.2 Full"),
        ("refused", "dot", 554, "5.6.0 No"),
    ]
    bench.pump(after=90)
    bench.ends(run, planned=4, accepted=2, refused=2, attempts=5)


# --- the message is refused, whoever it is for ---


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        pytest.param("dot", "554 5.7.1 Looks like spam", id="spam"),
        pytest.param("dot", "552 5.3.4 Too big", id="size"),
        pytest.param("dot", "554 No", id="bare-554"),
        pytest.param("data", "550 5.6.0 No such mail", id="data"),
        pytest.param("rcpt", "554 5.7.1 Relay access denied", id="relay"),
    ],
)
def test_the_message_is_refused_for_all(bench: Bench, stage: str, words: str) -> None:
    """
    S23. Five recipients in a row hear the same refusal of the message, or of relaying.

    The mailing is paused with the server's words; besides the five only those in hand
    at that moment were refused. When its owner resumes it and the server still
    refuses, it is paused again.
    """
    bench.script(**{stage: f"{words}\r\n".encode()})
    run = bench.run(300)
    assert bench.pump().server_error is None
    mailing = Mailing.objects.get()
    assert (mailing.is_paused, mailing.pause_reason) == (True, words)
    run.refresh_from_db()
    assert 5 <= run.refused <= 5 + 8
    assert run.refused + run.pending == 300
    bench.is_just()
    said = len(bench.server.commands)
    bench.pump()
    assert len(bench.server.commands) == said
    lifecycle.resume(mailing, by=mailing.owner)
    assert (mailing.is_paused, mailing.pause_reason) == (False, "")
    bench.pump()
    run.refresh_from_db()
    assert Mailing.objects.get().pause_reason == words
    assert run.refused <= 2 * (5 + 8)
    bench.is_just()


def test_the_rest_of_it_goes_out_after_resuming(bench: Bench) -> None:
    """
    S23. The message is not refused any more when its owner resumes the mailing.

    Who was not refused gets it; the refusals stay, until somebody retries them.
    """
    bench.script(dot=reply(554, "5.7.1 Looks like spam"))
    run = bench.run(40)
    bench.pump()
    bench.script(dot=None)
    lifecycle.resume(Mailing.objects.get(), by=run.mailing.owner)
    bench.pump()
    run.refresh_from_db()
    assert run.refused + run.accepted == 40
    assert run.accepted >= 40 - 13
    bench.is_just()


def test_it_is_not_the_message_if_somebody_got_it(
    bench: Bench, deliver: Deliver
) -> None:
    """
    S23. Many refuse the message, but not all.

    Their own servers do not want it: the run goes on.
    """
    deliver(connections=1)
    refused = {f"c{n}@example.com": reply(554, "5.7.1 Spam") for n in range(1, 60)}
    bench.script(dot=refused)
    run = bench.run(60)
    bench.pump()
    bench.ends(run, planned=60, accepted=1, refused=59, attempts=60)
    assert not Mailing.objects.get().is_paused


def test_it_is_not_the_message_if_another_pump_knows_better(
    bench: Bench, deliver: Deliver
) -> None:
    """
    S23. One pump hears nothing but refusals, after another one had successes.

    The books of the run know of both: it goes on.
    """
    deliver(connections=1)
    refused = {f"c{n}@example.com": reply(554, "5.7.1 Spam") for n in range(1, 60)}
    bench.script(dot=refused)
    run = bench.run(60)
    bench.pump(stop=lambda: len(bench.server.received) > 0)
    bench.pump()
    bench.ends(run, planned=60, accepted=1, refused=59, attempts=60)
    assert not Mailing.objects.get().is_paused


def test_it_is_not_the_message_if_each_has_another_reason(bench: Bench) -> None:
    """
    S23. Everybody is refused, each for a reason of their own.

    Nothing is said about the message: nobody pauses anything.
    """
    codes = ("550 5.1.1", "550 5.2.1", "552 5.2.2", "553 5.1.3")
    bench.script(
        rcpt={f"c{n}@example.com": f"{codes[n % 4]} No\r\n".encode() for n in range(20)}
    )
    run = bench.run(20)
    bench.pump()
    bench.ends(run, planned=20, refused=20, attempts=20)
    assert not Mailing.objects.get().is_paused


def test_only_its_own_mailing_is_paused(bench: Bench, bob: User) -> None:
    """
    S23. One mailing is refused by the server, another is not.

    The other one goes on.
    """
    bench.script(
        dot=lambda context: (
            reply(554, "5.7.1 Spam") if subject(context.data) == "Bad" else USUAL
        )
    )
    bad, good = bench.run(50), bench.run(50, owner=bob)
    Run.objects.filter(pk=bad.pk).update(subject="Bad")
    bench.pump()
    assert Mailing.objects.get(pk=bad.mailing_id).pause_reason == "554 5.7.1 Spam"
    bench.ends(good, planned=50, accepted=50, attempts=50)


def subject(data: bytes | None) -> str:
    return str(message_from_bytes(data or b"")["Subject"])


def test_the_pause_is_told(bench: Bench, alice: User, alice_client: Browser) -> None:
    """
    S23. The pages of a mailing that the engine has paused.

    Mailing, run and audit log say why in the server's words, as text.
    """
    bench.script(dot=reply(554, "5.7.1 <script>alert(1)</script>"))
    run = bench.run(20)
    bench.pump()
    mailing = Mailing.objects.get()
    shown = "554 5.7.1 &lt;script&gt;alert(1)&lt;/script&gt;"
    for page in (mailing.get_absolute_url(), run.get_absolute_url()):
        text = alice_client.get(page).content.decode()
        assert "Paused by itself since" in text
        assert shown in text
        assert "<script>alert" not in text
    entry = AuditEntry.objects.get(action="mailing_paused")
    assert (entry.actor, entry.reason) == (None, mailing.pause_reason)
    row = mailing.history.first()
    assert row is not None
    assert (row.action, row.history_change_reason) == (
        "mailing_paused",
        mailing.pause_reason,
    )


def test_a_message_larger_than_announced(bench: Bench) -> None:
    """
    S28. The server announces SIZE 1000, and the message is larger.

    It is refused here before a word is said, and the mailing paused with the sizes.
    """
    bench.server.extensions[:] = ["SIZE 1000"]
    run = bench.run(300)
    Run.objects.filter(pk=run.pk).update(body="x" * 2000)
    bench.pump()
    run.refresh_from_db()
    assert 5 <= run.refused <= 5 + 8
    assert not any(line.startswith("MAIL") for line in bench.server.commands)
    reason = Mailing.objects.get().pause_reason
    assert reason.endswith(f"bytes, and 127.0.0.1:{bench.server.port} takes 1000.")
    assert {row[:3] for row in bench.logged(run)} == {("refused", "size", None)}
    bench.is_just()


@pytest.mark.parametrize("size", ["SIZE", "SIZE 0", "SIZE many", "SIZE 10485760"])
def test_a_size_that_is_no_limit(bench: Bench, size: str) -> None:
    """
    S28. SIZE has no number, 0, nonsense, or one that is large enough.

    No limit is known: the message is sent.
    """
    bench.server.extensions[:] = [size]
    run = bench.run()
    bench.pump()
    bench.ends(run, planned=4, accepted=4, attempts=4)


# --- the reply to the final dot is lost ---

LOST = [
    pytest.param(HANG, id="never"),
    pytest.param(CLOSE, id="closes"),
    pytest.param(RST, id="reset"),
    pytest.param(b"what?\r\n", id="garbage"),
    pytest.param(b"250-a\r\n550 b\r\n", id="mixed"),
    pytest.param(Endless(), id="endless"),
]


@pytest.mark.parametrize("ending", LOST)
def test_a_lost_reply(bench: Bench, patience: Patience, ending: Act) -> None:
    """
    S24. The server takes the message, and then: silence, the end, a reset, garbage, a
    reply of two codes or without end.

    Unknown, whatever was said; never sent again by itself. Who asks for it gets exactly
    one more copy, with the same Message-ID.
    """
    if ending is HANG:
        patience("dot", 2)
    bench.script(dot={"c1@example.com": [taken(ending), USUAL]})
    run = bench.run()
    bench.pump()
    bench.ends(run, planned=4, accepted=3, unknown=1, attempts=4)
    bench.pump(after=3 * 3600)
    bench.ends(run, planned=4, accepted=3, unknown=1, attempts=4)
    bench.resends["c1@example.com"] = 1
    retrying.retry_failed(run, by=run.mailing.owner, failures=[Failure.UNKNOWN])
    bench.pump()
    bench.ends(run, planned=4, accepted=4, attempts=5)
    assert bench.copies.count("c1@example.com") == 2


def test_a_mailing_that_sends_again(bench: Bench) -> None:
    """
    S24. The reply is lost, and the mailing's own policy is to send again.

    It waits a minute, goes out once more with the same Message-ID, and both tries are
    on record.
    """
    bench.script(dot={"c1@example.com": [taken(CLOSE), USUAL]})
    run = bench.run(when_unknown="resend")
    bench.pump()
    bench.ends(run, planned=4, accepted=3, pending=1, attempts=4)
    bench.pump(after=30)  # not due yet
    bench.resends["c1@example.com"] = 1
    bench.pump(after=90)
    bench.ends(run, planned=4, accepted=4, attempts=5)
    outcomes = Attempt.objects.filter(delivery__email="c1@example.com")
    assert list(outcomes.values_list("outcome", flat=True)) == ["unknown", "accepted"]
    assert bench.copies.count("c1@example.com") == 2


def test_sending_again_has_an_end(bench: Bench, deliver: Deliver) -> None:
    """
    S24. The reply is lost each time, and the policy is to send again.

    As often as the retries allow, then it stays unknown.
    """
    deliver(retry_delays=[60, 60])
    bench.script(dot={"c1@example.com": taken(CLOSE)})
    run = bench.run(when_unknown="resend")
    bench.resends["c1@example.com"] = 2
    for minutes in (0, 5, 10, 15):
        bench.pump(after=60 * minutes)
    bench.ends(run, planned=4, accepted=3, unknown=1, attempts=6)
    assert bench.copies.count("c1@example.com") == 3


def test_a_goodbye_after_the_dot(bench: Bench) -> None:
    """
    S24. The message is answered with 421.

    That is an answer: it was not taken, and it is sent again at once.
    """
    bench.script(dot=[goodbye("4.3.2 Not now"), USUAL])
    run = bench.run()
    bench.pump()
    bench.ends(run, planned=4, accepted=4, attempts=4)


def test_a_reply_that_takes_its_time(
    bench: Bench, patience: Patience, deliver: Deliver
) -> None:
    """
    S25. The reply to the message comes after much more than the lease lasts.

    Accepted. The lease is renewed meanwhile, and no second pump takes over.
    """
    deliver(lease=2.0, connections=1)
    patience("dot", 20)
    bench.script(dot=delayed(5))
    run = bench.run(1)
    looked: list[tuple[int, PumpReport]] = []

    def look() -> bool:
        now, lease = timezone.now(), Lease.objects.first()
        is_late = lease is not None and now - lease.started_at > timedelta(seconds=4)
        if is_late and not looked:
            second = delivery.pump(stop=lambda: False)
            looked.append((delivery.recover(now), second))
        return False

    bench.pump(stop=look)
    assert looked == [(0, PumpReport())]
    bench.ends(run, planned=1, accepted=1, attempts=1)
