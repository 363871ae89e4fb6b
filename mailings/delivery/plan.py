"""
From a mailing that is due to a run with its deliveries.

The run takes its own copy of the message; recipients are copied by the database
itself, in steps that can be taken up again after a crash (the last id is kept in the
same transaction), so that a million of them needs no memory here.
"""

from datetime import datetime
from functools import partial

from django.db import connection, transaction
from django.db.models import Count, Max

from mailings.delivery.statistics import count_ends
from mailings.models import Attachment, Delivery, Mailing, Message, Run, Suppression
from mailsvc import cache
from users.models import User

# Recipients. The first step is small, so that sending begins at once; and no other one
# lasts so long that what is claimed runs out, or that another pump waits for the books.
FIRST_STEP = 200
STEP = 2_000


@transaction.atomic
def begin_due_run(mailing: Mailing, now: datetime) -> Run | None:
    """
    Begins the run that the mailing's schedule asks for, if there is one.

    Of several missed occurrences the newest is made up for, if it is young enough;
    the others are put down as missed. Never more than one run at a time.
    """
    mailing = _locked(mailing)
    if not mailing.is_live or not mailing.is_window_open(now):
        return None
    last = mailing.last_occurrence_with_run()
    missed = _occurrences_due(mailing, last, now)
    if not missed:
        return None
    *older, newest = missed
    made_up = _may_be_made_up(mailing, newest, now, has_run=last is not None)
    for occurrence in older if made_up else missed:
        # Occurrences from before the mailing was made were never promised.
        if occurrence >= mailing.created_at:
            _put_down_as_missed(mailing, occurrence, now)
    return begin_run(mailing, newest, now) if made_up else None


def due_after(
    last: datetime | None, mailing: Mailing, now: datetime
) -> datetime | None:
    """
    The occurrence for which `begin_due_run` would begin a run now, if any; `last` is
    the newest one that has a run. No query.
    """
    if not mailing.is_live or not mailing.is_window_open(now):
        return None
    missed = _occurrences_due(mailing, last, now)
    has_run = last is not None
    if not missed or not _may_be_made_up(mailing, missed[-1], now, has_run=has_run):
        return None
    return missed[-1]


def _locked(mailing: Mailing) -> Mailing:
    """The mailing as it is now; nobody else begins a run of it meanwhile."""
    return (
        Mailing.objects.select_for_update(of=("self",))
        .select_related("owner")
        .get(pk=mailing.pk)
    )


def _occurrences_due(
    mailing: Mailing, last: datetime | None, now: datetime
) -> list[datetime]:
    """Those due by now that have no run yet, nor has any later one."""
    found = []
    due = mailing.next_after(last)
    while due is not None and due <= now:
        found.append(due)
        due = mailing.next_after(due)
    return found


def _may_be_made_up(
    mailing: Mailing, occurrence: datetime, now: datetime, *, has_run: bool
) -> bool:
    # A new mailing inside its window begins at once, however old its occurrence is.
    if occurrence < mailing.created_at and not has_run:
        return True
    return now - occurrence <= mailing.catch_up_limit


def put_down_missed(mailing: Mailing, now: datetime) -> None:
    """
    The window is over: what it still wanted was missed. The mailing must be locked.
    """
    last = mailing.last_occurrence_with_run()
    for occurrence in _occurrences_due(mailing, last, now):
        if occurrence >= mailing.created_at:
            _put_down_as_missed(mailing, occurrence, now)


def _put_down_as_missed(mailing: Mailing, occurrence: datetime, now: datetime) -> None:
    Run.objects.create(
        mailing=mailing,
        scheduled_for=occurrence,
        closes_at=now,
        state=Run.State.MISSED,
        finished_at=now,
        subject=mailing.message.subject if mailing.message else "",
    )


def begin_run(mailing: Mailing, scheduled_for: datetime, now: datetime) -> Run:
    """
    A run with its own copy of the message; `expand` selects the recipients.

    The mailing must be locked by the caller's transaction.
    """
    message, owner = mailing.message, mailing.owner
    assert message is not None  # noqa: S101 - a constraint: only a deleted one has none
    run = Run.objects.create(
        mailing=mailing,
        scheduled_for=scheduled_for,
        closes_at=closing_time(mailing, scheduled_for),
        started_at=now,
        **snapshot(message, owner),
    )
    _copy_attachments(message, run)
    Mailing.objects.filter(pk=mailing.pk).update(status=Mailing.Status.RUNNING)
    transaction.on_commit(partial(cache.changed, mailing.owner_id), robust=True)
    return run


def _copy_attachments(message: Message, run: Run) -> None:
    """Files never change: the copy is a row that keeps the file from being removed."""
    copied = Attachment.runs.through
    files = message.attachments.select_for_update().values_list("pk", flat=True)
    copied.objects.bulk_create(
        [copied(run_id=run.pk, attachment_id=key) for key in files]
    )


def snapshot(message: Message, owner: User) -> dict[str, str]:
    """What a run copies, so that whoever edits it later changes nothing sent."""
    return {
        "subject": message.subject,
        "body": message.body,
        "body_html": message.body_html,
        "sender_name": owner.full_name,
        "sender_email": owner.email,
    }


def closing_time(mailing: Mailing, scheduled_for: datetime) -> datetime:
    """Retries end with the window, or when the next run begins."""
    return mailing.next_occurrence(scheduled_for) or mailing.end_at


@transaction.atomic
def expand(run_id: int, now: datetime) -> bool:
    """
    Selects the next recipients of a run that is being planned.

    True if there may be more. Two at the same time do no harm: one passes by.
    """
    run = (
        Run.objects.select_for_update(of=("self",), skip_locked=True)
        .filter(pk=run_id, state=Run.State.PLANNING)
        .select_related("mailing")
        .first()
    )
    if run is None:
        return False
    step = STEP if run.planned else FIRST_STEP
    added = _insert_deliveries(run, step, now)
    ends = _suppressed_among_new(run)
    run.planned += added
    run.suppressed += sum(ends.values())
    run.pending += added - sum(ends.values())
    fields = ["planned", "pending", "suppressed"]
    if added:
        last = run.deliveries.aggregate(last=Max("client_id"))["last"]
        run.planned_through = last
        fields.append("planned_through")
    if added < step:
        run.state = Run.State.SENDING
        fields.append("state")
    run.save(update_fields=fields)
    count_ends(ends)
    return added == step


def _insert_deliveries(run: Run, step: int, now: datetime) -> int:
    clients = (
        run.mailing.recipients()
        .filter(pk__gt=run.planned_through)
        .order_by("pk")
        .values_list("pk", "email", "full_name")[:step]
    )
    select, parameters = clients.query.sql_with_params()
    quoted = connection.ops.quote_name
    with connection.cursor() as cursor:
        cursor.execute(
            # Identifiers are ours; every value is a parameter. The join comes after the
            # limit: inside, it would be made for all clients that are left.
            f"INSERT INTO {quoted(Delivery._meta.db_table)} (run_id, client_id, email,"  # noqa: S608
            " full_name, state, reason, attempt_count, due_at)"
            f" WITH c (id, email, full_name) AS ({select})"
            " SELECT %s, c.id, c.email, c.full_name,"
            " CASE WHEN s.kind IS NULL THEN 'pending' ELSE 'suppressed' END,"
            " COALESCE(s.kind, ''), 0, %s FROM c"
            f" LEFT JOIN {quoted(Suppression._meta.db_table)} AS s"
            " ON s.owner_id = %s AND s.email = LOWER(c.email)"
            " ORDER BY c.id",  # a join may come in any order
            [
                *parameters,
                run.pk,
                connection.ops.adapt_datetimefield_value(now),
                run.mailing.owner_id,
            ],
        )
        return int(cursor.rowcount)


def _suppressed_among_new(run: Run) -> dict[tuple[int, str, str], int]:
    """What the last step has planned for nobody, by run, state and reason."""
    suppressed = run.deliveries.filter(
        client_id__gt=run.planned_through, state=Delivery.State.SUPPRESSED
    )
    rows = suppressed.order_by().values_list("run_id", "state", "reason")
    return {row[:3]: row[3] for row in rows.annotate(n=Count("pk"))}
