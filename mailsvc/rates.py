"""
How much in how long: as settings say it (the one door to `limits`), and as people do.
"""

from typing import NamedTuple

from django.template.defaultfilters import floatformat
from django.utils.translation import gettext
from limits import parse_many


class Rate(NamedTuple):
    amount: int
    seconds: int

    def __str__(self) -> str:
        return f"{self.amount}/{self.seconds}s"


def rates(text: str) -> list[Rate]:
    """
    "100/minute; 5000 per hour" -> two rates; "" -> none. Raises ValueError for what is
    none, and for a rate at which nothing moves.
    """
    if not text.strip():
        return []
    found = [Rate(each.amount, each.get_expiry()) for each in parse_many(text)]
    if not all(each.amount and each.seconds for each in found):
        raise ValueError(f"{text!r} is a rate of nothing")
    return found


def is_rate(text: str) -> bool:
    """Whether `rates` can read it."""
    try:
        rates(text)
    except ValueError:
        return False
    return True


def in_words(per_minute: float) -> str:
    """In the unit in which it is at least one: what moves never moves 0 a minute."""
    for amount, words in (
        (per_minute, gettext("%(amount)s a minute")),
        (per_minute * 60, gettext("%(amount)s an hour")),
        (per_minute * 1440, gettext("%(amount)s a day")),
    ):
        if round(amount, 1) >= 1:
            is_small = round(amount, 1) < 10
            return words % {"amount": floatformat(amount, "-1g" if is_small else "0g")}
    return gettext("less than one a day")
