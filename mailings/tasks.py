"""What the worker is asked to do. Each fetches by id and calls one function."""

from django.conf import settings
from django.utils import timezone

from mailings import delivery, imports, lifecycle
from mailings.importing import jobs
from mailings.models import Canary, Mailing
from mailsvc import shutdown
from users import mails


def start_mailing(mailing_id: int) -> None:
    """A mailing's alarm has gone off: begins its run, and sends if a seat is free."""
    mailing = Mailing.objects.existing().filter(pk=mailing_id).first()
    if mailing is None or delivery.objection(timezone.now()):
        return
    if lifecycle.begin_due(mailing, now=timezone.now()):
        pump()  # at once: whom that has woken finds it a poll of the queue later


def pump() -> None:
    """Sends what is due, if there is a seat free; asks for a successor if need be."""
    now = timezone.now()
    if shutdown.requested() or not delivery.has_work(now):
        return
    seats, budget = settings.DELIVERY["pumps"], settings.DELIVERY["budget"]
    if not delivery.seat_is_free(now, seats=seats):
        return
    try:
        report = delivery.pump(stop=shutdown.requested, budget=budget, seats=seats)
    except delivery.NoSeat:  # somebody was quicker
        return
    # While the server is down, or a disk is full, the sweep asks again, once a minute.
    lifecycle.settle(timezone.now(), go_on=not report.trouble)


def work_on_import(import_id: int) -> None:
    """Somebody has uploaded clients, or takes them back."""
    jobs.work(import_id)


def sweep() -> None:
    """Every minute: finds what a lost task, schedule or worker has left."""
    now = timezone.now()
    if delivery.objection(now):
        return
    lifecycle.sweep(now)
    imports.sweep(now)
    mails.send_due(timezone.now())


def canary() -> None:
    """Shows that tasks are run."""
    Canary.objects.update_or_create(pk=1, defaults={"worked_at": timezone.now()})
