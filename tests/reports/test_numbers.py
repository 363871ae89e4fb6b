"""
Whatever is done in whatever order, the numbers on the pages are those that counting
deliveries and attempts gives.
"""

import re
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
import time_machine
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailings import delivery, lifecycle
from mailings.lifecycle import NotPossible
from mailings.models import Attempt, Delivery, Mailing, Run
from mailings.models import Client as Recipient
from mailings.retrying import Failure
from reports.recount import drifts
from tests import recipes
from tests.conftest import empty_cache
from tests.support.smtp_script import CLOSE, reply, taken
from tests.support.smtp_server import SmtpServer
from users.models import User

pytestmark = pytest.mark.django_db

TITLES = ("First", "Second")
NAMES = ("ann", "ben", "cat", "dan")
ANSWERS: dict[str, tuple[str, Any]] = {
    "refuse": ("rcpt", reply(550, "5.1.1 No such user")),
    "defer": ("rcpt", reply(452, "4.2.2 The mailbox is full")),
    "spam": ("dot", reply(554, "5.7.1 Not wanted")),
    "lose": ("dot", taken(CLOSE)),
}

_which = st.sampled_from(TITLES)
_answers = st.tuples(*[st.sampled_from(["accept", *ANSWERS])] * len(NAMES))
steps = st.one_of(
    st.tuples(st.just("send"), _which, _answers),
    st.tuples(st.just("retry"), _which, st.sets(st.sampled_from(Failure), min_size=1)),
    st.tuples(st.just("wait"), st.sampled_from([1, 20]), _answers),
    st.tuples(st.sampled_from(["hold", "release", "stop", "delete"]), _which),
    st.tuples(st.just("delete_client"), st.sampled_from(NAMES)),
)


class World:
    """What can be done, by the doors that people and the worker use."""

    def __init__(
        self, alice: User, manager: User, server: SmtpServer, clock: Any
    ) -> None:
        self.alice, self.manager = alice, manager
        self.server, self.clock = server, clock
        self.browser, self.managers = Client(), Client()
        self.browser.force_login(alice)
        self.managers.force_login(manager)
        for name in NAMES:
            recipes.client(alice, email=f"{name}@example.com")
        self.keys = {
            title: recipes.mailing(
                alice,
                title=title,
                all_clients=True,
                periodicity="daily",
                start_at=timezone.now() - timedelta(hours=1),
                end_at=timezone.now() + timedelta(days=3),
            ).pk
            for title in TITLES
        }

    def do(self, verb: str, *what: Any) -> None:
        """Nothing, if it is not possible now."""
        with suppress(NotPossible, Mailing.DoesNotExist):
            getattr(self, verb)(*what)

    def send(self, title: str, answers: tuple[str, ...]) -> None:
        with suppress(NotPossible):
            lifecycle.send_now(self._mailing(title), now=timezone.now())
        self._work(answers)

    def wait(self, hours: int, answers: tuple[str, ...]) -> None:
        self.clock.shift(timedelta(hours=hours))
        lifecycle.sweep(timezone.now())
        self._work(answers)

    def _work(self, answers: tuple[str, ...]) -> None:
        """The worker sends what is due, to a server that answers so."""
        self.server.script.clear()
        for name, answer in zip(NAMES, answers, strict=True):
            if answer in ANSWERS:
                stage, act = ANSWERS[answer]
                acts = self.server.script.setdefault(stage, {})
                acts[f"{name}@example.com"] = act
        delivery.pump(stop=lambda: False)
        lifecycle.settle(timezone.now())

    def retry(self, title: str, failures: set[Failure]) -> None:
        for run in self._mailing(title).runs.all()[:1]:
            address = reverse("reports:run-retry", args=[run.pk])
            self.browser.post(address, {"failures_chosen": sorted(failures)})

    def hold(self, title: str) -> None:
        self._manage("hold", title)

    def release(self, title: str) -> None:
        self._manage("release", title)

    def _manage(self, verb: str, title: str) -> None:
        address = reverse(f"reports:manage-mailing-{verb}", args=[self.keys[title]])
        self.managers.post(address, {"reason": "Complaints"})

    def stop(self, title: str) -> None:
        lifecycle.stop(self._mailing(title), by=self.alice)

    def delete(self, title: str) -> None:
        lifecycle.delete(self._mailing(title), by=self.alice)

    def delete_client(self, name: str) -> None:
        for client in Recipient.objects.filter(email=f"{name}@example.com"):
            lifecycle.delete_client(client, by=self.alice)

    def _mailing(self, title: str) -> Mailing:
        return Mailing.objects.existing().get(pk=self.keys[title])


# --- what a page says ---


class _Texts(HTMLParser):
    """The texts of the cells of each row of the tables, and what follows each <dt>."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.facts: dict[str, str] = {}
        self._into: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag == "tr":
            self.rows.append([])
        if tag in ("th", "td", "dt", "dd"):
            self._into = []

    def handle_endtag(self, tag: str) -> None:
        text = " ".join("".join(self._into).split())
        if tag in ("th", "td"):
            self.rows[-1].append(text)
        elif tag == "dt":
            self._fact = text
        elif tag == "dd":
            self.facts[self._fact] = text

    def handle_data(self, data: str) -> None:
        self._into.append(data)


def page_of(browser: Client, address: str) -> str:
    answer = browser.get(address)
    assert answer.status_code == 200
    return str(answer.content.decode())


def overview(browser: Client) -> dict[str, dict[str, str]]:
    """The row of each mailing, by the headings, and the totals as "all"."""
    texts = _Texts(page_of(browser, reverse("reports:overview")))
    headings, *rows = texts.rows
    found = {
        row[0]: dict(zip(headings, row, strict=True))
        for row in rows
        if len(row) == len(headings)
    }
    return found | {"all": texts.facts}


def ledger(browser: Client, address: str) -> dict[str, int]:
    page = page_of(browser, address)
    books = page[page.index('class="ledger-sum"') :].partition("</div>")[0]
    words = re.sub(r"<[^>]*>", " ", books)
    terms = re.findall(r"(\d+)\s+([A-Za-z]+)", words)
    return {name.lower(): int(number) for number, name in terms if int(number)}


def row_count(browser: Client, address: str) -> int:
    found = re.search(r"(\d+) rows?\b", page_of(browser, address))
    return int(found[1]) if found else 0


# --- what counting gives ---


def counted(runs: "QuerySet[Run]") -> Counter[str]:
    states = Delivery.objects.filter(run__in=runs).order_by().values_list("state")
    found = Counter(dict(states.annotate(n=Count("pk"))))
    return found + Counter(planned=found.total())


def expected_row(runs: "QuerySet[Run]") -> dict[str, str]:
    found = counted(runs)
    ended = sum(found[name] for name in ("accepted", "refused", "unknown", "expired"))
    success = f"{100 * found['accepted'] / ended:.1f}\xa0%" if ended else "—"
    waiting = sum(found[name] for name in ("pending", "sending", "deferred"))
    return {
        "Success": success.replace("\xa0", " "),
        "Accepted": str(found["accepted"]),
        "Planned": str(found["planned"]),
        "Refused": str(found["refused"]),
        "Unknown": str(found["unknown"]),
        "Waiting": str(waiting),
        "Attempts": str(Attempt.objects.filter(run__in=runs).count()),
        "Runs": str(runs.exclude(state=Run.State.MISSED).count()),
    }


def check(world: World) -> None:
    assert list(drifts()) == []
    doubled = Delivery.objects.annotate(
        copies=Count("attempts", filter=Q(attempts__outcome="accepted"))
    ).filter(copies__gt=1)
    assert not doubled.exists()
    empty_cache()  # totals may be a minute old
    existing = Mailing.objects.existing()
    for browser in (world.browser, world.managers):
        found = overview(browser)
        rows = {title: found[title] for title in found if title != "all"}
        assert rows.keys() == set(existing.values_list("title", flat=True))
        for mailing in existing:
            expected = expected_row(Run.objects.filter(mailing=mailing))
            assert rows[mailing.title].items() >= expected.items()
        assert found["all"] == expected_row(Run.objects.filter(mailing__in=existing))
    for mailing in existing:
        check_report(world.browser, "mailing", mailing, mailing.runs.all())
    for run in Run.objects.all():
        check_report(world.browser, "run", run, Run.objects.filter(pk=run.pk))


def check_report(
    browser: Client, kind: str, about: Mailing | Run, runs: "QuerySet[Run]"
) -> None:
    def address(page: str) -> str:
        return reverse(f"reports:{page}", args=[about.pk])

    states, attempts = counted(runs), Attempt.objects.filter(run__in=runs)
    by_outcome = Counter(attempts.values_list("outcome", flat=True))
    assert ledger(browser, address(kind)) == +states
    chart = browser.get(address(f"{kind}-chart")).json()["series"]
    assert +Counter({one["name"]: sum(one["values"]) for one in chart}) == by_outcome
    log = address(f"{kind}-attempts")
    assert row_count(browser, log) == attempts.count()
    if kind == "run":
        return
    for outcome, count in by_outcome.items():
        assert row_count(browser, f"{log}?outcome={outcome}") == count
    for state, count in states.items():
        query = "" if state == "planned" else f"?state={state}"
        assert row_count(browser, address("mailing-recipients") + query) == count


@settings(
    max_examples=10,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(sequence=st.lists(steps, min_size=3, max_size=8))
def test_pages_say_what_counting_gives(
    alice: User,
    manager: User,
    smtp_server: SmtpServer,
    sequence: list[tuple[Any, ...]],
) -> None:
    with (
        time_machine.travel(recipes.moment("2026-03-02 09:00")) as clock,
        transaction.atomic(),
    ):
        world = World(alice, manager, smtp_server, clock)
        for step in sequence:
            world.do(*step)
        check(world)
        transaction.set_rollback(True)


def test_the_check_finds_a_number_that_is_off(
    alice: User, manager: User, smtp_server: SmtpServer
) -> None:
    with time_machine.travel(recipes.moment("2026-03-02 09:00")) as clock:
        world = World(alice, manager, smtp_server, clock)
        world.send("First", ("accept", "refuse", "defer", "lose"))
        check(world)
        Run.objects.update(accepted=2, refused=0)
        with pytest.raises(AssertionError):
            check_report(world.browser, "run", Run.objects.get(), Run.objects.all())
