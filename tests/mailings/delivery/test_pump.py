"""The engine against a real mail server on this machine."""

import socket
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from itertools import count

import pytest
import time_machine
from django.utils import timezone

from mailings import delivery
from mailings.delivery import PumpReport
from mailings.models import Attempt, Circuit, Client, Lease
from tests.mailings.delivery.conftest import GivenRun, Pump, ledger, states
from tests.support.smtp_script import (
    CLOSE,
    HANG,
    RST,
    USUAL,
    Context,
    goodbye,
    reply,
    taken,
)
from tests.support.smtp_server import SmtpServer
from users.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("both_modes")]


def recipients(server: SmtpServer) -> list[str]:
    return sorted(mail.recipient for mail in server.received)


def all_clients() -> list[str]:
    return sorted(Client.objects.values_list("email", flat=True))


def test_every_recipient_gets_it_once_and_the_reply_is_logged(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump
) -> None:
    smtp_server.script["dot"] = reply(250, "2.0.0 Ok: queued as 4711")
    run = given_run(300)
    report = pump()
    assert recipients(smtp_server) == all_clients()
    assert report == PumpReport(accepted=300)
    assert ledger(run) == {"planned": 300, "accepted": 300, "attempts": 300}
    logged = set(
        Attempt.objects.values_list("number", "outcome", "phase", "code", "reply")
    )
    assert logged == {(1, "accepted", "dot", 250, "2.0.0 Ok: queued as 4711")}
    assert smtp_server.complaints == []


def test_many_messages_share_few_connections(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump, settings
) -> None:
    settings.DELIVERY = {**settings.DELIVERY, "connections": 3}
    given_run(200)
    pump()
    assert len(smtp_server.received) == 200
    assert smtp_server.connections <= 3


def test_nothing_is_left_behind(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump, settings
) -> None:
    given_run(3)
    pump()
    assert not Lease.objects.exists()
    assert list(settings.DELIVERY["journal_dir"].iterdir()) == []


def test_a_second_pump_sends_nothing_again(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump
) -> None:
    given_run(20)
    pump()
    assert pump() == PumpReport()
    assert len(smtp_server.received) == 20


def test_a_refused_recipient_does_not_stop_the_others(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump
) -> None:
    smtp_server.script["rcpt"] = {"c1@example.com": reply(550, "5.1.1 No such user")}
    run = given_run(5)
    pump()
    assert ledger(run) == {"planned": 5, "accepted": 4, "refused": 1, "attempts": 5}
    refused = Attempt.objects.get(outcome="refused")
    assert refused.delivery.email == "c1@example.com"
    assert (refused.phase, refused.code, refused.enhanced_code, refused.reply) == (
        "rcpt",
        550,
        "5.1.1",
        "5.1.1 No such user",
    )


def test_a_deferred_recipient_is_tried_again_when_it_is_due(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump
) -> None:
    smtp_server.script["rcpt"] = {
        "c1@example.com": [reply(451, "4.7.1 Greylisted"), reply(250)]
    }
    run = given_run(3)
    pump()
    assert states(run)["c1@example.com"] == "deferred"
    assert pump() == PumpReport()  # not due yet
    with time_machine.travel(timezone.now() + timedelta(minutes=2), tick=True):
        pump()
    assert ledger(run) == {"planned": 3, "accepted": 3, "attempts": 4}
    message_ids = [
        line
        for mail in smtp_server.received
        for line in mail.data.split(b"\r\n")
        if line.startswith(b"Message-ID")
    ]
    assert len(set(message_ids)) == 3


def test_retries_end_with_their_budget(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump, settings
) -> None:
    settings.DELIVERY = {**settings.DELIVERY, "retry_delays": [60]}
    smtp_server.script["rcpt"] = reply(450, "4.2.1 Busy")
    run = given_run(1)
    pump()
    with time_machine.travel(timezone.now() + timedelta(minutes=2), tick=True):
        pump()
    ended = run.deliveries.get()
    assert (ended.state, ended.reason, ended.attempt_count) == (
        "expired",
        "tries_over",
        2,
    )


def test_no_retry_is_planned_beyond_the_window(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump
) -> None:
    smtp_server.script["rcpt"] = reply(450, "4.2.1 Busy")
    run = given_run(1, end_at=timezone.now() + timedelta(seconds=20))
    pump()
    ended = run.deliveries.get()
    assert (ended.state, ended.reason) == ("expired", "window_over")


@pytest.mark.parametrize(
    "ending", [CLOSE, RST, HANG, b"what?\r\n", b"250-a\r\n550 b\r\n"]
)
def test_a_lost_reply_is_unknown_and_never_sent_again(
    ending: object,
    smtp_server: SmtpServer,
    given_run: GivenRun,
    pump: Pump,
    short_timeouts: dict[str, float],
) -> None:
    smtp_server.script["dot"] = {"c1@example.com": taken(ending)}
    run = given_run(4)
    pump()
    assert ledger(run) == {"planned": 4, "accepted": 3, "unknown": 1, "attempts": 4}
    doubtful = run.deliveries.get(state="unknown")
    assert (doubtful.email, doubtful.reason) == ("c1@example.com", "no_reply")
    with time_machine.travel(timezone.now() + timedelta(hours=3), tick=True):
        delivery.recover(timezone.now())
        pump()
    assert recipients(smtp_server) == all_clients()


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data"])
@pytest.mark.parametrize("ending", [CLOSE, RST, goodbye()])
def test_a_connection_that_breaks_before_the_body_harms_nobody(
    stage: str,
    ending: object,
    smtp_server: SmtpServer,
    given_run: GivenRun,
    pump: Pump,
) -> None:
    smtp_server.script[stage] = breaks_every_fifth(ending)
    run = given_run(30)
    pump()
    assert ledger(run) == {"planned": 30, "accepted": 30, "attempts": 30}
    assert recipients(smtp_server) == all_clients()


def breaks_every_fifth(ending: object) -> Callable[[Context], object]:
    """But nobody's third time, who would be put off then, and rightly so."""
    seen, broken = count(), Counter[object]()

    def act(context: Context) -> object:
        who = context.recipients or context.line
        if next(seen) % 5 != 4 or broken[who] == 2:
            return USUAL
        broken[who] += 1
        return ending

    return act


def test_a_recipient_that_breaks_every_connection_is_put_off(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump
) -> None:
    smtp_server.script["rcpt"] = {"c1@example.com": goodbye("4.3.2 Not you")}
    run = given_run(10)
    pump()
    assert ledger(run) == {"planned": 10, "accepted": 9, "deferred": 1, "attempts": 10}


def test_a_server_that_allows_two_connections_gets_two(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump
) -> None:
    smtp_server.max_connections = 2
    run = given_run(100)
    report = pump()
    assert ledger(run) == {"planned": 100, "accepted": 100, "attempts": 100}
    assert report.server_error is None
    assert smtp_server.peak <= 8


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_server_that_is_away_costs_nobody_a_try(
    point_mail_at: Callable[[int], None], given_run: GivenRun, pump: Pump
) -> None:
    port = closed_port()
    point_mail_at(port)
    run = given_run(5)
    report = pump()
    assert report.server_error == f"127.0.0.1:{port} refuses connections."
    assert ledger(run) == {"planned": 5, "pending": 5}
    circuit = Circuit.objects.get()
    assert (circuit.state, circuit.server) == ("open", f"127.0.0.1:{port}")
    assert circuit.reason == report.server_error


def test_while_the_circuit_is_open_nobody_knocks(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump
) -> None:
    smtp_server.script["connect"] = reply(421, "4.3.2 Closed")
    given_run(5)
    pump()
    knocked = smtp_server.connections
    report = pump()
    assert smtp_server.connections == knocked
    assert report.server_error == "421 4.3.2 Closed"


def test_a_probe_closes_the_circuit_again(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump
) -> None:
    smtp_server.script["connect"] = reply(421, "4.3.2 Closed")
    run = given_run(5)
    pump()
    del smtp_server.script["connect"]
    with time_machine.travel(timezone.now() + timedelta(minutes=2), tick=True):
        pump()
    assert ledger(run) == {"planned": 5, "accepted": 5, "attempts": 5}
    assert Circuit.objects.get().state == "closed"


@pytest.mark.parametrize(
    ("stage", "answer"),
    [
        ("connect", b"554 5.3.2 no service here\r\n"),
        ("connect", b"HTTP/1.1 400 Bad Request\r\n"),
        ("mail", reply(452, "4.3.1 Disk full")),
        ("mail", reply(550, "5.1.8 You are not who you say")),
        ("rcpt", reply(530, "5.7.0 Log in first")),
        ("data", reply(503, "5.5.1 Bad sequence")),
        ("connect", HANG),
        ("ehlo", HANG),
        ("mail", HANG),
    ],
)
def test_a_servers_or_an_accounts_failure_touches_no_recipient(
    stage: str,
    answer: object,
    smtp_server: SmtpServer,
    given_run: GivenRun,
    pump: Pump,
    short_timeouts: dict[str, float],
) -> None:
    smtp_server.script[stage] = answer
    run = given_run(4)
    report = pump()
    assert report.server_error
    assert ledger(run) == {"planned": 4, "pending": 4}
    assert not Attempt.objects.exists()


def test_an_address_that_cannot_be_written_to_is_refused_in_words(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump, alice: User
) -> None:
    """
    Y29. The message can't be composed for one recipient.

    That one is refused in our words; the others get it.
    """
    Client.objects.bulk_create([Client(owner=alice, email="x y@z", full_name="X")])
    run = given_run(3)
    pump()
    assert ledger(run) == {"planned": 3, "accepted": 2, "refused": 1, "attempts": 3}
    refused = run.deliveries.get(state="refused")
    assert refused.reason == "not_composed"
    assert refused.attempts.get().reply == "“x y@z” is not an e-mail address."
