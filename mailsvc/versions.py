"""
What a form showed when it was opened, as a short text that travels with it: whoever
saves over what was saved meanwhile, in another tab or by somebody else, is told first.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from django.db.models import Model
from django.forms import BaseModelForm
from django.utils import timezone
from django.utils.formats import date_format

Values = list[tuple[str, Any]]


def opened(form: "BaseModelForm[Any]") -> str:
    """The version of what this form, not sent yet, shows; and when."""
    found = []
    for name in form.fields:
        initial = form.initial.get(name)  # of related rows, read already
        shown = initial if isinstance(initial, list) else _of(form.instance, name)
        found.append((name, _plain(shown)))
    return f"{timezone.now().timestamp():.0f}-{_digest(found)}"


def is_overtaken(version: str, row: Model, form: "BaseModelForm[Any]") -> bool:
    """
    Whether `row`, as it is in the database, is no longer what was shown. It does not
    matter if it is what the form wants it to be: a double click is no conflict.
    """
    stored = [(name, _plain(_of(row, name))) for name in form.fields]
    if not version or version.partition("-")[2] == _digest(stored):
        return False
    wanted = [(name, _plain(form.cleaned_data.get(name))) for name in form.fields]
    return stored != wanted


def opened_at(version: str) -> str:
    """On the reader's clock; "?" if the version says nothing of it."""
    try:
        moment = datetime.fromtimestamp(int(version.partition("-")[0]), UTC)
    except (ValueError, OverflowError, OSError):
        return "?"
    return date_format(timezone.localtime(moment), "SHORT_DATETIME_FORMAT")


def _of(row: Model, name: str) -> Any:
    value: Any = getattr(row, name, None)
    return value.all() if hasattr(value, "all") else value


def _plain(value: Any) -> Any:
    """The same for the same thing, whether a form or the database has it."""
    if isinstance(value, Model):
        return str(value.pk)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Iterable) and not isinstance(value, str):
        return sorted(str(getattr(each, "pk", each)) for each in value)
    return "" if value is None else str(value).replace("\r\n", "\n")


def _digest(values: Values) -> str:
    return blake2b(repr(values).encode(), digest_size=12).hexdigest()
