"""
The letters between the pump's thread, which puts them in, and the courier's, which
takes them out.

A run can be stopped: its letters then lie aside until it may go on or they are
recalled. A letter to a domain that has enough of them under way waits, and those after
it go first.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain, islice

from mailings.delivery.journal import Result
from mailings.delivery.letter import Letter
from mailings.delivery.replies import Outcome
from mailings.delivery.throttle import Throttle


@dataclass(slots=True)
class Takings:
    """What has come back since the last look."""

    results: list[Result] = field(default_factory=list)
    troubles: list[Outcome] = field(default_factory=list)  # SERVER or ACCOUNT
    # Run -> how its message is refused. The run waits until `let_go_on`.
    refusals: dict[int, Outcome] = field(default_factory=dict)
    # Run -> why a letter of it could not be read. It waits in the same way.
    unreadable: dict[int, str] = field(default_factory=dict)


class Tray:
    """
    Every letter that is put in is taken, and then given back or done; or recalled, or
    put off.

    One that is announced is taken as soon as it is begun; until then it is recalled,
    or its run stopped, like any that lies here.
    """

    def __init__(self, throttle: Throttle) -> None:
        self._throttle = throttle
        self._letters: deque[Letter] = deque()
        self._waiting: dict[str, deque[Letter]] = {}  # for their domain, by its name
        self._aside: list[Letter] = []
        self._stopped: set[int] = set()
        self._announced: dict[int, Letter] = {}
        self._behind: set[int] = set()  # of these: behind others of their domain
        self._in_hand = 0
        self._lock = threading.Lock()  # guards all of the above

    @property
    def backlog(self) -> int:
        """Letters to take, those included whose domain has not answered so far."""
        if not self._waiting:
            return len(self._letters)
        with self._lock:
            return len(self._letters) + sum(
                len(letters)
                for domain, letters in self._waiting.items()
                if self._throttle.is_new(domain)
            )

    @property
    def has_letters(self) -> bool:
        """To take now or later."""
        return bool(self._letters or self._waiting)

    @property
    def unfinished(self) -> int:
        """Letters that are not done."""
        with self._lock:
            waiting = sum(map(len, self._waiting.values()))
            here = len(self._letters) + waiting + len(self._aside)
            return here + len(self._announced) + self._in_hand

    @property
    def rest(self) -> float | None:
        """Seconds until one could be taken that is not to be taken now."""
        if not self._waiting:
            return None
        with self._lock:
            rests = map(self._throttle.rest, self._waiting)
            return min(filter(None, rests), default=None)

    def put(self, letters: Iterable[Letter]) -> None:
        with self._lock:
            self._letters.extend(letters)

    def take(self) -> Letter | None:
        """The next letter of a run that is not stopped, to a domain that has room."""
        with self._lock:
            letter = self._next_of_waiting() if self._waiting else None
            letter = letter or self._next()
            self._in_hand += letter is not None
        return letter

    def set_out(self, letter: Letter) -> None:
        """A connection is there for it."""
        if self._throttle.has_new:  # only of them it matters when
            with self._lock:
                self._throttle.sets_out(domain_of(letter))

    def announce(self, behind: Letter) -> Letter | None:
        """
        The letter that the connection of `behind` will begin next, unless that one may
        take its time.
        """
        domain = domain_of(behind)
        with self._lock:
            if not self._throttle.is_quick(domain):
                return None
            then = self._next(behind=domain)
            if then is not None:
                self._announced[then.delivery_id] = then
                if domain_of(then) == domain:  # takes the place of the one before
                    self._behind.add(then.delivery_id)
        return then

    def begin(self, letter: Letter) -> bool:
        """
        Takes what was announced; the one before it is no more in hand. False if it may
        not be sent any more.
        """
        with self._lock:
            if self._announced.pop(letter.delivery_id, None) is None:
                return False  # recalled
            if letter.run_id in self._stopped:
                self._make_room_of(letter)
                self._aside.append(letter)
                return False
            self._in_hand += 1
            if letter.delivery_id in self._behind:
                self._behind.discard(letter.delivery_id)
                self._throttle.goes_on(domain_of(letter))
        return True

    def give_back(self, letter: Letter) -> None:
        """It was taken, and is still to be sent."""
        with self._lock:
            self._in_hand -= 1
            self._make_room_of(letter)
            self._letters.append(letter)

    def done(self, letter: Letter, result: Result, *, road: float = 0.0) -> None:
        """
        One that was taken has a result; `road` of its seconds are the way to the
        server and back.
        """
        domain, seconds = domain_of(letter), result.duration_ms / 1000
        with self._lock:
            self._in_hand -= 1
            self._throttle.ends(domain, result.outcome, seconds, road)
            if domain in self._waiting and self._throttle.is_free(domain):
                self._letters.extendleft(reversed(self._waiting.pop(domain)))

    def stop(self, run_id: int) -> None:
        with self._lock:
            self._stopped.add(run_id)

    def let_go_on(self, run_id: int) -> None:
        with self._lock:
            self._stopped.discard(run_id)
            self._letters.extend(self._aside)
            self._aside = []

    def recall(
        self, wanted: Callable[[Letter], bool], *, announced: bool = True
    ) -> list[Letter]:
        """
        Takes out the letters not in hand for which `wanted` is true, those that are
        announced only if it is said so.
        """
        with self._lock:
            letters = self._all()
            recalled = [letter for letter in letters if wanted(letter)]
            if recalled:
                kept = [letter for letter in letters if not wanted(letter)]
                self._letters, self._waiting, self._aside = deque(kept), {}, []
            for letter in list(self._announced.values()):
                if announced and wanted(letter):
                    del self._announced[letter.delivery_id]
                    self._make_room_of(letter)
                    recalled.append(letter)
        return recalled

    def put_off(self) -> dict[int, float]:
        """
        Takes out the letters that can't go soon: delivery -> seconds until it could.
        """
        later: dict[int, float] = {}
        with self._lock:
            for domain, letters in list(self._waiting.items()):
                if self._throttle.is_new(domain):
                    continue
                kept = self._throttle.at_hand(domain)
                for letter in islice(letters, kept, None):
                    later[letter.delivery_id] = self._throttle.book(domain)
                self._keep_waiting(domain, deque(islice(letters, kept)))
        return later

    def _next(self, *, behind: str = "") -> Letter | None:
        """One of the domain `behind` which it comes is no more than there are."""
        if waiting := self._waiting.get(behind):
            self._letters.appendleft(waiting.popleft())
            self._keep_waiting(behind, waiting)
        while self._letters:
            letter = self._letters.popleft()
            if letter.run_id in self._stopped:
                self._aside.append(letter)
                continue
            domain = domain_of(letter)
            if domain == behind:
                return letter
            if domain not in self._waiting and self._throttle.begins(domain):
                return letter
            self._waiting.setdefault(domain, deque()).append(letter)
        return None

    def _next_of_waiting(self) -> Letter | None:
        for domain, letters in list(self._waiting.items()):
            while letters and letters[0].run_id in self._stopped:
                self._aside.append(letters.popleft())
            found = bool(letters) and self._throttle.begins(domain)
            letter = letters.popleft() if found else None
            if letter or not letters:
                self._keep_waiting(domain, letters)
            if letter:
                return letter
        return None

    def _keep_waiting(self, domain: str, letters: deque[Letter]) -> None:
        """Domains take turns: this one is the last now."""
        del self._waiting[domain]
        if letters:
            self._waiting[domain] = letters

    def _make_room_of(self, letter: Letter) -> None:
        """It is not under way any more, and came to no outcome."""
        if letter.delivery_id in self._behind:
            self._behind.discard(letter.delivery_id)
        else:
            self._throttle.ends(domain_of(letter), None)

    def _all(self) -> list[Letter]:
        return [*self._letters, *chain(*self._waiting.values()), *self._aside]


def domain_of(letter: Letter) -> str:
    return _domain(letter.recipient)


@lru_cache(maxsize=4096)  # asked five times for each letter
def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()


def named(letter: Letter) -> dict[str, object]:
    """The fields of the log that tell which letter it is."""
    return {"run": letter.run_id, "delivery": letter.delivery_id}
