"""A slow domain, or one that asks for patience, keeps nobody else waiting."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from mailings import lifecycle
from mailings.delivery.plan import expand
from mailings.delivery.replies import Outcome, Phase, Verdict
from mailings.delivery.throttle import Throttle
from mailings.models import Client, Run
from tests import recipes
from tests.mailings.delivery.conftest import Pump, ledger
from tests.support.smtp_script import USUAL, Act, Context, Steps, Wait, reply
from tests.support.smtp_server import SmtpServer
from users.models import User

RunTo = Callable[..., Run]

LATER = reply(451, "4.3.2 Too busy")


@pytest.fixture
def run_to() -> RunTo:
    """A planned run to so many clients of each domain, in this order."""

    def make(owner: User, **quantities: int) -> Run:
        clients = Client.objects.bulk_create(
            Client(owner=owner, email=f"{owner.pk}.{n}@{name}.example", full_name="C.")
            for name, quantity in quantities.items()
            for n in range(quantity)
        )
        mailing = recipes.mailing(owner)
        mailing.all_clients = True
        mailing.save()
        assert clients
        run = lifecycle.send_now(mailing, now=timezone.now())
        assert run is not None
        while expand(run.pk, timezone.now()):
            pass
        return run

    return make


def at(domain: str, act: Act) -> Act:
    """The act for recipients at the domain, and nothing unusual for others."""

    def decide(context: Context) -> Act:
        return act if context.recipients[-1].endswith(f"@{domain}.example") else USUAL

    return decide


def taken(smtp_server: SmtpServer, domain: str) -> int:
    letters = list(smtp_server.received)
    return sum(each.recipient.endswith(f"@{domain}.example") for each in letters)


def crawls(smtp_server: SmtpServer) -> None:
    wait = Steps(Wait(0.5), USUAL)
    smtp_server.script |= {"rcpt": at("slow", wait), "dot": at("slow", wait)}


def defers(smtp_server: SmtpServer) -> None:
    smtp_server.script["rcpt"] = at("slow", LATER)


class Watch:
    """Begins something a second after the pump, and times it until it is done."""

    def __init__(self, begin: Callable[[], Any], is_done: Callable[[], bool]) -> None:
        self._begin, self._is_done = begin, is_done
        self._at = time.monotonic() + 1
        self._has_begun = False
        self.seconds = 60.0

    def __call__(self) -> bool:
        now = time.monotonic()
        if not self._has_begun and now >= self._at:
            self._begin()
            self._has_begun, self._at = True, time.monotonic()
        if not self._has_begun:
            return False
        if self._is_done():
            self.seconds = now - self._at
        return self._is_done() or now - self._at > 20


@pytest.mark.parametrize("mood", [crawls, defers])
@pytest.mark.django_db
def test_a_domain_that_is_slow_delays_no_other_mailing(
    mood: Callable[[SmtpServer], None],
    smtp_server: SmtpServer,
    run_to: RunTo,
    pump: Pump,
    alice: User,
    bob: User,
) -> None:
    mood(smtp_server)
    big = run_to(alice, slow=3000)
    watch = Watch(
        begin=lambda: run_to(bob, quick=50),
        is_done=lambda: taken(smtp_server, "quick") == 50,
    )
    pump(stop=watch)
    assert watch.seconds < 5
    figures = ledger(big)
    assert figures["attempts"] > 0
    assert figures["pending"] + figures["attempts"] == 3000


@pytest.mark.django_db
def test_the_rest_of_the_same_mailing_goes_on(
    smtp_server: SmtpServer, run_to: RunTo, pump: Pump, alice: User
) -> None:
    crawls(smtp_server)
    run_to(alice, slow=1000, quick=200)
    began = time.monotonic()
    pump(
        stop=lambda: taken(smtp_server, "quick") == 200 or time.monotonic() - began > 10
    )
    assert taken(smtp_server, "quick") == 200
    assert taken(smtp_server, "slow") < 100


@pytest.mark.django_db
def test_a_domain_has_no_more_connections_than_it_may(
    smtp_server: SmtpServer, run_to: RunTo, pump: Pump, alice: User, settings: Any
) -> None:
    settings.DELIVERY = {**settings.DELIVERY, "per_domain": 2, "connections": 6}
    smtp_server.delay = 0.02
    run = run_to(alice, quick=60)
    pump()
    assert ledger(run)["accepted"] == 60
    assert smtp_server.peak == 2


@pytest.mark.django_db
def test_a_server_that_is_far_away_gets_all_connections(
    smtp_server: SmtpServer, run_to: RunTo, pump: Pump, alice: User, settings: Any
) -> None:
    settings.DELIVERY = {**settings.DELIVERY, "connections": 8}
    smtp_server.extensions = ["8BITMIME"]  # lock-step: a letter takes 0.4 s
    for stage in ("ehlo", "mail", "rcpt", "data", "dot"):
        smtp_server.script[stage] = Steps(Wait(0.1), USUAL)
    run = run_to(alice, far=60)
    pump()
    assert ledger(run)["accepted"] == 60
    assert smtp_server.peak == 8


@pytest.mark.django_db
def test_a_domain_that_only_defers_is_asked_less_and_less(
    smtp_server: SmtpServer, run_to: RunTo, pump: Pump, alice: User
) -> None:
    defers(smtp_server)
    run = run_to(alice, slow=500)
    pump()
    figures = ledger(run)
    assert figures["deferred"] + figures["pending"] == 500
    assert figures["attempts"] == figures["deferred"] < 50
    waiting = run.deliveries.filter(state="pending").order_by("due_at")
    assert waiting[0].due_at > timezone.now()


# --- the throttle itself, by a clock that does as it is told ---


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def throttle(clock: Clock) -> Throttle:
    return Throttle(8, clock=clock)


def said(text: str) -> Outcome:
    code, _, words = text.partition(" ")
    verdicts = {"2": Verdict.ACCEPTED, "4": Verdict.DEFERRED, "5": Verdict.REFUSED}
    enhanced = words.partition(" ")[0]
    return Outcome(verdicts[code[0]], Phase.RCPT, int(code), enhanced, words)


def at_once(throttle: Throttle, name: str = "example.com") -> int:
    """How many more letters may begin; they end without a word."""
    begun = 0
    while begun < 99 and throttle.begins(name):
        begun += 1
    for _ in range(begun):
        throttle.ends(name, None)
    return begun


def hear(
    throttle: Throttle, text: str, *, times: int = 1, seconds: float = 0.01
) -> None:
    for _ in range(times):
        assert throttle.begins("example.com")
        throttle.ends("example.com", said(text), seconds)


@pytest.mark.parametrize(("seconds", "room"), [(0.01, 16), (0.3, 6), (5.0, 4)], ids=str)
def test_the_slower_a_domain_the_fewer_connections_it_has(
    throttle: Throttle, seconds: float, room: int
) -> None:
    assert at_once(throttle) == 6  # nobody knows it
    hear(throttle, "250 2.0.0 Ok", seconds=seconds)
    assert at_once(throttle) == room  # of the quick, one more ahead on each


@pytest.mark.parametrize(("own", "room"), [(0.01, 16), (0.3, 6), (5.0, 4)], ids=str)
def test_the_way_to_the_server_is_no_domains_fault(
    throttle: Throttle, own: float, room: int
) -> None:
    throttle.begins("example.com")
    throttle.ends("example.com", said("250 2.0.0 Ok"), 4.0 + own, road=4.0)
    assert at_once(throttle) == room


def test_slow_domains_leave_room_together(throttle: Throttle) -> None:
    for name in ("a.example", "b.example"):
        throttle.begins(name)
        throttle.ends(name, said("250 2.0.0 Ok"), 0.5)
    assert [throttle.begins("a.example") for _ in range(4)] == [True] * 4
    assert at_once(throttle, "b.example") == 2
    assert at_once(throttle, "c.example") == 6


def test_one_that_asks_for_patience_gets_half_and_half_again(
    throttle: Throttle, clock: Clock
) -> None:
    hear(throttle, "250 2.0.0 Ok")
    rooms = []
    for _ in range(3):
        hear(throttle, "451 4.3.2 Busy", times=5)
        rooms.append(at_once(throttle))
    assert rooms == [4, 2, 1]
    pauses = []
    hear(throttle, "451 4.3.2 Busy", times=4)
    for _ in range(8):
        clock.now += throttle.rest("example.com")
        hear(throttle, "451 4.3.2 Busy")
        pauses.append(throttle.rest("example.com"))
        assert not throttle.begins("example.com")
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]


def test_it_gets_more_again_as_soon_as_it_takes_some(
    throttle: Throttle, clock: Clock
) -> None:
    hear(throttle, "451 4.3.2 Busy", times=20)
    clock.now += throttle.rest("example.com")
    rooms = []
    for _ in range(5):
        hear(throttle, "250 2.0.0 Ok")
        rooms.append(at_once(throttle))
    assert rooms == [1, 2, 4, 8, 16]


@pytest.mark.parametrize(
    "text",
    ["450 4.2.1 Mailbox busy", "451 4.7.1 Greylisted, come back", "550 5.1.1 No"],
)
def test_what_is_about_one_recipient_slows_nobody(
    throttle: Throttle, text: str
) -> None:
    hear(throttle, text, times=50)
    assert at_once(throttle) == 16


def test_letters_that_cant_go_soon_go_one_after_the_other(throttle: Throttle) -> None:
    hear(throttle, "250 2.0.0 Ok", seconds=1.5)
    assert throttle.at_hand("example.com") == 20  # 6 in 1.5 s, for 5 s
    assert [throttle.book("example.com") for _ in range(3)] == [5.25, 5.5, 5.75]
    latest = [throttle.book("example.com") for _ in range(4000)][-1]
    assert latest == 600


def test_one_that_nothing_is_heard_of_is_slow_after_a_second(
    throttle: Throttle, clock: Clock
) -> None:
    throttle.begins("example.com")
    clock.now += 5
    assert throttle.is_new("example.com")  # there was no connection so far
    throttle.sets_out("example.com")
    clock.now += 5
    assert not throttle.is_new("example.com")
    throttle.ends("example.com", None)
    assert throttle.is_new("example.com")  # the connection broke, it is not to blame


def test_it_does_not_remember_every_domain_there_is(throttle: Throttle) -> None:
    for n in range(30_000):
        name = f"{n}.example"
        throttle.begins(name)
        throttle.ends(name, said("250 2.0.0 Ok"), 0.01)
    assert len(throttle._domains) <= 10_000
