"""Is this row a client? Judged by the rules of the model, without the database."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from django.core.exceptions import ValidationError
from django.db.models import CharField, TextField
from django.utils.translation import gettext as _

from mailings.importing.reading import Row
from mailings.models import Client

# A comment may have lines and tabs; what else is below a blank, or is NUL (which
# PostgreSQL refuses), is not text.
_NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LINE_END = re.compile("\r\n?")

if TYPE_CHECKING:
    _Text = CharField[str, str] | TextField[str, str]

_FIELDS = {
    name: cast("_Text", Client._meta.get_field(name))
    for name in ("email", "full_name", "comment")
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a good row says about a client; the name and the comment may be empty."""

    number: int
    email: str
    full_name: str
    comment: str


class Rejected(Exception):
    """This row can't be a client; the message says why."""


class Judge:
    """
    Judges the rows of one file, in order.

    Of two rows with the same address the first counts. Remembers one address a row:
    about 150 bytes each.
    """

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def candidate(self, row: Row) -> Candidate:
        """What the row says. Raises Rejected with the reason."""
        if row.problem:
            raise Rejected(row.problem)
        candidate = Candidate(
            number=row.number,
            email=row.values["email"],
            full_name=row.values.get("full_name", ""),
            comment=_LINE_END.sub("\n", row.values.get("comment", "")),
        )
        _check(candidate)
        first = self._seen.setdefault(candidate.email.lower(), row.number)
        if first != row.number:
            raise Rejected(
                _("The same address is in row %(row)d; that one counts.")
                % {"row": first}
            )
        return candidate


def judged(
    rows: Iterable[Row], rejected: Callable[[Row, str], None]
) -> Iterator[Candidate]:
    """The good rows; of the others, each with the reason, `rejected` is told."""
    judge = Judge()
    for row in rows:
        try:
            yield judge.candidate(row)
        except Rejected as error:
            rejected(row, str(error))


def _check(candidate: Candidate) -> None:
    for name, model_field in _FIELDS.items():
        problem = _problem(model_field, getattr(candidate, name))
        if problem:
            raise Rejected(f"{model_field.verbose_name}: {problem}")


def _problem(model_field: "_Text", value: str) -> str:
    """What is wrong with the value of this field, in words; "" if nothing is."""
    if not value:
        return _("It is missing.") if model_field.name == "email" else ""
    limit = model_field.max_length
    if limit is not None and len(value) > limit:
        return _("%(length)d characters, at most %(limit)d are allowed.") % {
            "length": len(value),
            "limit": limit,
        }
    if _NOT_TEXT.search(value):
        return _("Control characters are not allowed here.")
    try:
        model_field.run_validators(value)
    except ValidationError as error:
        return str(error.messages[0])
    return ""
