"""A CSV file, whatever made it, as rows of the columns that we know."""

import csv
import io
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from django.utils.translation import gettext as _

from mailings.importing.texts import UNREADABLE, encoding_of, rewindable

# The first name is ours; the others are what other programs and people write.
COLUMNS = {
    "email": [
        *("email", "e-mail", "mail", "email address", "e-mail address"),
        *("почта", "эл. почта", "электронная почта", "адрес электронной почты"),
    ],
    "full_name": [
        *("full_name", "full name", "fullname", "name", "фио", "ф.и.о.", "имя"),
        *("полное имя", "имя и фамилия", "фамилия и имя", "клиент"),
    ],
    "comment": [
        *("comment", "comments", "note", "notes"),
        *("комментарий", "комментарии", "примечание", "заметка"),
    ],
}
DELIMITERS = (",", ";", "\t")

MAX_COLUMNS = 50
MAX_LINE = 64_000  # characters
# A cell may contain line breaks; a quotation mark that nobody closed must not
# swallow the rest of the file.
MAX_LINES_OF_ROW = 50


class UnreadableFile(Exception):
    """The file as a whole can't be imported; the message says why."""


@dataclass(frozen=True, slots=True)
class Row:
    """
    One row of the file. `number` counts from 1, the row of the column names
    included, as a spreadsheet shows it; with a `problem` there are no values.
    """

    number: int
    values: dict[str, str]
    problem: str = ""


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


def read_rows(file: BinaryIO) -> Iterator[Row]:
    """
    Yields the rows below the column names, blank ones left out, one at a time.

    `file` is read in pieces from where it stands, and stays open. Raises
    UnreadableFile, in words, if there is no column of e-mail addresses.
    """
    with rewindable(file) as source:
        text = io.TextIOWrapper(
            source, encoding=encoding_of(source), errors="replace", newline=""
        )
        try:
            yield from _rows(_Lines(text))
        finally:
            text.detach()


def _rows(lines: _Lines) -> Iterator[Row]:
    number, header = _first_line(lines)
    delimiter, names = _column_names(header, lines)
    places = _places(names)
    while line := lines.next():
        number += 1
        if not line.strip():
            continue
        try:
            cells = _cells(line, lines, delimiter)
            if any(cell and not cell.isspace() for cell in cells):
                yield Row(number, _values(cells, places, len(names)))
        except _BadRow as error:
            yield Row(number, {}, str(error))


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
    if header.startswith("PK\x03\x04"):
        raise UnreadableFile(
            _("This is a workbook (XLSX), not a CSV file. Save it as CSV first.")
        )
    if "\0" in header:
        raise UnreadableFile(_("This is not a text file."))
    if lines.skip_rest(header):
        raise UnreadableFile(_("The row of the column names is too long."))
    readings = [(d, _names(header, lines, d)) for d in DELIMITERS]
    delimiter, names = max(readings, key=lambda reading: len(_places(reading[1])))
    if "email" not in _places(names):
        raise UnreadableFile(
            _(
                "There is no column “email”. The first row must name the columns: "
                "email, full_name, comment. It says: %(found)s"
            )
            % {"found": header.strip()[:200]}
        )
    if len(names) > MAX_COLUMNS:
        raise UnreadableFile(
            _("Too many columns: %(count)d, at most %(limit)d are allowed.")
            % {"count": len(names), "limit": MAX_COLUMNS}
        )
    return delimiter, names


def _names(header: str, lines: _Lines, delimiter: str) -> list[str]:
    try:
        cells = next(csv.reader([header], delimiter=delimiter), [])
    except csv.Error:
        return []
    names = [" ".join(cell.split()).casefold() for cell in cells]
    while names and not names[-1]:  # a spreadsheet's empty columns
        names.pop()
    return names


def _places(names: list[str]) -> dict[str, int]:
    """Where our columns are: {"email": 2, …}; of two candidates the better name."""
    places = {}
    for column, candidates in COLUMNS.items():
        for candidate in candidates:
            if candidate in names:
                places[column] = names.index(candidate)
                break
    return places


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


def _values(cells: list[str], places: dict[str, int], width: int) -> dict[str, str]:
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
        for column, place in places.items()
    }
    if any(UNREADABLE in value for value in values.values()):
        raise _BadRow(_("There are characters that can't be read in this encoding."))
    return values
