"""What all filters above tables share."""

from functools import reduce
from operator import or_
from typing import Any, TypeVar

import django_filters
from django import forms
from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext_lazy as _

_Rows = TypeVar("_Rows", bound="QuerySet[Any]")


def containing(rows: _Rows, text: str, fields: list[str]) -> _Rows:
    """The rows with `text` in one of `fields`, whatever its case."""
    # SQLite knows upper and lower case of ASCII only.
    spellings = {text, text.lower(), text.upper(), text.capitalize(), text.title()}
    conditions = [
        Q(**{f"{field}__icontains": spelling})
        for field in fields
        for spelling in sorted(spellings)
    ]
    return rows.filter(reduce(or_, conditions))


class SearchFilter(django_filters.CharFilter):  # type: ignore[misc]
    def __init__(self, *fields: str, **kwargs: Any) -> None:
        kwargs.setdefault("label", _("Search"))
        super().__init__(max_length=200, **kwargs)
        self.fields = list(fields)

    def filter(self, qs: "QuerySet[Model]", value: str) -> "QuerySet[Model]":
        return containing(qs, value.strip(), self.fields) if value else qs


class _KeysField(forms.Field):
    widget = forms.MultipleHiddenInput

    def to_python(self, value: Any) -> list[int]:
        return [int(key) for key in value or () if is_key(key)]


class KeysFilter(django_filters.Filter):  # type: ignore[misc]
    """The rows of these keys: those that somebody has ticked."""

    field_class = _KeysField

    def filter(self, qs: "QuerySet[Model]", value: list[int]) -> "QuerySet[Model]":
        return qs.filter(pk__in=value) if value else qs


def is_key(text: str) -> bool:
    """Whether it can be the key of a row."""
    return text.isascii() and text.isdigit() and len(text) < 19


class BaseFilter(django_filters.FilterSet):  # type: ignore[misc]
    @property
    def is_active(self) -> bool:
        """Something was asked for: an empty table then means nothing was found."""
        return any(self.data.get(name) for name in self.filters)
