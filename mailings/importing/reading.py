"""A file, whatever made it, as rows of the columns that we know. CSV is cut here."""

import csv
import io
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import BinaryIO

from django.utils.translation import gettext as _

from mailings.importing import workbook
from mailings.importing.columns import Columns, by_content, by_name
from mailings.importing.sheets import (
    MAX_COLUMNS,
    Line,
    Sheet,
    UnreadableFile,
    neither,
)
from mailings.importing.texts import UNREADABLE, encoding_of, is_binary, rewindable

DELIMITERS = (",", ";", "\t")

MAX_LINE = 64_000  # characters
# A cell may contain line breaks; a quotation mark that nobody closed must not
# swallow the rest of the file.
MAX_LINES_OF_ROW = 50


_SAMPLES = 3  # rows


@dataclass(frozen=True, slots=True)
class Row:
    """
    One row of the file. `number` counts from 1, the row of the column names
    included, as a spreadsheet shows it; with a `problem` there are no values. `cells`
    are all of its cells, as far as they can be told apart.
    """

    number: int
    values: dict[str, str]
    problem: str = ""
    cells: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Head:
    """
    How a file begins. `columns` is our guess, None if we have none; it is `certain` if
    the names of the columns say so.
    """

    names: list[str]
    samples: list[list[str]]
    columns: Columns | None
    is_certain: bool


class _BadRow(Exception):
    pass


class _Lines:
    """The lines of a text, of bounded length, that can be given back."""

    def __init__(self, text: io.TextIOBase) -> None:
        self._text = text
        self._returned: deque[str] = deque()

    def next(self) -> str:
        """The next line with its end, or "" at the end of the text."""
        if self._returned:
            return self._returned.popleft()
        return self._text.readline(MAX_LINE)

    def give_back(self, lines: list[str]) -> None:
        self._returned.extendleft(reversed(lines))

    def skip_rest(self, line: str) -> bool:
        """Whether `line` was longer than allowed; if so, nothing of it is left."""
        if len(line) < MAX_LINE or line.endswith(("\n", "\r")):
            return False
        while rest := self.next():
            if rest.endswith(("\n", "\r")):
                break
        return True


def read_rows(file: BinaryIO, columns: Columns | None = None) -> Iterator[Row]:
    """
    Yields the rows below the column names, blank ones left out, one at a time.

    `file` is read in pieces from where it stands, and stays open. Raises
    UnreadableFile, in words, if there is no column of e-mail addresses and nobody has
    said (`columns`) which it is.
    """
    with _opened(file) as sheet:
        columns = columns or _named(sheet)
        lines = sheet.below if columns.has_names else chain([sheet.first], sheet.below)
        width = len(sheet.first.cells)
        for line in lines:
            yield _row(line, columns, width)


def look(file: BinaryIO) -> Head:
    """How the file begins, and which column may be which. Raises UnreadableFile."""
    with _opened(file) as sheet:
        names = sheet.first.cells
        samples = [line.cells for line in islice(sheet.below, _SAMPLES)]
    places = by_name(names)
    if "email" in places:
        return Head(names, samples, Columns(places), is_certain=True)
    return Head(names, samples, by_content(names, samples), is_certain=False)


def count_rows(file: BinaryIO) -> int:
    """About how many rows the file has; not fewer than are there."""
    with rewindable(file) as source:
        if workbook.is_workbook(source):
            return workbook.count_rows(source)
        start, feeds, returns = source.tell(), 1, 1
        while piece := source.read(1 << 16):
            feeds += piece.count(b"\n")
            returns += piece.count(b"\r")
        source.seek(start)
        return max(feeds, returns)


@contextmanager
def _opened(file: BinaryIO) -> Iterator[Sheet]:
    with rewindable(file) as source:
        if workbook.is_workbook(source):
            with workbook.opened(source) as sheet:
                yield _bounded(sheet)
            return
        if is_binary(source):
            raise neither()
        text = io.TextIOWrapper(
            source, encoding=encoding_of(source), errors="replace", newline=""
        )
        try:
            yield _bounded(_sheet(_Lines(text)))
        finally:
            text.detach()


def _bounded(sheet: Sheet) -> Sheet:
    if len(sheet.first.cells) > MAX_COLUMNS:
        raise UnreadableFile(
            _("Too many columns: %(count)d, at most %(limit)d are allowed.")
            % {"count": len(sheet.first.cells), "limit": MAX_COLUMNS}
        )
    return sheet


def _named(sheet: Sheet) -> Columns:
    places = by_name(sheet.first.cells)
    if "email" not in places:
        raise UnreadableFile(
            _(
                "There is no column “email”. The first row must name the columns: "
                "email, full_name, comment. It says: %(found)s"
            )
            % {"found": sheet.header[:200]}
        )
    return Columns(places)


def _row(line: Line, columns: Columns, width: int) -> Row:
    if line.problem:
        return Row(line.number, {}, line.problem, line.cells)
    try:
        values = _values(line.cells, columns, width)
    except _BadRow as error:
        return Row(line.number, {}, str(error), line.cells)
    return Row(line.number, values, cells=line.cells)


def _sheet(lines: _Lines) -> Sheet:
    """A CSV text; what separates its cells is found out."""
    number, header = _first_line(lines)
    delimiter, names = _column_names(header, lines)
    first = Line(number, names)
    return Sheet(first, header.strip(), _below(lines, number, delimiter))


def _below(lines: _Lines, number: int, delimiter: str) -> Iterator[Line]:
    while line := lines.next():
        number += 1
        if not line.strip():
            continue
        try:
            cells = _cells(line, lines, delimiter)
            if any(cell and not cell.isspace() for cell in cells):
                yield Line(number, cells)
        except _BadRow as error:
            yield Line(number, [], str(error))


def _first_line(lines: _Lines) -> tuple[int, str]:
    """The first line with something on it, and its number."""
    number = 1
    while line := lines.next():
        if line.strip() and not _is_excel_hint(line):
            return number, line
        number += 1
    raise UnreadableFile(_("The file is empty."))


def _is_excel_hint(line: str) -> bool:
    """Excel's own “sep=;” above the column names; we find the separator anyway."""
    return line.strip().strip('"').casefold() in ("sep=,", "sep=;", "sep=")


def _column_names(header: str, lines: _Lines) -> tuple[str, list[str]]:
    """The delimiter that makes sense of the first row, and the names in it."""
    if "\0" in header:
        raise neither()
    if lines.skip_rest(header):
        raise UnreadableFile(_("The row of the column names is too long."))
    readings = [(delimiter, _names(header, delimiter)) for delimiter in DELIMITERS]
    # Where no name says anything, the more columns the better.
    return max(
        readings, key=lambda reading: (len(by_name(reading[1])), len(reading[1]))
    )


def _names(header: str, delimiter: str) -> list[str]:
    try:
        cells = next(csv.reader([header], delimiter=delimiter), [])
    except csv.Error:
        return []
    names = [" ".join(cell.split()) for cell in cells]
    while names and not names[-1]:  # a spreadsheet's empty columns
        names.pop()
    return names


def _cells(line: str, lines: _Lines, delimiter: str) -> list[str]:
    """The cells of the row that begins with `line`; takes more lines if quoted."""
    if lines.skip_rest(line):
        raise _BadRow(_("The row is too long."))
    if '"' not in line:
        return line.rstrip("\r\n").split(delimiter)
    taken: list[str] = []
    unclosed = False

    def feed() -> Iterator[str]:
        nonlocal unclosed
        yield line
        # The reader only comes back while a quotation mark is open.
        while len(taken) < MAX_LINES_OF_ROW and (more := lines.next()):
            taken.append(more)
            yield more
        unclosed = True

    try:
        cells = next(csv.reader(feed(), delimiter=delimiter))
    except csv.Error:  # a cell of more than 131,072 characters
        unclosed = True
    if unclosed:
        lines.give_back(taken)
        raise _BadRow(_("A quotation mark is opened and not closed."))
    return cells


def _values(cells: list[str], columns: Columns, width: int) -> dict[str, str]:
    if any(cell.strip() for cell in cells[width:]):
        raise _BadRow(
            _(
                "There are %(count)d cells, but only %(width)d columns: a cell with a "
                "separator in it needs quotation marks."
            )
            % {"count": len(cells), "width": width}
        )
    values = {
        column: cells[place].strip() if place < len(cells) else ""
        for column, place in columns.places.items()
    }
    if any(UNREADABLE in value for value in values.values()):
        raise _BadRow(_("There are characters that can't be read in this encoding."))
    return values
