"""
The first sheet of a workbook (XLSX), read row by row.

A workbook is a ZIP archive of XML: what it unpacks to is limited before anything is
read, and `zipfile` gives out no more than the directory of the archive says.
"""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, BinaryIO
from xml.etree.ElementTree import ParseError

from django.utils.translation import gettext as _

from mailings.importing.sheets import (
    MAX_COLUMNS,
    Line,
    Sheet,
    UnreadableFile,
    neither,
)

MAX_UNPACKED = 50 * 2**20  # bytes
_MAX_PARTS = 1000
_PIECE = 1 << 16
_BEGINNING = b"PK\x03\x04"
# What broken archives and broken XML end in, in zipfile and openpyxl.
_BROKEN = (
    *(zipfile.BadZipFile, ParseError, EOFError),
    *(KeyError, ValueError, TypeError, AttributeError, IndexError),
    *(NotImplementedError, RuntimeError, OverflowError),
)


def is_workbook(file: BinaryIO) -> bool:
    start = file.tell()
    beginning = file.read(len(_BEGINNING))
    file.seek(start)
    return beginning == _BEGINNING


@contextmanager
def opened(file: BinaryIO) -> Iterator[Sheet]:
    """The first sheet. Raises UnreadableFile, in words, also while it is read."""
    with _in_words():
        _require_bounds(file)
        # Every process of a worker can import, and hardly ever does: 175 modules.
        from openpyxl import load_workbook  # noqa: PLC0415

        book = load_workbook(file, read_only=True, data_only=True)
    try:
        if not book.worksheets:
            raise UnreadableFile(_("The workbook has no sheet with cells."))
        lines = _lines(book.worksheets[0])
        first = next(lines, None)
        if first is None:
            raise UnreadableFile(_("The file is empty."))
        yield Sheet(first, ", ".join(first.cells), lines)
    finally:
        book.close()


def count_rows(file: BinaryIO) -> int:
    """About how many rows its sheets have in all; not fewer than are there."""
    with _in_words():
        _require_bounds(file)
        with zipfile.ZipFile(file) as archive:
            parts = [name for name in archive.namelist() if "worksheets/" in name]
            return sum(_rows_in(archive, name) for name in parts)


def _rows_in(archive: zipfile.ZipFile, name: str) -> int:
    count = 0
    with archive.open(name) as part:
        while piece := part.read(_PIECE):
            count += piece.count(b"<row ") + piece.count(b"<row>")
            count += piece.count(b":row ")
    return count


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except _BROKEN as error:
        raise UnreadableFile(
            _("This workbook (XLSX) can't be read: it is damaged or protected.")
        ) from error


def _require_bounds(file: BinaryIO) -> None:
    start = file.tell()
    with zipfile.ZipFile(file) as archive:
        parts = archive.infolist()
    file.seek(start)
    if not any(part.filename.startswith("xl/") for part in parts):
        raise neither()
    if len(parts) > _MAX_PARTS or sum(p.file_size for p in parts) > MAX_UNPACKED:
        raise UnreadableFile(
            _("The workbook is larger than %(limit)d MB when it is unpacked.")
            % {"limit": MAX_UNPACKED // 2**20}
        )


def _lines(sheet: Any) -> Iterator[Line]:
    """The rows with something in them."""
    sheet.reset_dimensions()  # some programs write wrong ones
    with _in_words():
        rows = sheet.iter_rows(values_only=True)
        for number, values in enumerate(rows, start=1):
            cells = [_text(value) for value in values[: MAX_COLUMNS + 1]]
            while cells and not cells[-1]:
                cells.pop()
            if cells:
                yield Line(number, cells)


def _text(value: Any) -> str:
    """A cell as it is meant: 7.0 is a 7, and a day has no midnight."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime):
        text = value.isoformat(" ", timespec="minutes")
        return text.removesuffix(" 00:00")
    return str(value).strip()
