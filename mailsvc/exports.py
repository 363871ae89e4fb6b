"""
Tables as files for spreadsheets, as they are filtered: streamed, so that a million rows
need no memory; in the reader's words, zone and language; and harmless.
"""

import csv
import hashlib
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from html import unescape
from typing import Any, Protocol

from django.db.models import QuerySet
from django.http import FileResponse, HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone, translation
from django.utils.html import strip_tags
from django.utils.safestring import SafeString
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import TYPE_STRING

# One more whenever files of the same rows look different: nobody keeps an old one.
_FORM = 2
_ROWS_AT_ONCE = 2_000
_BOM = "\ufeff"  # by it spreadsheets know UTF-8
# What a spreadsheet takes for a formula, after blanks, too (OWASP: CSV Injection).
_FORMULA = re.compile(r"\s*[=+\-@\t\r\0]")
# And what would begin a cell like that for who reads the file with another separator:
# quotation marks in the middle of a cell are no quotation marks then.
_HIDDEN = re.compile(r"([,;\t\r\n])(?=[\s\"]*[=+\-@])")
# What may not stand in XML 1.0, and so not in XLSX.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class Table(Protocol):
    """What is asked of a table of django-tables2."""

    data: Any

    def as_values(self) -> Iterable[list[Any]]: ...


def safe_cell(value: Any) -> Any:
    """
    The value as a cell of CSV that no spreadsheet takes for a formula.

    A text that begins like a formula gets an apostrophe in front, also if it is a phone
    number: +7… becomes '+7…. So does what follows a separator or a new line in it: the
    file may be opened with commas where it has semicolons.
    """
    cell = plain_cell(value)
    if not isinstance(cell, str):
        return cell
    cell = _HIDDEN.sub(r"\1'", cell)
    return f"'{cell}" if _FORMULA.match(cell) else cell


def plain_cell(value: Any) -> Any:
    """The value as a cell: numbers stay numbers and times times, all else is text."""
    if isinstance(value, datetime):
        local = timezone.localtime(value) if timezone.is_aware(value) else value
        return local.replace(tzinfo=None, microsecond=0)
    if isinstance(value, bool) or not isinstance(value, int | float | None):
        text = str(value)
        if isinstance(value, SafeString):
            text = unescape(strip_tags(text)).strip()
        return "" if text == "—" else _CONTROL.sub(" ", text)
    return "" if value is None else value


def answer(table: Table, name: str, kind: str) -> HttpResponseBase:
    """All rows of the table as a file; `kind` is one of KINDS."""
    if isinstance(table.data.data, QuerySet):
        table.data.data = _Streamed(table.data.data)
    rows = _in_context(table.as_values())
    return KINDS[kind](rows, f"{name}-{timezone.localdate():%Y-%m-%d}.{kind}")


def answer_rows(rows: Iterable[list[Any]], name: str) -> HttpResponseBase:
    """Rows that are no table, as CSV; each as harmless as a table's."""
    return _csv(_in_context(rows), f"{name}-{timezone.localdate():%Y-%m-%d}.csv")


def tag(request: HttpRequest, version: object) -> str:
    """
    The ETag of a file: another one if anything is different that the file shows.

    `version` stands for the rows. The address has the filters, the order and the kind.
    """
    words = (
        _FORM,
        version,
        request.get_full_path(),
        request.user.pk,
        timezone.get_current_timezone_name(),
        translation.get_language(),
    )
    return f'"{hashlib.sha256(repr(words).encode()).hexdigest()[:32]}"'


class _Streamed:
    """The rows of a queryset, a few at a time."""

    def __init__(self, rows: "QuerySet[Any]") -> None:
        self.rows = rows
        self.model = rows.model  # whose words the headings are

    def __iter__(self) -> Iterator[Any]:
        return iter(self.rows.iterator(chunk_size=_ROWS_AT_ONCE))


def _in_context(rows: Iterable[list[Any]]) -> Iterator[list[Any]]:
    """Rows are made after the request: in its zone and language all the same."""
    zone, language = timezone.get_current_timezone(), translation.get_language()

    def made() -> Iterator[list[Any]]:
        with timezone.override(zone), translation.override(language):
            yield from rows

    return made()


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text


def _delimiter() -> str:
    """What spreadsheets of the reader's language expect: they do not ask the file."""
    return ";" if (translation.get_language() or "").startswith("ru") else ","


def _csv(rows: Iterator[list[Any]], filename: str) -> HttpResponseBase:
    writer = csv.writer(_Echo(), delimiter=_delimiter())

    def lines() -> Iterator[str]:
        yield _BOM
        for row in rows:
            yield writer.writerow([safe_cell(value) for value in row])

    response = StreamingHttpResponse(lines(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response


def _typed(sheet: Any, value: Any) -> Any:
    """A text in a cell that is typed as one: whatever it says is never evaluated."""
    if not isinstance(value, str):
        return value
    cell = WriteOnlyCell(sheet, value)
    cell.data_type = TYPE_STRING
    return cell


def _xlsx(rows: Iterator[list[Any]], filename: str) -> HttpResponseBase:
    """By way of a file: the format has no beginning before its end is known."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in rows:
        sheet.append([_typed(sheet, plain_cell(value)) for value in row])
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the answer closes it
    book.save(file)
    file.seek(0)
    return FileResponse(
        file, as_attachment=True, filename=filename, headers={"Content-Type": _XLSX}
    )


KINDS: dict[str, Callable[[Iterator[list[Any]], str], HttpResponseBase]] = {
    "csv": _csv,
    "xlsx": _xlsx,
}
