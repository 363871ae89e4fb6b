"""
The headings of a table and the attributes of its cells, as HTML.

The package puts attributes together anew for each table, and runs a dozen tags of the
template for each heading; what they are hangs on few things.
"""

from typing import Any, NamedTuple

from django.utils.html import conditional_escape
from django.utils.http import urlencode
from django.utils.safestring import SafeString, mark_safe


class Attributes(NamedTuple):
    """With a blank before them, if there are any."""

    th: str
    td: str


_known: dict[object, Attributes] = {}  # there are as many as columns in the program


def attributes_of(bound: Any) -> Attributes:
    """Of the cells of a column that is in a table; rows have no say in them."""
    order = bound.order_by_alias.is_descending if bound.is_ordered else None
    key = (type(bound._table), bound.name, type(bound.column), bound.orderable, order)
    if key not in _known:
        attrs = bound.attrs
        th, td = (attrs[name].as_html() for name in ("th", "td"))
        _known[key] = Attributes(f" {th}" if th else "", f" {td}" if td else "")
    return _known[key]


def head(table: Any) -> SafeString:
    """The <tr>; a column that has an order leads to the page that is in its order."""
    asked = dict(table.context["request"].GET)
    field = table.prefixed_order_by_field
    cells = []
    for bound in table.columns:
        text, order = str(conditional_escape(bound.header)), ""
        if bound.is_ordered:
            is_down = bound.order_by_alias.is_descending
            order = f' aria-sort="{"descending" if is_down else "ascending"}"'
            caret = "down" if is_down else "up"
            text += f' <i class="bi bi-caret-{caret}-fill" aria-hidden="true"></i>'
        if bound.orderable:
            asked[field] = bound.order_by_alias.next
            query = conditional_escape(urlencode(asked, doseq=True))
            text = f'<a href="?{query}">{text}</a>'
        attributes = attributes_of(bound).th
        cells.append(f'<th{attributes} scope="col"{order}>{text}</th>')
    return mark_safe(f"<tr>{''.join(cells)}</tr>")  # noqa: S308 - it is escaped
