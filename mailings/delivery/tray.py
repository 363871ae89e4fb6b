"""
The letters between the pump's thread, which puts them in, and the courier's, which
takes them out.

A run can be stopped: its letters then lie aside until it may go on or they are
recalled.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from mailings.delivery.journal import Result
from mailings.delivery.replies import Outcome
from mailings.delivery.smtp import Letter


@dataclass(slots=True)
class Takings:
    """What has come back since the last look."""

    results: list[Result] = field(default_factory=list)
    troubles: list[Outcome] = field(default_factory=list)  # SERVER or ACCOUNT
    # Run -> how its message is refused. The run waits until `let_go_on`.
    refusals: dict[int, Outcome] = field(default_factory=dict)


class Tray:
    """
    Every letter that is put in is taken, and then given back or done; or recalled.

    One that is announced is taken as soon as it is begun; until then it is recalled,
    or its run stopped, like any that lies here.
    """

    def __init__(self) -> None:
        self._letters: deque[Letter] = deque()
        self._aside: list[Letter] = []
        self._stopped: set[int] = set()
        self._announced: dict[int, Letter] = {}
        self._in_hand = 0
        self._lock = threading.Lock()  # guards all of the above

    @property
    def backlog(self) -> int:
        """Letters to take."""
        return len(self._letters)

    @property
    def unfinished(self) -> int:
        """Letters that are not done."""
        with self._lock:
            here = len(self._letters) + len(self._aside) + len(self._announced)
            return here + self._in_hand

    def put(self, letters: Iterable[Letter]) -> None:
        with self._lock:
            self._letters.extend(letters)

    def take(self) -> Letter | None:
        """The next letter of a run that is not stopped."""
        with self._lock:
            while self._letters:
                letter = self._letters.popleft()
                if letter.run_id not in self._stopped:
                    self._in_hand += 1
                    return letter
                self._aside.append(letter)
        return None

    def announce(self) -> Letter | None:
        """The letter that would be taken, for somebody who will begin it soon."""
        letter = self.take()
        if letter is not None:
            with self._lock:
                self._in_hand -= 1
                self._announced[letter.delivery_id] = letter
        return letter

    def begin(self, letter: Letter) -> bool:
        """Takes what was announced. False if it may not be sent any more."""
        with self._lock:
            if self._announced.pop(letter.delivery_id, None) is None:
                return False  # recalled
            if letter.run_id in self._stopped:
                self._aside.append(letter)
                return False
            self._in_hand += 1
        return True

    def give_back(self, letter: Letter) -> None:
        """It was taken, and is still to be sent."""
        with self._lock:
            self._in_hand -= 1
            self._letters.append(letter)

    def done(self) -> None:
        """One that was taken has a result."""
        with self._lock:
            self._in_hand -= 1

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
            letters = [*self._letters, *self._aside]
            recalled = [letter for letter in letters if wanted(letter)]
            if recalled:
                kept = [letter for letter in letters if not wanted(letter)]
                self._letters, self._aside = deque(kept), []
            for letter in list(self._announced.values()):
                if announced and wanted(letter):
                    recalled.append(self._announced.pop(letter.delivery_id))
        return recalled
