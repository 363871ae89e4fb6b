"""Which column is which? By its name, else by what is in it."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.core.exceptions import ValidationError

from mailsvc.validators import validate_mailbox

# The first name is ours; the others are what other programs and people write.
NAMES = {
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


@dataclass(frozen=True, slots=True)
class Columns:
    """Where our columns are: {"email": 2, …}; and does the first row name them?"""

    places: Mapping[str, int]
    has_names: bool = True


def by_name(cells: list[str]) -> dict[str, int]:
    """The places of what is named; of two candidates the better name."""
    names = [" ".join(cell.split()).casefold() for cell in cells]
    places = {}
    for column, candidates in NAMES.items():
        for candidate in candidates:
            if candidate in names:
                places[column] = names.index(candidate)
                break
    return places


def by_content(first: list[str], below: list[list[str]]) -> Columns | None:
    """For a file that names no column of addresses: where there are some."""
    if (place := _address_in(first)) is not None:
        return Columns({"email": place}, has_names=False)
    for cells in below:
        if (place := _address_in(cells)) is not None:
            others = {
                column: taken
                for column, taken in by_name(first).items()
                if taken != place
            }
            return Columns(others | {"email": place})
    return None


def _address_in(cells: list[str]) -> int | None:
    for place, cell in enumerate(cells):
        try:
            validate_mailbox(cell.strip())
        except ValidationError:
            continue
        if cell.strip():
            return place
    return None
