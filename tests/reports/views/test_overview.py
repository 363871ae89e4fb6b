"""One row per mailing, totals on top, nothing of anybody else's."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from mailings import delivery, lifecycle
from mailings.models import Mailing, Verification
from mailsvc import cache
from tests import recipes
from users import permissions
from users.models import User
from users.permissions import Level

pytestmark = pytest.mark.django_db

OVERVIEW = "/reports/"
FIGURES = ("planned", "accepted", "refused", "waiting", "unknown", "attempts")


@pytest.fixture
def news(alice: User) -> Mailing:
    """Two runs, half a year apart, and one that was missed."""
    mailing = recipes.mailing(alice, title="News", periodicity="monthly")
    for at, states in (
        ("2026-01-15 09:00", {"accepted": 3, "refused": 1}),
        (
            "2026-07-15 09:00",
            {"accepted": 2, "unknown": 1, "deferred": 1, "expired": 1},
        ),
    ):
        recipes.run(mailing, values={"scheduled_for": recipes.moment(at)}, **states)
    recipes.run(
        mailing,
        values={"scheduled_for": recipes.moment("2026-08-15 09:00"), "state": "missed"},
    )
    return mailing


def rows(answer: Any) -> dict[str, Any]:
    found = answer.context["table"].paginated_rows
    return {row.record.title: row.record for row in found}


def totals(client: Client, query: str = "") -> dict[str, Any]:
    value: dict[str, Any] = client.get(f"{OVERVIEW}{query}").context["totals"].value
    return value


def figures(record: Any) -> dict[str, int]:
    return {name: getattr(record, f"sum_{name}") for name in FIGURES}


def test_a_row_sums_up_the_runs(alice_client: Client, news: Mailing) -> None:
    answer = alice_client.get(OVERVIEW)
    row = rows(answer)["News"]
    assert row.run_count == 2
    assert figures(row) == {
        "planned": 9,
        "accepted": 5,
        "refused": 1,
        "waiting": 1,
        "unknown": 1,
        "attempts": 8,
    }
    assert row.success == pytest.approx(62.5)
    assert row.last_run == recipes.moment("2026-07-15 09:00")
    assert "62.5\xa0%" in answer.content.decode()


def test_success_is_rounded_not_cut(alice: User, alice_client: Client) -> None:
    recipes.run(recipes.mailing(alice), accepted=2, refused=5)
    assert alice_client.get(OVERVIEW).content.decode().count("28.6\xa0%") == 2


def test_the_totals_are_those_of_the_rows(alice_client: Client, news: Mailing) -> None:
    recipes.run(recipes.mailing(news.owner, title="Other"), accepted=1)
    found = totals(alice_client)
    assert found["runs"] == 3
    assert found["accepted"] == 6
    assert found["success"] == 66.7


@pytest.mark.parametrize(
    ("query", "planned"),
    [
        ("?since=2026-07-01", 5),
        ("?until=2026-01-15", 4),
        ("?since=2026-02-01&until=2026-06-30", 0),
        ("?q=news", 9),
        ("?q=nothing", None),
        ("?status=created", 9),
        ("?status=finished", None),
    ],
)
def test_filters_choose_rows_and_runs(
    alice_client: Client, news: Mailing, query: str, planned: int | None
) -> None:
    found = rows(alice_client.get(f"{OVERVIEW}{query}"))
    assert [row.sum_planned for row in found.values()] == (
        [] if planned is None else [planned]
    )
    assert totals(alice_client, query)["planned"] == (planned or 0)


@pytest.mark.parametrize("query", ["?since=x", "?until=9999-12-31", "?sort=-nonsense"])
def test_nonsense_in_the_address_is_no_error(
    alice_client: Client, news: Mailing, query: str
) -> None:
    assert alice_client.get(f"{OVERVIEW}{query}").status_code == 200


@pytest.mark.parametrize("column", ["success", "sum_accepted", "last_run", "run_count"])
def test_rows_are_sorted_by_any_figure(
    alice: User, alice_client: Client, news: Mailing, column: str
) -> None:
    recipes.run(recipes.mailing(alice, title="Best"), accepted=9)
    for sign in ("", "-"):
        found = rows(alice_client.get(f"{OVERVIEW}?sort={sign}{column}"))
        values = [getattr(row, column) for row in found.values()]
        assert values == sorted(values, reverse=bool(sign))


def test_a_mailing_without_runs_has_a_row_and_no_success(
    alice: User, alice_client: Client
) -> None:
    recipes.mailing(alice, title="Quiet")
    row = rows(alice_client.get(OVERVIEW))["Quiet"]
    assert (row.run_count, row.sum_planned, row.success) == (0, 0, None)


def test_everybody_sees_their_own_and_what_is_shared(
    news: Mailing, bob: User, bob_client: Client, manager_client: Client, alice: User
) -> None:
    recipes.run(recipes.mailing(bob, title="Bob's"), accepted=1)
    assert list(rows(bob_client.get(OVERVIEW))) == ["Bob's"]
    assert totals(bob_client)["accepted"] == 1
    permissions.share(news, to=bob, level=Level.VIEW, by=alice)
    # No old totals: what one may see is a part of the question.
    assert sorted(rows(bob_client.get(OVERVIEW))) == ["Bob's", "News"]
    assert totals(bob_client)["accepted"] == 6
    permissions.unshare(news, to=bob, by=alice)
    assert totals(bob_client)["accepted"] == 1
    assert totals(manager_client)["accepted"] == 6
    assert "Alice" in manager_client.get(OVERVIEW).content.decode()


def test_totals_show_their_age_and_can_be_refreshed(
    alice: User, alice_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailing = recipes.mailing(alice)
    first = alice_client.get(OVERVIEW).context["totals"]
    recipes.run(mailing, accepted=1)
    again = alice_client.get(OVERVIEW)
    assert again.context["totals"] == first
    assert "as of" in again.content.decode()
    monkeypatch.setattr(cache, "_FRESH", 0.0)
    assert totals(alice_client, "?refresh=1")["accepted"] == 1


@pytest.mark.parametrize("size", [1, 30])
def test_the_page_costs_the_same_however_many_mailings(
    alice: User,
    alice_client: Client,
    django_assert_max_num_queries: DjangoAssertNumQueries,
    size: int,
) -> None:
    for number in range(size):
        recipes.run(recipes.mailing(alice, title=f"M{number}"), accepted=1)
    with django_assert_max_num_queries(10):
        alice_client.get(OVERVIEW)


# --- the reports of a mailing and of a run ---


def test_the_report_shows_books_reasons_and_days(
    alice_client: Client, news: Mailing
) -> None:
    answer = alice_client.get(reverse("reports:mailing", args=[news.pk]))
    assert answer.context["books"]["planned"] == 9
    replies = {row.code: row.attempts for _, row, _ in answer.context["replies"]}
    assert replies == {550: 1, 451: 1, 0: 1}
    page = answer.content.decode()
    assert "The mailbox does not exist." in page or "refuses this recipient" in page
    assert sum(sum(numbers) for _, numbers in answer.context["series"]) == 8


def test_ends_without_a_reply_have_their_reason(
    alice: User, alice_client: Client
) -> None:
    run = recipes.run(recipes.mailing(alice), pending=2)
    run.mailing.runs.update(closes_at=timezone.now() - timedelta(minutes=1))
    delivery.close(timezone.now())
    page = alice_client.get(reverse("reports:run", args=[run.pk])).content.decode()
    assert "the time of the run was over" in page


def test_the_speed_is_that_of_sending_not_of_waiting_for_retries(
    alice: User, alice_client: Client
) -> None:
    run = recipes.run(recipes.mailing(alice), deferred=3)
    begin = recipes.moment("2026-03-02 09:05")
    minutes = (0, 5, 24 * 60)  # the last one alone in its quarter of an hour
    for attempt, minute in zip(run.attempt_rows.order_by("pk"), minutes, strict=True):
        moment = begin + timedelta(minutes=minute)
        run.attempt_rows.filter(pk=attempt.pk).update(started_at=moment)
    delivery.rebuild_statistics([run.pk])
    page = alice_client.get(reverse("reports:run", args=[run.pk]))
    assert page.context["per_minute"] == 0.2  # 3 in 10 and 5 minutes
    assert "2 Mar 2026, 09:05:00" in page.content.decode()
    assert "3 Mar 2026, 09:05:00" in page.content.decode()


@pytest.mark.parametrize("name", ["mailing", "mailing-chart"])
def test_reports_are_for_who_sees_the_mailing(
    news: Mailing,
    alice: User,
    bob: User,
    bob_client: Client,
    manager_client: Client,
    name: str,
) -> None:
    address = reverse(f"reports:{name}", args=[news.pk])
    assert bob_client.get(address).status_code == 404
    assert manager_client.get(address).status_code == 200
    permissions.share(news, to=bob, level=Level.VIEW, by=alice)
    assert bob_client.get(address).status_code == 200


def test_chart_and_table_have_the_same_numbers(
    alice_client: Client, news: Mailing
) -> None:
    page = alice_client.get(reverse("reports:mailing", args=[news.pk]))
    chart = alice_client.get(reverse("reports:mailing-chart", args=[news.pk])).json()
    table = {day: list(numbers) for day, numbers in page.context["series"]}
    columns = zip(*(each["values"] for each in chart["series"]), strict=True)
    assert {day: list(c) for day, c in zip(chart["labels"], columns, strict=True)} == (
        table
    )


def test_who_has_the_chart_already_gets_a_304_until_it_changes(
    alice_client: Client, news: Mailing
) -> None:
    address = reverse("reports:mailing-chart", args=[news.pk])
    first = alice_client.get(address)
    assert first["Cache-Control"] == "private, no-cache"
    tag = {"If-None-Match": first["ETag"]}
    assert alice_client.get(address, headers=tag).status_code == 304
    recipes.run(news, accepted=1, values={"scheduled_for": timezone.now()})
    assert alice_client.get(address, headers=tag).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_run_that_begins_makes_old_totals_old(
    alice: User, alice_client: Client
) -> None:
    recipes.client(alice)
    mailing = recipes.mailing(
        alice, all_clients=True, start_at=timezone.now(), title="Now"
    )
    assert totals(alice_client)["runs"] == 0
    lifecycle.send_now(mailing, now=timezone.now())
    assert totals(alice_client)["runs"] == 1


@pytest.mark.parametrize(
    ("differences", "words"), [(0, "they are right"), (2, "2 diff")]
)
def test_managers_see_the_last_verdict_on_the_books(
    alice_client: Client, manager_client: Client, differences: int, words: str
) -> None:
    Verification.objects.create(
        runs=1, deliveries=1, differences=differences, seconds=0.1
    )
    assert words in manager_client.get(OVERVIEW).content.decode()
    assert words not in alice_client.get(OVERVIEW).content.decode()


@pytest.mark.parametrize("size", [1, 30])
@pytest.mark.parametrize("name", ["mailing", "mailing-chart"])
def test_a_report_costs_the_same_however_many_runs(
    alice: User,
    alice_client: Client,
    django_assert_max_num_queries: DjangoAssertNumQueries,
    size: int,
    name: str,
) -> None:
    mailing = recipes.mailing(alice)
    for day in range(size):
        at = timezone.now() - timedelta(days=day)
        recipes.run(mailing, values={"scheduled_for": at}, accepted=1, refused=1)
    address = reverse(f"reports:{name}", args=[mailing.pk])
    with django_assert_max_num_queries(10):
        alice_client.get(address)


def test_a_period_that_ends_before_it_begins_is_an_error_at_its_field(
    alice_client: Client, news: Mailing
) -> None:
    answer = alice_client.get(OVERVIEW, {"since": "2026-11-30", "until": "2026-11-01"})
    assert answer.context["filter"].form.errors == {
        "until": ["The end is before the start."]
    }
    assert "The end is before the start." in answer.content.decode()


def test_what_is_over_is_not_said_to_be_tried_again(
    alice: User, alice_client: Client
) -> None:
    words = "it is tried again by itself while there is time"
    for states, is_over in (({"deferred": 1}, False), ({"expired": 1}, True)):
        run = recipes.run(recipes.mailing(alice), **states)
        if is_over:
            recipes.attempt(run.deliveries.get(), outcome="deferred")
            delivery.rebuild_statistics([run.pk])
        page = alice_client.get(reverse("reports:run", args=[run.pk])).content.decode()
        assert (words in page) is not is_over
        assert ("The time of the run is over" in page) is is_over


def test_who_got_it_at_a_later_try_is_not_to_get_it_again(
    alice: User, alice_client: Client
) -> None:
    """Greylisting: refused for now, and accepted at the second attempt."""
    run = recipes.run(recipes.mailing(alice), accepted=1)
    recipes.attempt(run.deliveries.get(), outcome="deferred")
    delivery.rebuild_statistics([run.pk])
    page = alice_client.get(reverse("reports:run", args=[run.pk])).content.decode()
    assert "each was tried again and came to an end" in page
    assert "have it sent in another run" not in page
