"""What all filters above tables share."""

from functools import reduce
from operator import or_
from typing import Any, TypeVar

import django_filters
from django import forms
from django.db import connection
from django.db.models import Model, Q, QuerySet
from django.forms import BoundField, ModelChoiceField
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

_Rows = TypeVar("_Rows", bound="QuerySet[Any]")


def containing(rows: _Rows, text: str, fields: list[str]) -> _Rows:
    """The rows with `text` in one of `fields`, whatever its case."""
    spellings = {text}
    if connection.vendor == "sqlite":  # knows upper and lower case of ASCII only
        spellings |= {text.lower(), text.upper(), text.capitalize(), text.title()}
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

    def carried(self) -> "list[BoundField]":
        """The hidden fields that a new search keeps: not what was ticked before."""
        hidden: list[BoundField] = self.form.hidden_fields()
        return [each for each in hidden if not isinstance(each.field, _KeysField)]

    def fields(self) -> SafeString:
        """
        The visible fields as HTML.

        It is made once for each question: fields are the dearest part of a page after
        the table. A list of rows, which differs from reader to reader, is a part of
        the question; complaints are made each time.
        """
        shown = self.form.visible_fields()
        if self.form.errors:
            return _rendered(shown)
        key = (type(self), get_language(), tuple(_what_it_shows(one) for one in shown))
        made = _made.get(key)
        if made is None:
            made = _rendered(shown)
            if len(_made) >= _MOST:  # other threads may be here, too
                _made.clear()
            _made[key] = made
        return made


def _what_it_shows(shown: "BoundField") -> tuple[object, ...]:
    rows: tuple[tuple[str, str], ...] = ()
    if isinstance(shown.field, ModelChoiceField):
        widget: Any = shown.field.widget
        widget.choices = list(
            iter(widget.choices)
        )  # a list alone would count them first
        rows = tuple((str(key), str(label)) for key, label in widget.choices)
    return shown.html_name, repr(shown.value()), rows


_MOST = 200
_made: dict[object, SafeString] = {}


def _rendered(fields: "list[BoundField]") -> SafeString:
    return render_to_string("includes/filter_fields.html", {"fields": fields})
