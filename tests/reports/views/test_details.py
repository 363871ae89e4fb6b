"""What is behind the figures: attempts and recipients, however many there are."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from mailings import delivery
from mailings.models import Attempt, Delivery, Mailing, Run
from mailsvc.tables import BoundedTable
from tests import recipes
from users.models import AuditEntry, User

pytestmark = pytest.mark.django_db

NINE = recipes.moment("2026-03-02 09:00")


@pytest.fixture
def mailing(alice: User) -> Mailing:
    return recipes.mailing(alice, title="News", periodicity="daily")


@pytest.fixture
def run(mailing: Mailing) -> Run:
    """Attempts a minute apart, the oldest accepted."""
    return a_run(mailing, NINE)


def a_run(mailing: Mailing, at: Any, **states: int) -> Run:
    states = states or {"accepted": 2, "refused": 2, "deferred": 1, "unknown": 1}
    run = recipes.run(mailing, values={"scheduled_for": at}, **states)
    for minute, attempt in enumerate(Attempt.objects.filter(run=run).order_by("pk")):
        moment = at + timedelta(minutes=minute)
        Attempt.objects.filter(pk=attempt.pk).update(started_at=moment)
    Attempt.objects.filter(run=run, outcome="refused").update(enhanced_code="5.1.1")
    delivery.rebuild_statistics([run.pk])
    return run


def of_run(run: Run, query: str = "") -> str:
    return f"{reverse('reports:run-attempts', args=[run.pk])}{query}"


def of_mailing(mailing: Mailing, query: str = "", *, page: str = "attempts") -> str:
    return f"{reverse(f'reports:mailing-{page}', args=[mailing.pk])}{query}"


def shown(browser: Client, address: str) -> list[Any]:
    table = browser.get(address).context["table"]
    return [row.record for row in table.paginated_rows]


def outcomes(browser: Client, address: str) -> list[str]:
    return [attempt.outcome for attempt in shown(browser, address)]


def test_the_newest_come_first_with_the_servers_words(
    alice_client: Client, run: Run
) -> None:
    moments = [attempt.started_at for attempt in shown(alice_client, of_run(run))]
    assert moments == [NINE + timedelta(minutes=minute) for minute in range(5, -1, -1)]
    assert "5.1.1 No such user" in alice_client.get(of_run(run)).content.decode()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?outcome=refused", ["refused", "refused"]),
        ("?code=550", ["refused", "refused"]),
        ("?code=550+5.1.1", ["refused", "refused"]),
        ("?code=++5.1.1+", ["refused", "refused"]),
        ("?code=550+-", []),
        ("?code=451+-", ["deferred"]),
        ("?code=0", ["unknown"]),
        ("?outcome=unknown&code=0+-", ["unknown"]),
        ("?outcome=accepted&code=550", []),
        ("?code=250", ["accepted", "accepted"]),
        ("?since=2026-03-02T09:04", ["unknown", "deferred"]),
        ("?until=2026-03-02T09:01", ["accepted", "accepted"]),
        ("?since=2026-03-02T09:02&until=2026-03-02T09:02", ["refused"]),
        ("?since=2026-03-02T09:02&outcome=accepted", []),
        ("?until=2026-03-01T09:02", []),
    ],
)
def test_filters_find_attempts(
    alice_client: Client, run: Run, query: str, found: list[str]
) -> None:
    a_run(run.mailing, NINE - timedelta(days=300), accepted=1)
    assert outcomes(alice_client, of_run(run, query)) == found
    mailings = outcomes(alice_client, of_mailing(run.mailing, query))
    assert mailings[: len(found)] == found


def test_times_are_on_the_readers_clock(
    alice: User, alice_client: Client, run: Run
) -> None:
    User.objects.filter(pk=alice.pk).update(timezone="Europe/Moscow")
    query = "?since=2026-03-02T12:04"
    assert outcomes(alice_client, of_run(run, query)) == ["unknown", "deferred"]


def test_a_recipient_is_found_by_address_whatever_its_case(
    alice_client: Client, run: Run
) -> None:
    to = run.deliveries.get(state="deferred")
    (attempt,) = shown(alice_client, of_run(run, f"?email=+{to.email.upper()}+"))
    assert attempt.delivery == to
    story = f"{reverse('reports:story')}?email={to.email.replace('@', '%40')}"
    assert story in alice_client.get(of_run(run)).content.decode()
    assert shown(alice_client, of_run(run, f"?email={to.email[:5]}")) == []


@pytest.mark.parametrize(
    "query",
    [
        *("?code=55", "?code=550+5", "?code=x", "?code=%00"),
        *("?since=x", "?until=9999-12-31T23:59", "?outcome=x", "?email=%00"),
    ],
)
def test_nonsense_is_said_and_finds_nothing(
    alice_client: Client, run: Run, query: str
) -> None:
    answer = alice_client.get(of_run(run, query))
    assert answer.context["filter"].form.errors
    assert list(answer.context["table"].paginated_rows) == []


@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("started_at", lambda attempt: attempt.started_at),
        ("email", lambda attempt: attempt.delivery.email),
        ("outcome", lambda attempt: attempt.outcome),
        ("reply", lambda attempt: attempt.reply),
    ],
)
def test_any_column_sorts(
    alice_client: Client, run: Run, column: str, value: Any, sign: str
) -> None:
    rows = shown(alice_client, of_run(run, f"?sort={sign}{column}"))
    values = [value(attempt) for attempt in rows]
    assert values == sorted(values, reverse=bool(sign))


def test_a_page_keeps_filters_and_order_in_its_addresses(
    alice_client: Client, mailing: Mailing
) -> None:
    run = a_run(mailing, NINE, refused=30)
    page = alice_client.get(of_run(run, "?outcome=refused&sort=started_at"))
    text = page.content.decode()
    assert "?outcome=refused&amp;sort=started_at&amp;page=2" in text
    assert "?outcome=refused&amp;sort=started_at&amp;export=csv" in text


def test_a_file_has_all_that_the_filter_finds(
    alice_client: Client, alice: User, mailing: Mailing
) -> None:
    run = a_run(mailing, NINE, refused=30, accepted=1)
    answer = alice_client.get(of_run(run, "?outcome=refused&export=csv"))
    text = b"".join(answer.streaming_content).decode()
    assert text.count("5.1.1 No such user") == 30
    assert text.count("@example.com") == 30
    assert AuditEntry.objects.get(action="exported").actor == alice


# --- many of them ---


@pytest.fixture
def most(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(BoundedTable, "MOST", 8)
    monkeypatch.setattr("reports.details.MOST", 8)
    return 8


def test_no_more_are_counted_than_are_shown(
    alice_client: Client, mailing: Mailing, most: int
) -> None:
    run = a_run(mailing, NINE, accepted=7, refused=5)
    answer = alice_client.get(of_run(run))
    assert len(answer.context["table"].data) == most
    assert "The first 8 rows; a filter finds the others" in answer.content.decode()
    assert len(shown(alice_client, of_run(run, "?page=2"))) == most
    assert len(shown(alice_client, of_run(run, "?outcome=refused"))) == 5
    file = b"".join(alice_client.get(of_run(run, "?export=csv")).streaming_content)
    assert file.count(b"@example.com") == 12


def test_of_too_many_only_the_time_sorts(
    alice_client: Client, mailing: Mailing, most: int
) -> None:
    run = a_run(mailing, NINE, accepted=7, refused=5)
    oldest = shown(alice_client, of_run(run, "?sort=started_at"))
    assert [row.started_at for row in oldest] == [
        NINE + timedelta(minutes=minute) for minute in range(most)
    ]
    page = alice_client.get(of_run(run)).content.decode()
    assert "?sort=started_at" in page
    assert "?sort=outcome" not in page
    newest = shown(alice_client, of_run(run))
    assert shown(alice_client, of_run(run, "?sort=outcome")) == newest


def test_a_mailing_shows_its_newest_runs_as_far_as_they_go(
    alice_client: Client, mailing: Mailing, most: int
) -> None:
    runs = [
        a_run(mailing, NINE - timedelta(days=day), accepted=3, refused=int(day == 2))
        for day in range(3)
    ]
    answer = alice_client.get(of_mailing(mailing))
    found = {row.record.run_id for row in answer.context["table"].paginated_rows}
    assert found == {runs[0].pk, runs[1].pk}
    assert "These are of the newest runs" in answer.content.decode()
    answer = alice_client.get(of_mailing(mailing, "?outcome=refused"))
    found = {row.record.run_id for row in answer.context["table"].paginated_rows}
    assert found == {runs[2].pk}
    assert "These are of the newest runs" not in answer.content.decode()


def test_one_run_is_shown_however_large(
    alice_client: Client, mailing: Mailing, most: int
) -> None:
    run = a_run(mailing, NINE, accepted=12)
    a_run(mailing, NINE - timedelta(days=1), accepted=1)
    for page in ("attempts", "recipients"):
        rows = shown(alice_client, of_mailing(mailing, page=page))
        assert {row.run_id for row in rows} == {run.pk}
        assert len(rows) == most


# --- links from the report ---


def test_a_reason_leads_to_its_attempts_and_a_state_to_its_recipients(
    alice: User, alice_client: Client, mailing: Mailing
) -> None:
    runs = [a_run(mailing, NINE - timedelta(days=day)) for day in range(2)]
    ended = recipes.run(
        mailing, pending=2, values={"closes_at": timezone.now() - timedelta(minutes=1)}
    )
    delivery.close(timezone.now())
    reports = [reverse("reports:mailing", args=[mailing.pk])] + [
        reverse("reports:run", args=[run.pk]) for run in (*runs, ended)
    ]
    for report in reports:
        answer = alice_client.get(report)
        context, text = answer.context, answer.content.decode()
        for _badge, row, _reason in context["replies"]:
            address = f"{context['attempts_url']}?{row.query}"
            assert address.replace("&", "&amp;") in text
            assert len(shown(alice_client, address)) == row.attempts
        for _badge, row, _reason in context["ends"]:
            address = f"{context['recipients_url']}?{row.query}"
            assert f"{address.replace('&', '&amp;')}#deliveries" in text
            assert len(shown(alice_client, address)) == row.deliveries
        for name, _badge, count in context["states"]:
            address = f"{context['recipients_url']}?state={name}"
            assert (f"{address}#deliveries" in text) == bool(count)
            assert len(shown(alice_client, address)) == count
        assert f'href="{context["attempts_url"]}"' in text or not context["span"]


def test_one_reply_is_one_reason_wherever_it_came(
    alice_client: Client, run: Run
) -> None:
    one = Attempt.objects.filter(run=run, outcome="refused").earliest("pk")
    Attempt.objects.filter(pk=one.pk).update(phase="dot")
    delivery.rebuild_statistics([run.pk])
    context = alice_client.get(reverse("reports:run", args=[run.pk])).context
    refused = [
        row for _badge, row, _reason in context["replies"] if row.outcome == "refused"
    ]
    assert [(row.code, row.enhanced_code, row.attempts) for row in refused] == [
        (550, "5.1.1", 2)
    ]


def test_recipients_of_a_mailing_are_told_with_their_run_and_last_reply(
    alice_client: Client, run: Run
) -> None:
    address = of_mailing(run.mailing, "?state=refused", page="recipients")
    page = alice_client.get(address).content.decode()
    assert page.count("550 5.1.1 No such user") == 2
    assert reverse("reports:run", args=[run.pk]) in page
    assert Delivery.objects.filter(run=run, state="refused").count() == 2


@pytest.mark.parametrize("page", ["attempts", "recipients"])
def test_a_deleted_mailing_has_no_such_page(
    alice_client: Client, run: Run, page: str
) -> None:
    Mailing.objects.update(deleted_at=timezone.now())
    assert alice_client.get(of_mailing(run.mailing, page=page)).status_code == 404
    assert alice_client.get(of_run(run)).status_code == 200
