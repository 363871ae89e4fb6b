"""
How many letters may leave in how long: of all, of one owner, to one domain.

Counted in the database, the one memory that all pumps on all hosts share and that no
restart empties. The window moves: in any minute there are at most as many as one minute
may have. Counted is what is handed to the courier, which sends it within seconds.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from typing import NamedTuple

from django.conf import settings
from django.db import transaction

from mailings.models import RateWindow
from mailsvc.rates import Rate, rates

_PARTS = 60  # of a window that are told apart
_FORGET_AT_ONCE = 500
_LATEST = 3600.0  # seconds: until then the settings, or the others, may be others


class Asked(NamedTuple):
    """A letter that wants to leave."""

    delivery_id: int
    owner_id: int
    domain: str


@dataclass
class _Window:
    rate: Rate
    row: RateWindow
    now: float
    taken: list[tuple[float, int]] = field(init=False)
    left: int = field(init=False)
    was_left: int = field(init=False)

    def __post_init__(self) -> None:
        # A clock that was put back must not close the window for ever.
        latest = self.now + self._part
        taken = [(min(at, latest), n) for at, n in self.row.taken]
        begin = self.now - self.rate.seconds
        self.taken = [(at, n) for at, n in taken if at > begin]
        self.left = max(0, self.rate.amount - sum(n for _, n in self.taken))
        self.was_left = self.left

    @property
    def _part(self) -> float:
        return self.rate.seconds / _PARTS

    @property
    def opens_in(self) -> float:
        """Seconds until the first that were taken are no more in it."""
        first = min((at for at, _ in self.taken), default=self.now)
        return first + self.rate.seconds - self.now

    def close(self) -> RateWindow:
        """The row, with what was taken now."""
        counts = dict(self.taken)
        if taken := self.was_left - self.left:
            at = ceil(self.now / self._part) * self._part  # never too early
            counts[at] = counts.get(at, 0) + taken
        self.row.taken = sorted(counts.items())
        return self.row


class Rates:
    """The limits of the settings, for one pump."""

    def __init__(self) -> None:
        limits = settings.DELIVERY["rates"]
        self._all = rates(limits["all"])
        self._per_owner = rates(limits["per_user"])
        self._per_domain = rates(limits["per_domain"])
        self._booked_until: dict[str, float] = {}
        self.are_set = bool(self._all or self._per_owner or self._per_domain)

    @transaction.atomic
    def too_many(self, asked: Sequence[Asked], now: datetime) -> dict[int, float]:
        """
        Counts the letters that may leave now; the others' deliveries -> seconds until
        they could.
        """
        keys = [self._keys(each) for each in asked]
        windows = _locked({key: rate for each in keys for key, rate in each}, now)
        late: dict[int, float] = {}
        for each, its_keys in zip(asked, keys, strict=True):
            mine = [(key, windows[key]) for key, _ in its_keys]
            full = [(key, window) for key, window in mine if not window.left]
            if full:
                late[each.delivery_id] = max(self._book(*one) for one in full)
                continue
            for _, window in mine:
                window.left -= 1
        RateWindow.objects.bulk_update(
            [window.close() for window in windows.values()], ["taken"]
        )
        return late

    def _keys(self, asked: Asked) -> list[tuple[str, Rate]]:
        return [
            *_named("all", self._all),
            *_named(f"user:{asked.owner_id}", self._per_owner),
            *_named(f"domain:{asked.domain}", self._per_domain),
        ]

    def _book(self, key: str, window: _Window) -> float:
        """Seconds until one more could leave; the next one later, and so on."""
        begin = max(self._booked_until.get(key, 0.0), window.now + window.opens_in)
        interval = window.rate.seconds / window.rate.amount
        booked = min(begin + interval, window.now + _LATEST)
        self._booked_until[key] = booked
        return booked - window.now


@transaction.atomic
def take_turn(whose: str, limits: Collection[Rate], now: datetime) -> float:
    """
    Counts one more of what `whose` names; 0, or the seconds until there may be one, and
    then nothing is counted.
    """
    windows = _locked(dict(_named(whose, limits)), now).values()
    full = [window for window in windows if not window.left]
    if full:
        return max(window.opens_in for window in full)
    for window in windows:
        window.left -= 1
    RateWindow.objects.bulk_update([each.close() for each in windows], ["taken"])
    return 0.0


def _locked(limits: dict[str, Rate], now: datetime) -> dict[str, _Window]:
    """The windows, in the hands of this transaction alone."""
    RateWindow.objects.bulk_create(
        [  # in one order for all: no deadlocks
            RateWindow(key=key, over_at=now + timedelta(seconds=2 * rate.seconds))
            for key, rate in sorted(limits.items())
        ],
        update_conflicts=True,
        unique_fields=["key"],
        update_fields=["over_at"],
    )
    return {
        row.key: _Window(limits[row.key], row, now.timestamp())
        for row in RateWindow.objects.filter(key__in=limits)
    }


@transaction.atomic
def forget_windows(now: datetime) -> None:
    """Of those who have sent nothing for so long that it makes no difference."""
    over = RateWindow.objects.filter(over_at__lt=now)
    unused = over.select_for_update(skip_locked=True).values_list("pk", flat=True)
    RateWindow.objects.filter(pk__in=list(unused[:_FORGET_AT_ONCE])).delete()


def _named(whose: str, limits: Collection[Rate]) -> Iterable[tuple[str, Rate]]:
    return ((f"{whose}:{rate}", rate) for rate in limits)
