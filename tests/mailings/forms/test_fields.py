from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from mailings.forms.fields import AT_MOST, LocalDateTimeField
from mailings.forms.mailing import MailingForm
from tests import recipes
from users.models import User


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-07-01T09:00", "2026-07-01 07:00"),
        ("2026-03-29T02:30", "2026-03-29 01:00"),  # skipped: the first after the gap
        ("2026-10-25T02:30", "2026-10-25 00:30"),  # twice: the first
        ("2026-07-01T09:00+00:00", "2026-07-01 09:00"),
    ],
)
def test_a_moment_on_the_clock_of_berlin(text: str, instant: str) -> None:
    with timezone.override(ZoneInfo("Europe/Berlin")):
        assert LocalDateTimeField().clean(text) == recipes.moment(instant)


@pytest.mark.parametrize(
    "text", ["", "noon", "1999-12-31T23:59", "2101-01-01T00:00", "9999-12-31T23:59"]
)
def test_a_moment_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        LocalDateTimeField().clean(text)


def test_more_than_a_form_can_carry_is_refused_in_words(alice: User) -> None:
    form = MailingForm({"clients": list(range(1, AT_MOST + 2))}, owner=alice)
    assert form.errors["clients"] == [f"Pick at most {AT_MOST}. For more, use a list."]


def test_the_newest_messages_are_offered_and_the_chosen_one(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailings.forms.mailing.MESSAGES_SHOWN", 2)
    old, middle, new = (recipes.message(alice, subject=name) for name in "abc")
    form = MailingForm(owner=alice, initial={"message": old.pk})
    keys = [key for key, _subject in form.fields["message"].choices]  # type: ignore[attr-defined]
    assert keys == ["", new.pk, middle.pk, old.pk]
