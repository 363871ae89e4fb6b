"""How much in how long, as settings say it: the one door to `limits`."""

from typing import NamedTuple

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
