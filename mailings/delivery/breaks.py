"""Over whose letters do connections break? Pure."""

from collections import Counter
from dataclasses import replace

from mailings.delivery.replies import Outcome, Phase, Verdict

# After so many connections that broke over the same letter, it is the letter.
_PER_LETTER = 3


class Breaks:
    """What one courier has seen of it."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    @property
    def deliveries(self) -> set[int]:
        return set(self._counts)

    def note(self, delivery_id: int, trouble: Outcome, *, has_worked: bool) -> Outcome:
        """
        The server's trouble as it is, until there were too many over this one: then
        the letter is put off.
        """
        self._counts[delivery_id] += 1
        if self._counts[delivery_id] < _PER_LETTER:
            return trouble
        if not has_worked:  # nothing is said about this one in particular
            return trouble
        if trouble.verdict is Verdict.ACCOUNT or trouble.phase is Phase.MAIL:
            return trouble
        return replace(trouble, verdict=Verdict.DEFERRED)
