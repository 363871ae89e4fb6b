"""
The door to Django-Q2: schedules, wake-ups, and the worker's canary.

Q2 is the alarm clock and the bell. Each live mailing has one Schedule, named
`mailing:<id>`, that goes off at its next occurrence, or at its end once there is none;
when, is reckoned by `recurrence`, never by Q2 (its own months drift).
"""

import logging
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import timezone
from django_q.models import OrmQ, Schedule
from django_q.signals import post_execute
from django_q.tasks import async_task

from mailings.models import Canary, Mailing

logger = logging.getLogger(__name__)

# So many tasks wait that one more would say nothing new (or nobody listens: cron).
UNHEARD = 20
_EVERY_MINUTE = {"sweep": "mailings.tasks.sweep", "canary": "mailings.tasks.canary"}


def name_of(mailing: Mailing) -> str:
    return f"mailing:{mailing.pk}"


def sync(mailing: Mailing, *, now: datetime | None = None) -> None:
    """
    Makes the mailing's schedule what it should be: one if it is live and not past its
    end, when retries may still go out; else none.
    """
    now = now or timezone.now()
    if not mailing.is_live or mailing.end_at <= now:
        forget(mailing)
        return
    wanted = {
        "func": "mailings.tasks.start_mailing",
        "args": str(mailing.pk),
        # ONCE with a count stays in the table after it has gone off.
        "schedule_type": Schedule.ONCE,
        "repeats": 1,
        "next_run": next_alarm(mailing, now),
    }
    rows = Schedule.objects.filter(name=name_of(mailing))
    first = rows.order_by("pk").values_list("pk", flat=True).first()
    if first is None:
        Schedule.objects.create(name=name_of(mailing), **wanted)
        return
    rows.exclude(pk=first).delete()
    rows.filter(pk=first).update(**wanted)


def next_alarm(mailing: Mailing, now: datetime) -> datetime:
    """The next occurrence, or the end of the window once there is none."""
    return mailing.next_run(now) or mailing.end_at


def forget(mailing: Mailing) -> None:
    Schedule.objects.filter(name=name_of(mailing)).delete()


def heal(now: datetime) -> None:
    """Puts right what was lost or left over: mailings' schedules and our own two."""
    right = {}
    live = Mailing.objects.live().filter(end_at__gt=now)
    for mailing in live.select_related("owner"):
        right[name_of(mailing)] = mailing
    found: dict[str, list[datetime | None]] = {}
    schedules = Schedule.objects.filter(name__startswith="mailing:")
    for name, next_run in schedules.values_list("name", "next_run"):
        found.setdefault(name, []).append(next_run)
    schedules.exclude(name__in=right).delete()
    for name, mailing in right.items():
        if found.get(name) != [next_alarm(mailing, now)]:
            sync(mailing, now=now)
    keep_own_schedules()


def keep_own_schedules() -> None:
    """The sweep and the canary, each minute."""
    for name, func in _EVERY_MINUTE.items():
        if not Schedule.objects.filter(name=name, func=func).exists():
            Schedule.objects.create(
                name=name, func=func, schedule_type=Schedule.MINUTES, minutes=1
            )


def start_soon(mailing: Mailing) -> None:
    """Asks the worker to begin what is due of this mailing."""
    async_task("mailings.tasks.start_mailing", mailing.pk)


def work_on_import_soon(pk: int) -> None:
    """Asks the worker to go on with an upload. One task too many does no harm."""
    async_task("mailings.tasks.work_on_import", pk)


def wake() -> None:
    """Asks the worker to send what is due. Cheap; one too many does no harm."""
    # Locked rows are at work, or left by a worker that died.
    if OrmQ.objects.filter(lock__lte=timezone.now()).count() >= UNHEARD:
        return
    for _ in range(settings.DELIVERY["pumps"]):
        async_task("mailings.tasks.pump")


def listen() -> None:
    """Called once, when the app is ready."""
    post_execute.connect(acknowledge, dispatch_uid="mailings.canary")


def acknowledge(sender: Any, task: dict[str, Any], **kwargs: Any) -> None:
    """
    Q2's post_execute: runs where results are taken in, after the canary's task.

    An exception here would kill that process, so there is none.
    """
    if task.get("func") != _EVERY_MINUTE["canary"]:
        return
    try:
        Canary.objects.filter(pk=1).update(acknowledged_at=timezone.now())
    except Exception:
        logger.exception("The canary's acknowledgement was lost.")
