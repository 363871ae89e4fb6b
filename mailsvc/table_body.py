"""
The rows of a table, as HTML and as values for a file.

The package's own way studies the signature of a function and runs a template for every
cell; here each column is looked at once per table.
"""

import html
import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial
from typing import Any, NamedTuple

from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Model
from django.utils.formats import localize
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import (  # type: ignore[attr-defined]
    template_localtime,
)

from mailsvc.table_head import attributes_of

_NOT_THERE = (AttributeError, LookupError, TypeError, ValueError, ObjectDoesNotExist)
_ARGUMENTS = ("value", "record", "column", "bound_column", "bound_row", "table")


class _Column(NamedTuple):
    """
    `read` takes the value off a record, `make` makes of value and row what goes into a
    cell; `address` says where the cell links to, `default` what stands for nothing.
    """

    begin: str
    read: Callable[[Any], Any]
    make: Callable[[Any, Any], Any]
    address: Callable[[Any, Any], str | None] | None
    default: Any
    empty: Any


def body(table: Any) -> SafeString:
    """The <tr> of the rows on this page; what they show is what the package shows."""
    rows = list(table.paginated_rows)
    if not rows:
        return SafeString("")
    # Column by column: a processor repeats itself several times as fast.
    columns = [
        _cells(_column(each, each.render, rows[0].record, table), rows)
        for each in table.columns
    ]
    lines = (f"<tr>{''.join(cells)}</tr>" for cells in zip(*columns, strict=True))
    return mark_safe("".join(lines))  # noqa: S308 - every cell is escaped


def values(table: Any) -> Iterator[list[Any]]:
    """The headings, and then every row of the table, as the package gives them."""
    bound = [
        each for each in table.columns.iterall() if not each.column.exclude_from_export
    ]
    yield [str(each.verbose_name) for each in bound]
    columns: list[_Column] = []
    for row in table.rows:
        columns = columns or [
            _column(each, each.value, row.record, table) for each in bound
        ]
        yield [_value(column, row) for column in columns]


def _value(column: _Column, row: Any) -> Any:
    value = column.read(row.record)
    return None if value in column.empty else column.make(value, row)


def _cells(column: _Column, rows: list[Any]) -> list[str]:
    begin, read, make, address, default, empty = column
    cells = []
    for row in rows:
        value = read(row.record)
        if value in empty:
            cells.append(f"{begin}{default}</td>")
            continue
        content = _shown(make(value, row))
        to = address(value, row) if address else None
        if to is not None:
            content = f'<a href="{conditional_escape(to)}">{content}</a>'
        cells.append(f"{begin}{content}</td>")
    return cells


def _column(bound: Any, make: Any, record: Any, table: Any) -> _Column:
    return _Column(
        f"<td{attributes_of(bound).td}>",
        _reader(bound, record),
        _called(make, bound, table),
        _address(bound, table),
        _shown(bound.default),
        bound.column.empty_values,
    )


def _called(
    function: Callable[..., Any], bound: Any, table: Any
) -> Callable[[Any, Any], Any]:
    """Gives the function those of the arguments of a cell that it takes."""
    wanted = _wanted(getattr(function, "__func__", function))
    if wanted == ("value",):
        return lambda value, row: function(value=value)
    if wanted == ("record",):
        return lambda value, row: function(record=row.record)
    if wanted == ("value", "record"):
        return lambda value, row: function(value=value, record=row.record)

    def call(value: Any, row: Any) -> Any:
        possible = (value, row.record, bound.column, bound, row, table)
        given = dict(zip(_ARGUMENTS, possible, strict=True))
        return function(**{name: given[name] for name in wanted})

    return call


def _address(bound: Any, table: Any) -> Callable[[Any, Any], str | None] | None:
    """Whither the package's link leads; it has no attributes of its own with us."""
    link = bound.link
    if link is None:
        return None
    return _called(link.compose_url if link.url is None else link.url, bound, table)


def _reader(bound: Any, record: Any) -> Callable[[Any], Any]:
    """As the package reads: words for what has choices, None for what is not there."""
    accessor, name = bound.accessor, str(bound.accessor)
    if not isinstance(record, Model) or accessor.SEPARATOR in name:
        return partial(_followed, accessor)
    if hasattr(record, f"get_{name}_display"):
        # Django's method translates all the words that the field has, for each row.
        field: Any = record._meta.get_field(name)
        words = {value: str(label) for value, label in field.flatchoices}
        return lambda row: words.get(getattr(row, name), getattr(row, name))
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
    if any(each.kind is each.VAR_KEYWORD for each in taken.values()):
        return _ARGUMENTS
    return tuple(name for name in _ARGUMENTS if name in taken)


def _shown(content: Any) -> str:
    """As a template shows a value."""
    # The usual ones first, without the many ways that Django goes for anything else.
    kind = type(content)
    if kind is SafeString:
        return str(content)
    if kind is str:
        return html.escape(content)
    if kind is int and -1000 < content < 1000:
        return str(content)
    if isinstance(content, str):
        return str(conditional_escape(content))
    return str(conditional_escape(localize(template_localtime(content))))
