"""What cron calls where no worker runs (beside one, it does no harm)."""

from contextlib import suppress
from typing import Any

from django.conf import settings
from django.utils import timezone

from mailings import delivery, imports, lifecycle
from mailings.models import Run
from mailsvc import shutdown
from mailsvc.commands import Outcome, ServiceCommand, stopping_on_signals
from users import mails


class Command(ServiceCommand):
    help = (
        "Does what is due, once: starts mailings, sends, retries, closes what is over; "
        "goes on with imports. "
        "Call it from cron each minute. If as many processes as DELIVERY_PUMPS allows "
        "are sending already, it leaves the sending to them. Exits with 1 if the mail "
        "server does not take mail, or sending is held until a manager confirms it."
    )

    def work(self, options: dict[str, Any]) -> Outcome:
        begun_at = timezone.now()
        started, report = 0, delivery.PumpReport()
        report.objection = delivery.objection(begun_at)
        if not report.objection:
            with stopping_on_signals():
                started = lifecycle.sweep(begun_at)
                mails.send_due(begun_at)
                imports.work_off(timezone.now())
                # A minute's call must not pile up on the call that is still sending.
                seats = settings.DELIVERY["pumps"]
                if delivery.seat_is_free(timezone.now(), seats=seats):
                    with suppress(delivery.NoSeat):
                        report = delivery.pump(stop=shutdown.requested, seats=seats)
                lifecycle.settle(timezone.now(), go_on=False)
        data = {
            "started": started,
            "attempts": report.attempts,
            "accepted": report.accepted,
            "refused": report.refused,
            "deferred": report.deferred,
            "unknown": report.unknown,
            "finished": Run.objects.filter(finished_at__gte=begun_at).count(),
        }
        return Outcome(
            data=data,
            text=", ".join(f"{name} {n}" for name, n in data.items()),
            failure=report.trouble,
        )
