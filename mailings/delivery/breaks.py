"""Over which letters connections broke: is it the letter, or the server? Pure."""

from collections import Counter

from mailings.delivery.replies import Outcome, Phase, Verdict

# After so many connections that broke over the same letter, it is the letter.
_BREAKS_PER_LETTER = 3


class Breaks:
    """What one pump has met with."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self.server_works = False  # it has come to an outcome of a letter

    @property
    def deliveries(self) -> set[int]:
        """Over which a connection broke, or the server refused to work."""
        return set(self._counts)

    def blame(self, delivery_id: int, verdict: Outcome) -> Outcome:
        """
        Counts a break. A letter over which connection after connection breaks is put
        off: then that is the verdict.
        """
        self._counts[delivery_id] += 1
        if self._counts[delivery_id] < _BREAKS_PER_LETTER:
            return verdict
        if not self.server_works:  # nothing is said about this one in particular
            return verdict
        if verdict.verdict is Verdict.ACCOUNT or verdict.phase is Phase.MAIL:
            return verdict
        return verdict._replace(verdict=Verdict.DEFERRED)
