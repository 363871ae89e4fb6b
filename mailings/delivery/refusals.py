"""Does the server refuse the message itself, whoever it is for? Pure."""

from collections import Counter

from mailings.delivery.replies import Outcome, Phase, Verdict

ENOUGH = 5  # recipients of a run, refused alike and nobody accepted

_Alike = tuple[int, Phase, int | None, str]


class Refusals:
    """What one pump has heard about each run so far."""

    def __init__(self) -> None:
        self._counts: Counter[_Alike] = Counter()
        self._accepted: set[int] = set()

    def note(self, run_id: int, outcome: Outcome) -> bool:
        """True if this is one refusal of the run's message too many."""
        if outcome.verdict is Verdict.ACCEPTED:
            self._accepted.add(run_id)
        if not outcome.refuses_the_message or run_id in self._accepted:
            return False
        alike = (run_id, outcome.phase, outcome.code, outcome.enhanced_code)
        self._counts[alike] += 1
        return self._counts[alike] >= ENOUGH

    def forget(self, run_id: int) -> None:
        """Counts the run from the beginning again."""
        for alike in [each for each in self._counts if each[0] == run_id]:
            del self._counts[alike]
