"""
What a pump holds that is the database's: outcomes to be written down, and letters
that are with the courier.

Nothing of it is forgotten when a statement fails, and everything can be repeated: what
was done already, though the answer got lost, is not done for a second time.
"""

from collections.abc import Collection, Mapping
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from mailings.delivery.claim import give_back
from mailings.delivery.journal import Result
from mailings.delivery.record import record
from mailings.models import Lease

_AFTER_BREAK = timedelta(minutes=1)
_MOMENTS = 5  # at which those are due that were put off together


class Holdings:
    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._results: list[Result] = []
        self._with_courier: set[int] = set()

    def hand_to_courier(self, delivery_ids: Collection[int]) -> None:
        self._with_courier.update(delivery_ids)

    def keep(self, results: Collection[Result]) -> None:
        """Outcomes that have come in; `write_down` has the rest."""
        self._results += results
        self._with_courier.difference_update(each.delivery_id for each in results)

    def write_down(self) -> list[Result]:
        """Returns the outcomes that are in the database from now on."""
        if self._results:
            record(
                self._lease,
                self._results,
                now=timezone.now(),
                retry_delays=settings.DELIVERY["retry_delays"],
            )
        written, self._results = self._results, []
        return written

    def let_stray(self, delivery_ids: Collection[int]) -> None:
        """From the courier, not begun, while the database can't be told."""
        self._with_courier.difference_update(delivery_ids)

    def take_back(
        self, delivery_ids: Collection[int], *, broken: Collection[int] = ()
    ) -> None:
        """From the courier, not begun: to the queue again."""
        self._with_courier.difference_update(delivery_ids)
        # Over whom a connection broke is not first in the queue again: a recipient
        # that a server can't bear must not keep the others waiting.
        late = set(delivery_ids) & set(broken)
        give_back(self._lease, set(delivery_ids) - late)
        give_back(self._lease, late, due_at=timezone.now() + _AFTER_BREAK)

    def put_off(self, later: Mapping[int, float]) -> None:
        """From the courier, not begun: due in so many seconds, none too early."""
        self._with_courier.difference_update(later)
        ids, now = sorted(later, key=lambda each: later[each]), timezone.now()
        step = max(1, -(-len(ids) // _MOMENTS))
        for first in range(0, len(ids), step):
            group = ids[first : first + step]
            seconds = later[group[-1]]
            give_back(self._lease, group, due_at=now + timedelta(seconds=seconds))

    def take_back_strays(self, *, broken: Collection[int] = ()) -> None:
        """
        After an outage: what is leased to us, and neither with the courier nor to be
        written down. Its claim was not heard of, or its return did not come through.
        """
        leased = set(self._lease.deliveries.values_list("pk", flat=True))
        held = {each.delivery_id for each in self._results}
        self.take_back(leased - self._with_courier - held, broken=broken)
