"""
How many letters of one domain are under way at once.

A domain that crawls never has all connections, one that asks for patience (4xx again
and again) gets fewer letters and pauses until it takes some, and the rest goes on.
Crawling is what it does itself: the way to a server that is far away, five times for
each letter in lock-step, takes as long for everybody.
What is known of a domain is one pump's own; knows no database and no socket.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from mailings.delivery.replies import Outcome, Verdict

logger = logging.getLogger(__name__)

# Seconds for a letter, less those on the road: quick below, crawling from here on.
_QUICK, _CRAWLS = 0.25, 2.0
_NEW = 1.0  # seconds without any reply until a new domain counts as a slow one
_LATEST_COUNTS = 0.3  # of the seconds that a letter took, beside those before
_ENOUGH = 5  # requests for patience in a row
_PAUSES = (1.0, 60.0)  # seconds between two letters: the first, the longest
_SOON = 5.0  # seconds for which letters are kept at hand
_AT_HAND = 200  # letters of a domain, at the most
_LATEST = 600.0  # seconds: nobody knows how the domain does in ten minutes
_KNOWN = 10_000  # domains that are remembered


@dataclass(slots=True)
class _Domain:
    name: str
    most: int  # at once, after what it asked for
    room: int  # of them, as quick as it is
    under_way: int = 0
    seconds: float | None = None  # for a letter, lately
    own: float = 0.0  # of them, without the road
    set_out_at: float = 0.0  # the first one, by the clock
    level: int = 0  # 1: slow, 2: crawls
    asked: int = 0  # for patience, in a row
    pause: float = 0.0  # seconds between two letters
    ready_at: float = 0.0
    booked_until: float = 0.0  # by letters that were put off

    @property
    def is_idle(self) -> bool:
        """Nothing is lost if it is met anew."""
        return not (self.under_way or self.asked or self.pause)


class Throttle:
    """Every letter that may go, by `begins`, ends by `ends`. Not for two threads."""

    def __init__(
        self,
        seats: int,
        *,
        per_domain: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`seats` are the connections; 0 per domain is as many as do no harm."""
        self._seats = seats
        self._spare = max(1, seats // 4)  # seats that the slow leave to the others
        # Twice: a connection may have one in hand and one ahead.
        self._most = per_domain or 2 * seats
        self._clock = clock
        self._domains: dict[str, _Domain] = {}
        self._not_set_out: set[str] = set()
        self._forget_at = _KNOWN
        self._under_way = [0, 0, 0]  # letters for domains of each level

    def begins(self, name: str) -> bool:
        """A letter for the domain may go now, and does."""
        domain = self._domains.get(name) or self._meet(name)
        if domain.under_way >= domain.room:
            return False
        if (domain.level or domain.pause) and not self._leaves_room(domain):
            return False
        domain.under_way += 1
        self._under_way[domain.level] += 1
        return True

    def goes_on(self, name: str) -> None:
        """One more, in the place of one that has ended."""
        domain = self._of(name)
        domain.under_way += 1
        self._under_way[domain.level] += 1

    @property
    def has_new(self) -> bool:
        """There are domains that nothing has set out for."""
        return bool(self._not_set_out)

    def sets_out(self, name: str) -> None:
        """A connection is there for it."""
        if name in self._not_set_out:
            self._not_set_out.discard(name)
            self._of(name).set_out_at = self._clock()

    def ends(
        self,
        name: str,
        outcome: Outcome | None,
        seconds: float = 0.0,
        road: float = 0.0,
    ) -> None:
        """
        It has come to `outcome`, or is still to be sent. `road` of the seconds are the
        server's distance.
        """
        domain = self._domains[name]
        domain.under_way -= 1
        self._under_way[domain.level] -= 1
        if outcome is None:
            if domain.seconds is None and not domain.under_way:
                domain.set_out_at = 0.0  # nothing is heard of it any more
                self._not_set_out.add(name)
            return
        self._note_pace(domain, seconds, max(0.0, seconds - road))
        if outcome.verdict is Verdict.DEFERRED:
            if _asks_for_patience(outcome):
                self._slow_down(domain, outcome)
        elif outcome.verdict is not Verdict.UNKNOWN:
            domain.asked = 0
            if domain.pause or domain.most < self._most:
                self._speed_up(domain)

    def is_quick(self, name: str) -> bool:
        """What is done behind its back does not wait for long."""
        domain = self._of(name)
        if domain.seconds is None:
            return domain.under_way == 1
        return not domain.level

    def is_free(self, name: str) -> bool:
        """It is quick, and may have all connections."""
        domain = self._of(name)
        return not (domain.level or domain.pause) and domain.room >= self._seats

    def is_new(self, name: str) -> bool:
        """It had no time to show how quick it is."""
        domain = self._of(name)
        return domain.seconds is None and self._waits_for(domain) < _NEW

    def at_hand(self, name: str) -> int:
        """How many letters for it are to be kept, as they can go soon."""
        domain = self._of(name)
        if domain.pause > _SOON:
            return int(domain.ready_at - self._clock() < _SOON)
        return min(ceil(_SOON / self._interval(domain)), _AT_HAND)

    def book(self, name: str) -> float:
        """Seconds until a letter that is not kept could go; the next one goes later."""
        domain, now = self._of(name), self._clock()
        begin = max(domain.booked_until, now + _SOON, domain.ready_at)
        domain.booked_until = min(begin + self._interval(domain), now + _LATEST)
        return domain.booked_until - now

    def rest(self, name: str) -> float:
        """Seconds until it may get a letter, as far as that is a matter of time."""
        return max(0.0, self._of(name).ready_at - self._clock())

    def _of(self, name: str) -> _Domain:
        return self._domains.get(name) or self._meet(name)

    def _meet(self, name: str) -> _Domain:
        if len(self._domains) >= self._forget_at:
            known = self._domains.items()
            self._domains = {key: one for key, one in known if not one.is_idle}
            self._not_set_out &= self._domains.keys()
            self._forget_at = max(_KNOWN, 2 * len(self._domains))
        # As if it were slow, until the first reply is there.
        domain = _Domain(name, self._most, min(self._most, self._seats_for(1)))
        self._domains[name] = domain
        self._not_set_out.add(name)
        return domain

    def _seats_for(self, level: int) -> int:
        """That domains of this level, or slower, have together."""
        return max(1, self._seats - level * self._spare)

    def _leaves_room(self, domain: _Domain) -> bool:
        level = domain.level
        if level and sum(self._under_way[level:]) >= self._seats_for(level):
            return False
        if domain.pause:
            now = self._clock()
            if now < domain.ready_at:
                return False
            domain.ready_at = now + domain.pause
        return True

    def _note_pace(self, domain: _Domain, seconds: float, own: float) -> None:
        before = domain.seconds
        if before is not None:
            seconds = before + _LATEST_COUNTS * (seconds - before)
            own = domain.own + _LATEST_COUNTS * (own - domain.own)
        domain.seconds, domain.own = seconds, own
        level = (own >= _QUICK) + (own >= _CRAWLS)
        if before is None or level != domain.level:
            self._under_way[domain.level] -= domain.under_way
            self._under_way[level] += domain.under_way
            domain.level = level
            domain.booked_until = 0.0
            self._make_room(domain)

    def _make_room(self, domain: _Domain) -> None:
        room = self._seats_for(domain.level) if domain.level else self._most
        domain.room = min(domain.most, room)

    def _slow_down(self, domain: _Domain, outcome: Outcome) -> None:
        """Half as many after each few that were put off, and pauses in the end."""
        domain.asked += 1
        if domain.asked < _ENOUGH and not domain.pause:
            return
        first, longest = _PAUSES
        if domain.most > 1:
            domain.most = min(domain.most, self._seats) // 2 or 1
            domain.asked = 0
        elif domain.pause < longest:
            domain.pause = min(2 * domain.pause or first, longest)
        domain.ready_at = self._clock() + domain.pause
        self._make_room(domain)
        logger.info(
            "%s asks for patience (%s %s): %d at once, %g s between two letters",
            *(domain.name, outcome.code or "no code", outcome.enhanced_code or "-"),
            *(domain.most, domain.pause),
        )

    def _speed_up(self, domain: _Domain) -> None:
        if domain.pause:
            domain.pause = domain.ready_at = 0.0
        else:
            domain.most = min(2 * domain.most, self._most)
        domain.booked_until = 0.0
        self._make_room(domain)
        if domain.most == self._most:
            logger.info("%s takes letters as before", domain.name)

    def _waits_for(self, domain: _Domain) -> float:
        """Seconds since the first letter set out."""
        return self._clock() - domain.set_out_at if domain.set_out_at else 0.0

    def _interval(self, domain: _Domain) -> float:
        """Seconds from letter to letter, on the average."""
        seconds = domain.seconds
        if seconds is None:
            seconds = self._waits_for(domain)
        return max(seconds / domain.room, domain.pause, 0.001)


def _asks_for_patience(outcome: Outcome) -> bool:
    """
    A 4xx that may be about the domain's server: not about this mailbox (x.1.y, x.2.y)
    and not greylisting, which every new recipient meets once.
    """
    if outcome.enhanced_code.startswith(("4.1.", "4.2.")):
        return False
    text = outcome.text.lower()
    return "greylist" not in text and "graylist" not in text
