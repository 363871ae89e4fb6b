"""
The rows of a table as HTML. The package's own way studies the signature of a function
and runs a template for every cell; here each column is looked at once per table.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache, partial
from typing import Any, NamedTuple

from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Model
from django.utils.formats import localize
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import template_localtime

_NOT_THERE = (AttributeError, LookupError, TypeError, ValueError, ObjectDoesNotExist)
_ARGUMENTS = ("value", "record", "column", "bound_column", "bound_row", "table")


class _Column(NamedTuple):
    """`read` takes the value off a record, `render` makes of it what is shown."""

    bound: Any
    begin: str
    read: Callable[[Any], Any]
    render: Callable[..., Any]
    wanted: tuple[str, ...]


def body(table: Any) -> SafeString:
    """The <tr> of the rows on this page; what they show is what the package shows."""
    columns: list[_Column] | None = None
    lines: list[str] = []
    for row in table.paginated_rows:
        columns = columns or [_column(each, row.record) for each in table.columns]
        lines.append("<tr>")
        lines.extend(_cells(columns, row, table))
        lines.append("</tr>")
    return mark_safe("".join(lines))  # noqa: S308 - every cell is escaped


def _cells(columns: Iterable[_Column], row: Any, table: Any) -> Iterator[str]:
    for column in columns:
        bound = column.bound
        value = column.read(row.record)
        if value in bound.column.empty_values:
            yield f"{column.begin}{_shown(bound.default)}</td>"
            continue
        possible = (value, row.record, bound.column, bound, row, table)
        given = dict(zip(_ARGUMENTS, possible, strict=True))
        content = column.render(**{name: given[name] for name in column.wanted})
        if bound.link:
            content = bound.link(content, **given)
        yield f"{column.begin}{_shown(content)}</td>"


def _column(bound: Any, record: Any) -> _Column:
    attributes = bound.attrs["td"].as_html()
    return _Column(
        bound,
        f"<td {attributes}>" if attributes else "<td>",
        _reader(bound, record),
        bound.render,
        _wanted(getattr(bound.render, "__func__", bound.render)),
    )


def _reader(bound: Any, record: Any) -> Callable[[Any], Any]:
    """As the package reads: words for what has choices, None for what is not there."""
    accessor, name = bound.accessor, str(bound.accessor)
    if not isinstance(record, Model) or accessor.SEPARATOR in name:
        return partial(_followed, accessor)
    display = f"get_{name}_display"
    if hasattr(record, display):
        return lambda row: getattr(row, display)()
    if callable(getattr(record, name, None)):
        return partial(_followed, accessor)
    return lambda row: getattr(row, name, None)


def _followed(accessor: Any, row: Any) -> Any:
    try:
        owner, name = accessor.penultimate(row)
        display = getattr(owner, f"get_{name}_display", None)
        return display() if display else accessor.resolve(row)
    except _NOT_THERE:
        return None


@lru_cache(maxsize=500)
def _wanted(function: Callable[..., Any]) -> tuple[str, ...]:
    """Which of the arguments that a cell can give the function takes."""
    taken: Mapping[str, inspect.Parameter] = inspect.signature(function).parameters
    return tuple(name for name in _ARGUMENTS if name in taken)


def _shown(content: Any) -> str:
    """As a template shows a value."""
    if isinstance(content, str):
        return str(conditional_escape(content))
    if type(content) is int and not settings.USE_THOUSAND_SEPARATOR:
        return str(content)
    return str(conditional_escape(localize(template_localtime(content))))
