from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from mailings.models import Mailing
from mailings.outlook import outlook
from tests import recipes
from users.models import User

BERLIN = ZoneInfo("Europe/Berlin")


def series(start: str, periodicity: str, *, days: int = 400) -> Mailing:
    """Not saved: as a form has it."""
    begin = recipes.moment(start)
    return Mailing(
        start_at=begin,
        end_at=begin + timedelta(days=days),
        periodicity=periodicity,
        timezone=BERLIN,
    )


def test_the_next_five_and_whether_more_come() -> None:
    mailing = series("2026-06-01 07:00", "daily", days=10)
    found = outlook(mailing, recipes.moment("2026-06-02 12:00"))
    assert [moment.day for moment in found.moments] == [3, 4, 5, 6, 7]
    assert (found.has_more, found.begins_at_once) == (True, True)
    assert found.notes == []


def test_it_is_what_the_scheduler_asks() -> None:
    mailing = series("2026-01-31 08:00", "monthly")
    now = recipes.moment("2026-01-01 00:00")
    walked, moment = [], now
    for _ in range(5):
        following = mailing.next_after(moment)
        assert following is not None
        moment = following
        walked.append(moment)
    assert outlook(mailing, now).moments == walked


def test_what_is_monthly_and_late_in_the_month_says_so() -> None:
    now = recipes.moment("2026-01-01 00:00")
    words = "In a month without a day 31 it runs on the last day."
    assert words in outlook(series("2026-01-31 08:00", "monthly"), now).notes
    assert words not in outlook(series("2026-01-28 08:00", "monthly"), now).notes


@pytest.mark.parametrize(
    ("start", "words"),
    [
        ("2026-03-01 08:00", "When the clocks change it stays 09:00."),
        ("2026-03-01 01:30", "the clocks skip 02:30 it runs right after the gap"),
        ("2026-09-01 00:30", "show 02:30 twice it runs once, the first time"),
    ],
)
def test_what_the_clocks_do_is_told(start: str, words: str) -> None:
    notes = outlook(series(start, "daily"), recipes.moment("2026-01-01 00:00")).notes
    assert words in " ".join(notes)


def test_a_series_that_no_change_of_clocks_meets_says_nothing_of_it() -> None:
    mailing = series("2026-06-01 07:00", "daily", days=30)
    assert outlook(mailing, recipes.moment("2026-05-01 00:00")).notes == []


def test_a_single_mailing_that_had_its_run_has_no_other(alice: User) -> None:
    mailing = recipes.mailing(alice)
    recipes.run(mailing, accepted=1)
    later = mailing.start_at + timedelta(hours=1)
    mailing.start_at = later + timedelta(hours=1)
    assert outlook(mailing, later).is_empty


def test_a_run_that_is_due_begins_at_once(alice: User) -> None:
    mailing = recipes.mailing(alice, periodicity="daily")
    assert outlook(mailing, mailing.start_at + timedelta(minutes=5)).begins_at_once
    recipes.run(mailing, accepted=1)
    assert not outlook(mailing, mailing.start_at + timedelta(minutes=5)).begins_at_once


def test_the_last_day_of_the_month_is_waited_for() -> None:
    """Begun on the 15th, it is not said to send anything before the 30th."""
    mailing = series("2026-11-15 08:00", "month_end")
    found = outlook(mailing, recipes.moment("2026-11-20 12:00"))
    assert not found.begins_at_once
    assert [f"{moment:%d.%m}" for moment in found.moments[:3]] == [
        *("30.11", "31.12", "31.01"),
    ]
    assert found.notes == ["When the clocks change it stays 09:00."]
