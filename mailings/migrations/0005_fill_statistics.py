"""Statistics of the attempts that are there already."""

from collections import Counter, defaultdict
from datetime import UTC

from django.db import migrations
from django.db.models import Count, Max, Min, OuterRef, Subquery
from django.db.models.functions import Coalesce, TruncMinute

OUTCOMES = ("accepted", "refused", "deferred", "unknown")


def fill(apps, schema_editor):
    Attempt = apps.get_model("mailings", "Attempt")
    Delivery = apps.get_model("mailings", "Delivery")
    of_delivery = Delivery.objects.filter(pk=OuterRef("delivery_id"))
    Attempt.objects.filter(run=None).update(run_id=Subquery(of_delivery.values("run_id")[:1]))
    for run_id in apps.get_model("mailings", "Run").objects.values_list("pk", flat=True):
        _fill_run(apps, run_id)


def _fill_run(apps, run_id):
    attempts = apps.get_model("mailings", "Attempt").objects.filter(run=run_id).order_by()
    PeriodCount = apps.get_model("mailings", "PeriodCount")
    ReplyCount = apps.get_model("mailings", "ReplyCount")
    EndCount = apps.get_model("mailings", "EndCount")
    periods = defaultdict(Counter)
    by_minute = attempts.annotate(minute=TruncMinute("started_at", tzinfo=UTC))
    for minute, outcome, n in by_minute.values_list("minute", "outcome").annotate(n=Count("pk")):
        periods[minute.replace(minute=minute.minute // 15 * 15)][outcome] += n
    PeriodCount.objects.bulk_create(
        PeriodCount(run_id=run_id, period=period, **{name: counts[name] for name in OUTCOMES})
        for period, counts in periods.items()
    )
    replies = attempts.annotate(reply_code=Coalesce("code", 0)).values_list(
        "outcome", "phase", "reply_code", "enhanced_code"
    )
    ReplyCount.objects.bulk_create(
        ReplyCount(
            run_id=run_id, outcome=outcome, phase=phase, code=code,
            enhanced_code=enhanced_code, attempts=n, first_at=first, last_at=last,
        )
        for outcome, phase, code, enhanced_code, n, first, last in replies.annotate(
            n=Count("pk"), first=Min("started_at"), last=Max("started_at")
        )
    )
    ended = apps.get_model("mailings", "Delivery").objects.filter(run=run_id).exclude(reason="")
    EndCount.objects.bulk_create(
        EndCount(run_id=run_id, state=state, reason=reason, deliveries=n)
        for state, reason, n in ended.order_by().values_list("state", "reason").annotate(n=Count("pk"))
    )


class Migration(migrations.Migration):

    dependencies = [
        ("mailings", "0004_statistics"),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
