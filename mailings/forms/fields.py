"""Fields of our own: a moment on the user's clock, a choice among very many rows."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from mailings import recurrence
from mailsvc import filters
from mailsvc.filters import containing

SHOWN = 50  # rows that a picker offers at once
_FEW = 1_000  # rows that are put in order once they are found
AT_MOST = 400  # rows that may be picked; Django takes 1000 fields per form
_YEARS = range(2000, 2101)


class LocalDateTimeField(forms.DateTimeField):
    """
    Date and time to the minute, on the clock of the current zone.

    A time that the clocks skip is the next one, one that comes twice is the first,
    as everywhere in `recurrence`; Django's field refuses both.
    """

    widget = forms.DateTimeInput(
        format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local"}
    )

    def to_python(self, value: Any) -> datetime | None:
        if value in self.empty_values or isinstance(value, datetime):
            return value or None
        try:
            wall = datetime.fromisoformat(value.strip())
        except ValueError:
            raise ValidationError(
                self.error_messages["invalid"], code="invalid"
            ) from None
        if wall.year not in _YEARS:
            raise ValidationError(_("The year must be between 2000 and 2100."))
        if wall.tzinfo is not None:
            return wall.astimezone(UTC)
        return recurrence.instant(wall, timezone.get_current_timezone())


@dataclass(frozen=True)
class Options:
    """What a picker shows: the picked rows, and the first of the others."""

    picked: list[Any]
    others: list[Any]
    are_all_shown: bool = True  # of the others


class PickerField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    """
    Some of a user's rows, which may be a hundred thousand: shows a few, finds others.

    `search_fields` are looked through; `search_url` names the address that answers
    with the options found. The rows are set by the form: `field.queryset = …`.
    """

    def __init__(
        self, *, search_fields: list[str], search_url: str, **kwargs: Any
    ) -> None:
        super().__init__(queryset=None, required=False, **kwargs)
        self.search_fields = search_fields
        self.search_url = search_url

    def clean(self, value: Any) -> Any:
        if value and len(value) > AT_MOST:
            raise ValidationError(
                _("Pick at most %(limit)d. For more, use a list."),
                params={"limit": AT_MOST},
            )
        for key in value or ():
            if not is_key(key):
                raise ValidationError(
                    self.error_messages["invalid_pk_value"],
                    code="invalid_pk_value",
                    params={"pk": str(key)[:20]},
                )
        return super().clean(value)

    def options(self, value: Iterable[Any] | None, text: str = "") -> Options:
        """`value` is what the form holds: rows, keys or raw text."""
        rows = cast("QuerySet[Model]", self.queryset)
        picked = self._picked(list(value or ())[:AT_MOST])
        others = rows.exclude(pk__in=[row.pk for row in picked])
        if text:
            others = containing(others, text, self.search_fields)
            # Looked for once: in their order, the few of a million are found late.
            found = list(others.order_by().values_list("pk", flat=True)[: _FEW + 1])
            if len(found) <= _FEW:
                few = list(rows.filter(pk__in=found)[:SHOWN])
                return Options(picked, few, len(few) == len(found))
        first = list(others[: SHOWN + 1])  # one more tells whether there are others
        return Options(picked, first[:SHOWN], len(first) <= SHOWN)

    def _picked(self, value: list[Any]) -> list[Any]:
        if all(isinstance(item, Model) for item in value):
            return value
        keys = [int(key) for key in value if is_key(key)]
        rows = cast("QuerySet[Model]", self.queryset)
        return list(rows.filter(pk__in=keys)) if keys else []


def is_key(value: Any) -> bool:
    """It may be the key of a row, as somebody has sent it."""
    return filters.is_key(str(value))
