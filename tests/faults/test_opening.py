"""The server is away, silent or rude before anybody's mail is spoken of."""

import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from mailings import lifecycle
from mailings.models import Delivery
from tests.faults.conftest import Bench, Patience
from tests.support.smtp_script import HANG, USUAL, Drip, Endless, goodbye, reply
from users.models import User

pytestmark = pytest.mark.django_db


def test_the_port_is_closed(bench: Bench) -> None:
    """
    S1. Nobody listens at the port.

    Nobody is charged. After three tries the circuit is open, with the reason; one try
    each minute at the most finds the server back, and everybody gets their mail.
    """
    bench.server.stop()
    run = bench.run(5)
    report = bench.pump()
    assert report.server_error == f"{bench.circuit.server} refuses connections."
    bench.is_untouched(run)
    assert (bench.circuit.state, bench.circuit.failures) == ("open", 3)
    bench.pump(after=5)  # too early
    bench.pump(after=20)
    assert (bench.circuit.state, bench.circuit.failures) == ("open", 4)
    bench.server.start()
    assert bench.pump(after=20 + 60).server_error is None
    assert bench.circuit.state == "closed"
    bench.ends(run, planned=5, accepted=5, attempts=5)


def test_packets_vanish(
    bench: Bench,
    point_mail_at: Callable[[int], None],
    patience: Patience,
) -> None:
    """
    S2. The port swallows all packets: its backlog is full.

    As S1; the worker is free again after the time allowed for connecting.
    """
    patience("connect")
    run = bench.run()
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.settimeout(0)
            filler.connect_ex(hole.getsockname())
        point_mail_at(hole.getsockname()[1])
        begun = time.monotonic()
        report = bench.pump()
        assert time.monotonic() - begun < 10
        for filler in fillers:
            filler.close()
    assert "did not answer in time" in str(report.server_error)
    bench.is_untouched(run)


def test_no_greeting(bench: Bench, patience: Patience) -> None:
    """
    S3. The server takes the connection and says nothing.

    As S1, after the time allowed for a greeting.
    """
    patience("banner")
    bench.script(connect=HANG)
    run = bench.run()
    assert "did not answer in time" in str(bench.pump().server_error)
    bench.is_untouched(run)


def test_pausing_while_the_server_is_silent(
    bench: Bench, alice: User, patience: Patience
) -> None:
    """
    S3. A mailing is paused while the server says nothing.

    Within seconds none of its deliveries is claimed but the one at the connection.
    """
    patience("banner", 3)
    bench.script(connect=HANG)
    run = bench.run(50)
    paused: list[float] = []
    freed: list[float] = []

    def look() -> bool:
        sending = Delivery.objects.filter(state="sending").count()
        if sending and not paused:
            lifecycle.pause(run.mailing, by=alice)
            paused.append(time.monotonic())
        elif paused and sending <= 1 and not freed:
            freed.append(time.monotonic())
        return False

    bench.pump(stop=look)
    assert freed[0] - paused[0] < 5
    bench.is_untouched(run)


@pytest.mark.parametrize(
    ("greeting", "words"),
    [
        pytest.param(goodbye("4.3.2 Closed"), "421 4.3.2 Closed", id="421"),
        pytest.param(reply(554, "5.3.2 No"), "554 5.3.2 No", id="554"),
        pytest.param(
            b"HTTP/1.1 400 Bad\r\n", "Not an SMTP reply: HTTP/1.1 400 Bad", id="HTTP"
        ),
        pytest.param(b"2_0 hi\r\n", "Not an SMTP reply: 2_0 hi", id="underscore"),
        pytest.param(b"999 hi\r\n", "Not an SMTP reply: 999 hi", id="999"),
    ],
)
def test_a_greeting_that_is_none(bench: Bench, greeting: object, words: str) -> None:
    """
    S4. The greeting is 421, 554, an HTTP error, `2_0` or 999.

    The server's fault: nobody is charged, its words are the reason on screen.
    """
    bench.script(connect=greeting)
    run = bench.run()
    assert bench.pump().server_error == words
    assert bench.circuit.reason == words
    bench.is_untouched(run)


def test_a_greeting_drop_by_drop(bench: Bench, patience: Patience) -> None:
    """
    S5. A reply comes byte by byte, each one in time.

    The whole reply has one deadline; then as S3.
    """
    patience("banner")
    bench.script(connect=Drip(b"220 mail.example.com\r\n", 0.1))
    run = bench.run()
    assert "did not answer in time" in str(bench.pump().server_error)
    bench.is_untouched(run)


def memory() -> float:
    """What this process has in memory, in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("stage", ["connect", "ehlo", "mail", "rcpt", "data", "dot"])
def test_a_reply_without_end(bench: Bench, stage: str) -> None:
    """
    S6. A reply never ends: `250-` again and again, at each stage.

    It is given up after 128 lines and never fills the memory. Nobody is charged; after
    the final dot it is unknown whether the message was taken.
    """
    before = memory()
    ever = [Endless(), Endless(), Endless(), USUAL] if stage == "dot" else Endless()
    bench.script(**{stage: ever})
    run = bench.run()
    bench.pump()
    assert memory() - before < 10
    if stage == "dot":
        run.refresh_from_db()
        assert run.unknown == 3
        bench.is_just()
    else:
        assert bench.circuit.reason == "The reply does not end."
        bench.is_untouched(run)


def test_an_old_server(bench: Bench) -> None:
    """
    S9. EHLO is answered with 502, HELO with 250.

    Mail goes out without extensions.
    """
    bench.script(ehlo=reply(502, "5.5.1 What?"))
    run = bench.run()
    bench.pump()
    bench.ends(run, planned=4, accepted=4, attempts=4)
    assert any(line.startswith("HELO") for line in bench.server.commands)


# --- logging in ---


@pytest.fixture
def log_in(bench: Bench, settings: Settings) -> Callable[[str, str], None]:
    """The server knows one password, and we have another, or the same."""

    def use(known: str, ours: str) -> None:
        bench.server.accounts = {"news": known}
        bench.server.extensions.append("AUTH PLAIN LOGIN")
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "news", ours

    return use


def logins(bench: Bench) -> int:
    return sum(line.startswith("AUTH") for line in bench.server.commands)


def test_a_wrong_password(
    bench: Bench, log_in: Callable[[str, str], None], settings: Settings
) -> None:
    """
    S12. The password is wrong (535), and then corrected.

    One login, then none for five minutes: more would lock the account. Nobody is
    charged. With other settings the next try is made at once.
    """
    log_in("right", "wrong")
    run = bench.run()
    assert bench.pump().server_error == "535 5.7.8 Wrong user or password"
    assert bench.pump(after=240).server_error == "535 5.7.8 Wrong user or password"
    assert logins(bench) == 1
    bench.is_untouched(run)
    settings.EMAIL_HOST_PASSWORD = "right"
    assert bench.pump().server_error is None
    bench.ends(run, planned=4, accepted=4, attempts=4)


def test_another_wrong_password(
    bench: Bench, log_in: Callable[[str, str], None], settings: Settings
) -> None:
    """
    S12. The corrected password is wrong, too.

    One more login, then none for five minutes.
    """
    log_in("right", "wrong")
    run = bench.run()
    bench.pump()
    settings.EMAIL_HOST_PASSWORD = "wrong again"
    for _ in range(3):
        bench.pump()
    assert logins(bench) == 2
    assert "wrong" not in bench.circuit.fingerprint
    bench.pump(after=310)
    assert logins(bench) == 3
    bench.is_untouched(run)


@pytest.mark.parametrize(
    "answer",
    [reply(454, "4.7.0 Later"), goodbye("4.3.2 Down")],
    ids=["454", "421"],
)
def test_logging_in_is_not_possible_now(
    bench: Bench, log_in: Callable[[str, str], None], answer: object
) -> None:
    """
    S13. AUTH is answered with 454 or 421.

    The server's fault, and tried again within a minute.
    """
    log_in("right", "right")
    bench.script(auth=answer)
    run = bench.run()
    assert bench.pump().server_error
    bench.is_untouched(run)
    bench.script(auth=None)
    bench.pump(after=60)
    bench.ends(run, planned=4, accepted=4, attempts=4)


def test_a_password_in_cyrillic(
    bench: Bench, log_in: Callable[[str, str], None]
) -> None:
    """
    S13. The password has letters that are not ASCII.

    It is sent as UTF-8 (RFC 4616).
    """
    log_in("пароль", "пароль")
    run = bench.run()
    bench.pump()
    bench.ends(run, planned=4, accepted=4, attempts=4)
