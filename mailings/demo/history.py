"""Runs of the past, with deliveries, attempts and books as the engine would have kept
them. Nothing was sent, so the engine itself can't have made them."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from mailings import delivery, recurrence
from mailings.models import Attempt, Client, Delivery, Mailing, Run, Suppression
from users.models import User


@dataclass(frozen=True)
class _Try:
    after: timedelta  # since the run began
    outcome: str
    code: int | None
    reply: str
    phase: str = "rcpt"

    @property
    def enhanced_code(self) -> str:
        return self.reply.split(" ")[0]


_SOON = timedelta(seconds=2)
_GONE = _Try(_SOON, "refused", 550, "5.1.1 No such user here")
_TAKEN = _Try(_SOON, "accepted", 250, "2.0.0 Ok: queued", "dot")
_GREY = "4.7.1 Greylisted, try again later"
_FULL = "4.2.2 The mailbox is full"
_TRIES: dict[str, list[_Try]] = {
    "bad+": [_GONE],
    "grey+": [
        _Try(_SOON, "deferred", 451, _GREY),
        _Try(timedelta(seconds=65), "accepted", 250, "2.0.0 Ok: queued", "dot"),
    ],
    "full.": [
        _Try(timedelta(minutes=minutes), "deferred", 452, _FULL)
        for minutes in (0, 1, 6, 21, 51)
    ],
}
_LOST = [_Try(_SOON, "unknown", None, "", "dot")]
_LOST_EVERY = 33  # clients: now and then a server says nothing after the message
_UNSUBSCRIBES_EVERY = 19


def add_history(mailing: Mailing, now: datetime) -> None:
    """
    The runs of a mailing that was made before its start, up to an hour before `now`:
    what is younger is not over, and for the worker to send.
    """
    for occurrence in recurrence.occurrences(
        mailing.start_at,
        mailing.Periodicity(mailing.periodicity),
        mailing.timezone,
        until=min(now - timedelta(hours=1), mailing.end_at),
    ):
        # Asked anew for each: the run before may have put somebody down.
        _add_run(mailing, occurrence, list(_recipients(mailing)))
    mailing.created_at = mailing.start_at - timedelta(hours=2)
    mailing.status = (
        Mailing.Status.FINISHED if mailing.end_at <= now else Mailing.Status.RUNNING
    )
    mailing.save(update_fields=["created_at", "status"])


def _recipients(mailing: Mailing) -> Iterable[Client]:
    return mailing.recipients().with_suppression().order_by("pk")


def _add_run(mailing: Mailing, occurrence: datetime, recipients: list[Client]) -> None:
    message, owner = mailing.message, mailing.owner
    assert message is not None  # noqa: S101 - it was made with one
    run = Run.objects.create(
        mailing=mailing,
        scheduled_for=occurrence,
        closes_at=delivery.closing_time(mailing, occurrence),
        started_at=occurrence,
        subject=message.subject,
        body=message.body,
        body_html=message.body_html,
        sender_name=owner.full_name,
        sender_email=owner.email,
        planned_through=recipients[-1].pk,
    )
    tries = [_tries_of(n, client) for n, client in enumerate(recipients)]
    deliveries = Delivery.objects.bulk_create(
        _delivery(run, client, row)
        for client, row in zip(recipients, tries, strict=True)
    )
    Attempt.objects.bulk_create(
        _attempt(each, number, one)
        for each, row in zip(deliveries, tries, strict=True)
        for number, one in enumerate(row, start=1)
    )
    _close(run, deliveries, tries)
    _suppress(owner, deliveries)


def _suppress(owner: User, deliveries: list[Delivery]) -> None:
    """What the engine would have put down; and now and then somebody unsubscribes."""
    for n, each in enumerate(deliveries):
        values = {"mailing": each.run.mailing.title, "delivery": each}
        if each.state == Delivery.State.REFUSED:
            values |= {
                "kind": Suppression.Kind.ADDRESS_REFUSED,
                "words": f"{_GONE.code} {_GONE.reply}",
                "since": each.due_at + _GONE.after,
            }
        elif each.state == Delivery.State.ACCEPTED and n % _UNSUBSCRIBES_EVERY == 4:
            values |= {
                "kind": Suppression.Kind.UNSUBSCRIBED,
                "since": each.due_at + timedelta(minutes=20 + n),
            }
        else:
            continue
        Suppression.objects.get_or_create(
            owner=owner, email=each.email, defaults=values
        )


def _tries_of(n: int, client: Client) -> list[_Try]:
    if client.suppressed_as:  # type: ignore[attr-defined]
        return []
    if n % _LOST_EVERY == _LOST_EVERY - 1:
        return _LOST
    for mood, tries in _TRIES.items():
        if client.email.startswith(mood):
            return tries
    return [_TAKEN]


def _delivery(run: Run, client: Client, tries: list[_Try]) -> Delivery:
    outcome = tries[-1].outcome if tries else Delivery.State.SUPPRESSED
    reason = client.suppressed_as or Delivery.Reason.NONE  # type: ignore[attr-defined]
    if outcome == "deferred":
        outcome, reason = Delivery.State.EXPIRED, Delivery.Reason.WINDOW_OVER
    elif outcome == "unknown":
        reason = Delivery.Reason.NO_REPLY
    return Delivery(
        run=run,
        client=client,
        email=client.email,
        full_name=client.full_name,
        state=outcome,
        reason=reason,
        attempt_count=len(tries),
        due_at=run.scheduled_for,
    )


def _attempt(each: Delivery, number: int, one: _Try) -> Attempt:
    return Attempt(
        delivery=each,
        run_id=each.run_id,
        number=number,
        started_at=each.due_at + one.after,
        duration_ms=20 + each.pk % 60,
        outcome=one.outcome,
        phase=one.phase,
        code=one.code,
        enhanced_code=one.enhanced_code,
        reply=one.reply,
    )


def _close(run: Run, deliveries: list[Delivery], tries: list[list[_Try]]) -> None:
    """Books that balance, and the time of the last attempt as the end."""
    run.planned = len(deliveries)
    for state, n in Counter(each.state for each in deliveries).items():
        setattr(run, state, n)
    run.attempts = sum(map(len, tries))
    run.state = Run.State.FINISHED
    run.finished_at = run.scheduled_for + max(row[-1].after for row in tries if row)
    run.save()
    delivery.rebuild_statistics([run.pk])
