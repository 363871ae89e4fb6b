"""What a file is cut into, whatever its format: a first row, and lines below it."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _

MAX_COLUMNS = 50


class UnreadableFile(Exception):
    """The file as a whole can't be imported; the message says why."""


def neither() -> UnreadableFile:
    """A picture, a document, or what is left of something."""
    return UnreadableFile(_("This is neither CSV nor an Excel file (XLSX)."))


@dataclass(frozen=True, slots=True)
class Line:
    """
    The cells of one row of the file, as they are written there. `number` counts from
    1 as a spreadsheet shows it; `problem` says why there may be none.
    """

    number: int
    cells: list[str]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """`first` is the row of the column names; `header` shows it as it is written."""

    first: Line
    header: str
    below: Iterator[Line]
