"""
The pump: takes claimed deliveries from the database to the mail server and their
outcomes back, until nothing is due, its time is up, or it is told to stop.

Its steps each do one thing; this thread owns the database, the courier's the sockets.
"""

import logging
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from mailings.delivery import circuit, identity, journal, outage, schema, waiting
from mailings.delivery.claim import Claim, NoSeat, claim, renew, take_lease
from mailings.delivery.clock import clock
from mailings.delivery.composers import Composers
from mailings.delivery.courier import Courier
from mailings.delivery.holdings import Holdings
from mailings.delivery.journal import Journal
from mailings.delivery.letter import Letter
from mailings.delivery.pausing import pause_if_refused
from mailings.delivery.plan import expand
from mailings.delivery.rates import Asked, Rates
from mailings.delivery.replies import Outcome
from mailings.delivery.report import PumpReport
from mailings.delivery.server import configured_server, fingerprint
from mailings.delivery.suppress import claimed_though_suppressed
from mailings.delivery.tray import Takings, domain_of
from mailings.delivery.troubles import Server
from mailings.models import Lease, Run
from mailsvc import logs

logger = logging.getLogger(__name__)

_COMMIT_EVERY = 0.2  # seconds between commits while outcomes trickle in
_PLAN_FOR = 0.5  # seconds of planning between looks at everything else
_LOOK_EVERY = 1.0  # seconds between looks at the lease and at suppressed addresses
_OBEY_EVERY = 0.2  # and at holds, pauses and blocks
_WAIT_FOR = 30.0  # seconds for which a pump stays for letters that it has put off


def pump(
    *,
    stop: Callable[[], bool],
    runs: Collection[int] | None = None,
    budget: float | None = None,
    seats: int | None = None,
    on_progress: Callable[[PumpReport], None] = lambda report: None,
) -> PumpReport:
    """
    Sends what is due now, of `runs` only if given, for `budget` seconds at the most.

    Returns when nothing is claimable, or soon after `stop()` turns true, or when the
    mail server or something here fails, or this host may not send (`server_error`,
    `failure`, `objection`; `trouble` is the one that is there).

    Raises NoSeat if `seats` pumps are at work; who does not say comes on top of them.
    """
    now = timezone.now()
    if why := identity.objection(now):
        return PumpReport(objection=why)
    server = configured_server()
    admitted = circuit.admits(str(server), now, fingerprint=fingerprint(server))
    if admitted == 0:
        return PumpReport(server_error=circuit.reason(str(server)))
    rates = Rates()
    own = Journal.create(Path(settings.DELIVERY["journal_dir"]))
    try:
        lease = take_lease(
            host=journal.host(),
            boot_id=journal.boot_id(),
            pid=os.getpid(),
            journal=own.path.name,
            now=now,
            seconds=settings.DELIVERY["lease"],
            seats=seats,
        )
    except (NoSeat, *outage.AWAY):
        own.close(forget=True)
        raise
    with logs.about(lease=lease.pk):
        courier = Courier(
            server,
            own,
            connections=settings.DELIVERY["connections"],
            timeouts=settings.DELIVERY["timeouts"],
            batch=settings.DELIVERY["batch"],
            rests=settings.DELIVERY["rests"],
            per_domain=settings.DELIVERY["per_domain"],
            is_probe=admitted == 1,
            pipelining=settings.DELIVERY["pipelining"],
        )
        pumping = Pump(
            lease, own, courier, server, rates, runs=runs, on_progress=on_progress
        )
        pumping.run(stop=stop, deadline=None if budget is None else clock() + budget)
        logger.info("Pump ended: %s", pumping.report.in_words())
    return pumping.report


@dataclass
class Pump:
    lease: Lease
    journal: Journal
    courier: Courier
    server: Server
    rates: Rates
    runs: Collection[int] | None
    on_progress: Callable[[PumpReport], None]
    report: PumpReport = field(default_factory=PumpReport)

    def __post_init__(self) -> None:
        self._holdings = Holdings(self.lease)
        self._composers = Composers()
        self._refused: dict[int, Outcome] = {}  # runs whose message is
        self._unreadable: dict[int, str] = {}  # runs of which a file is
        self._server_is_well = False
        self._claiming = self._planning = True
        self._is_dry = False  # nothing was due at the last claim
        self._claimed_at = clock()
        self._nothing_due_until = self._look_at = self._obey_at = 0.0
        self._stays_until = 0.0  # for letters that were put off
        self._size = 4 * settings.DELIVERY["connections"]

    def run(self, *, stop: Callable[[], bool], deadline: float | None) -> None:
        self.courier.renew(clock() + settings.DELIVERY["lease"])
        self.courier.start()
        try:
            busy = True
            while busy:
                try:
                    if stop() or (deadline is not None and clock() >= deadline):
                        self._drain()
                    busy = self._step()
                except outage.AWAY as error:
                    self._sit_out(error, stop)
        finally:
            self._end()

    def _sit_out(self, error: Exception, stop: Callable[[], bool]) -> None:
        """
        Nothing new is handed over while the database is away, and what comes in is
        kept. Raises `error` if it does not come back; the journal has it all, too.
        """
        logger.warning("The database is away; sending waits for it: %s", error)
        until = clock() + outage.PATIENCE
        while True:
            recalled = self.courier.recall(lambda letter: True)
            self._holdings.let_stray([letter.delivery_id for letter in recalled])
            self._keep(self.courier.collect(_LOOK_EVERY))
            if stop() or clock() >= until:
                raise error
            outage.reconnect()
            try:
                self._go_on()
            except outage.AWAY:
                continue
            logger.warning("The database is back; sending goes on.")
            return

    def _go_on(self) -> None:
        self._look_at = self._obey_at = 0.0
        self._look_around()
        self._write_down()
        self._holdings.take_back_strays(broken=self.courier.broken)
        self._nothing_due_until = 0.0

    def _step(self) -> bool:
        """Plans, claims, sends and records a little; false when all is done."""
        self._look_around()
        if self._claiming:
            self._put_off(self.courier.put_off())
            self._claim()  # first: planning takes longer than a claim lasts
            self._plan()
        else:  # a connection may have handed a letter back meanwhile
            self._recall(lambda letter: True, announced=False)
        waits = self._claiming and clock() < self._stays_until
        is_busy = self._is_busy or waits
        waits_for_news = is_busy and not self._planning
        self._take_in(self.courier.collect(_COMMIT_EVERY if waits_for_news else 0))
        more_to_claim = self._planning or waits or not self._is_dry
        return self._is_busy or (self._claiming and more_to_claim)

    @property
    def _is_busy(self) -> bool:
        return self.courier.unfinished > 0

    def _plan(self) -> None:
        """One step of every run that is being planned."""
        if not self._planning:
            return
        runs = Run.objects.allowed_to_send().filter(state=Run.State.PLANNING)
        if self.runs is not None:
            runs = runs.filter(pk__in=self.runs)
        self._planning = False
        until = clock() + _PLAN_FOR
        # The one with the fewest so far comes first: none waits for a large one.
        for run_id in runs.order_by("planned", "pk").values_list("pk", flat=True):
            self._nothing_due_until, self._is_dry = 0.0, False
            self._planning |= expand(run_id, timezone.now())
            if clock() >= until:  # the lease, and what is sent already, can't wait
                self._planning = True
                break

    def _claim(self) -> None:
        """
        Keeps the courier supplied with what it sends in a second or two: while one
        batch is on its way into the database, another one is on its way out.
        """
        now = clock()
        if self.courier.backlog > self._size or now < self._nothing_due_until:
            return
        if now - self._claimed_at < 1:
            self._size = min(2 * self._size, settings.DELIVERY["batch"])
        elif now - self._claimed_at > 2:
            self._size = max(self._size // 2, settings.DELIVERY["connections"])
        self._claimed_at = now
        try:
            claims = claim(
                self.lease, size=self._size, now=timezone.now(), only=self.runs
            )
        except identity.NotOurs:
            self.report.objection = identity.objection(timezone.now())
            self._drain()
            return
        self._is_dry = not claims
        if self._is_dry:
            self._nothing_due_until = now + _COMMIT_EVERY
        letters = self._within_rates(self._letters(claims))
        self._holdings.hand_to_courier([letter.delivery_id for letter in letters])
        self.courier.submit(letters)

    def _within_rates(self, letters: list[Letter]) -> list[Letter]:
        """Those that may leave now; the others are put off."""
        if not (self.rates.are_set and letters):
            return letters
        asked = [
            Asked(
                each.delivery_id, self._composers.owner_of(each.run_id), domain_of(each)
            )
            for each in letters
        ]
        late = self.rates.too_many(asked, timezone.now())
        self._put_off(late)
        return [each for each in letters if each.delivery_id not in late]

    def _put_off(self, later: Mapping[int, float]) -> None:
        """Back to the queue, behind what can go at once."""
        if later:
            logger.debug("%d letters are put off.", len(later))
            self._holdings.put_off(later)
            soonest = min(later.values())
            if soonest <= _WAIT_FOR:
                self._stays_until = max(self._stays_until, clock() + soonest + 1)

    def _letters(self, claims: Collection[Claim]) -> list[Letter]:
        composed = self._composers.letters(claims)
        self._holdings.keep(composed.results)
        for run_id in composed.mended:
            waiting.let_go_on(run_id)
        for run_id, why in composed.unreadable.items():
            waiting.let_wait(run_id, why, timezone.now())
        if composed.left:
            self._holdings.take_back(composed.left)
        return composed.letters

    def _keep(self, takings: Takings) -> None:
        """What must not be forgotten, should the database be away."""
        self._holdings.keep(takings.results)
        self._refused |= takings.refusals
        self._unreadable |= takings.unreadable

    def _take_in(self, takings: Takings) -> None:
        """Outcomes into the database; the server's failures to the circuit."""
        self._keep(takings)
        self._write_down()
        lost = [each.outcome for each in takings.results if each.outcome.is_unknown]
        if lost and len(lost) == len(takings.results):
            # A server that takes mail and never answers must not get all of it.
            takings.troubles += lost
        elif takings.results and not self._server_is_well:
            circuit.succeeded(str(self.server))
            self._server_is_well = True
        for trouble in takings.troubles:
            logger.warning("%s: %s", self.server, circuit.in_words(trouble))
            self._server_is_well = False
            if self._opens_circuit(trouble):
                self.report.server_error = circuit.in_words(trouble)
                self._drain()
                break
        for run_id, refusal in list(self._refused.items()):
            self._pause_if_refused(run_id, refusal)
            del self._refused[run_id]
        for run_id, why in list(self._unreadable.items()):
            self._let_wait(run_id, why)
            del self._unreadable[run_id]
        if not self.courier.has_connections:
            self.report.failure = self.courier.failure
            self._drain()

    def _opens_circuit(self, trouble: Outcome) -> bool:
        return circuit.failed(
            str(self.server),
            trouble,
            timezone.now(),
            fingerprint=fingerprint(self.server),
        )

    def _pause_if_refused(self, run_id: int, refusal: Outcome) -> None:
        """The courier has stopped the run: it is recalled now, or goes on."""
        if pause_if_refused(run_id, refusal, timezone.now()):
            self._recall(lambda letter: letter.run_id == run_id)
        self.courier.let_go_on(run_id)

    def _let_wait(self, run_id: int, why: str) -> None:
        """The courier has stopped the run, whose letters it could not read."""
        waiting.let_wait(run_id, why, timezone.now())
        self._composers.forget(run_id)
        self._recall(lambda letter: letter.run_id == run_id)
        self.courier.let_go_on(run_id)

    def _write_down(self) -> None:
        written = self._holdings.write_down()
        for result in written:
            self.report.count(result)
        if written:
            self.on_progress(self.report)

    def _look_around(self) -> None:
        """Renews the lease; takes back what may not be sent any more."""
        if clock() >= self._look_at:
            self._look_at = clock() + _LOOK_EVERY
            self._planning = True
            if why := schema.mismatch():
                self.report.objection = why
                self._drain()
            self._renew()
            suppressed = claimed_though_suppressed(self.lease)
            self._recall(lambda letter: letter.delivery_id in suppressed)
        if clock() >= self._obey_at:
            self._obey_at = clock() + _OBEY_EVERY
            allowed = self._runs_allowed()
            self._recall(lambda letter: letter.run_id not in allowed)

    def _renew(self) -> None:
        seconds = settings.DELIVERY["lease"]
        until = clock() + seconds
        if renew(
            self.lease, now=timezone.now(), seconds=seconds, claiming=self._claiming
        ):
            self.courier.renew(until)
        else:
            self._drain()

    def _runs_allowed(self) -> set[int]:
        return set(
            Run.objects.allowed_to_send()
            .filter(pk__in=self._composers.runs, closes_at__gt=timezone.now())
            .values_list("pk", flat=True)
        )

    def _recall(
        self, wanted: Callable[[Letter], bool], *, announced: bool = True
    ) -> None:
        letters = self.courier.recall(wanted, announced=announced)
        recalled = {letter.delivery_id for letter in letters}
        if recalled:
            self._holdings.take_back(recalled, broken=self.courier.broken)

    def _drain(self) -> None:
        """Claims no more and hands back what has not been begun."""
        if self._claiming:
            self._claiming = False
            self._look_at = 0.0  # tell at once, so that another may take the seat
        self._recall(lambda letter: True, announced=False)

    def _end(self) -> None:
        """Leaves nothing behind; what can't be written down is left to recovery."""
        settled = False
        try:
            self._drain()
            self.courier.close()
            self._take_in(self.courier.collect(0))
            self._recall(lambda letter: True)
            lease = Lease.objects.filter(pk=self.lease.pk, deliveries=None)
            settled = bool(lease.delete()[0])
        finally:
            self.courier.close()
            # Not before: the next file would get their descriptors, and what is meant
            # for them.
            self.courier.when_ended(partial(self._close_files, forget=settled))

    def _close_files(self, *, forget: bool) -> None:
        self._composers.close()
        self.journal.close(forget=forget)
