"""
Undoing an import: what it made goes, what it changed is as it was; but nothing that
somebody has worked with since.
"""

from collections import Counter
from typing import Any

from django.db.models import Exists, OuterRef

from mailings.models import (
    Client,
    ClientList,
    Delivery,
    Import,
    ImportChange,
    Mailing,
)
from users import audit
from users.models import AuditEntry

CHUNK = 1000

# Why a client stays as the import left it; the pages have the words.
GONE = "gone"
TOUCHED = "touched"
MAILED = "mailed"
USED = "used"


def undo(job: Import, changes: list[ImportChange]) -> tuple[int, dict[str, int]]:
    """
    Undoes these changes and forgets them. Returns how many clients are as before, and
    how many are not: why -> count. To be called in a transaction.
    """
    left: Counter[str] = Counter()
    clients = _clients(job, changes)
    undone, to_restore = [], []
    for change in changes:
        client = clients.get(change.client_id or 0)
        if client is None or (reason := _objection(change, client)):
            left[GONE if client is None else reason] += 1
            continue
        undone.append(change)
        if change.is_change:
            client.full_name, client.comment = change.old_full_name, change.old_comment
            to_restore.append(client)
    off_the_list = [each.client_id for each in undone if each.is_listed]
    ClientList.clients.through.objects.filter(
        clientlist=job.client_list_id, client__in=off_the_list
    ).delete()
    made = [each.client_id for each in undone if each.is_new and each.client_id]
    Client.objects.filter(pk__in=made).delete()
    Client.objects.bulk_create(
        to_restore,
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["full_name", "comment"],
    )
    ImportChange.objects.filter(pk__in=[change.pk for change in changes]).delete()
    return len(undone), dict(left)


def put_on_record(job: Import) -> None:
    counts = f"undone {job.undone}, left {sum(job.left.values())}"
    audit.record(
        AuditEntry.Action.IMPORT_UNDONE,
        by=job.owner,
        reason=f"{job.file_name}: {counts}",
    )


def _objection(change: ImportChange, client: Any) -> str:
    if not change.is_new:
        is_touched = change.is_change and not change.is_untouched(client)
        return TOUCHED if is_touched else ""
    if client.is_mailed:
        return MAILED
    if not change.is_untouched(client):
        return TOUCHED
    return USED if client.is_used else ""


def _clients(job: Import, changes: list[ImportChange]) -> dict[int, Client]:
    """Locked, each with what has become of it: `is_mailed`, `is_used`."""
    keys = [change.client_id for change in changes if change.client_id]
    listed = ClientList.clients.through.objects.filter(client=OuterRef("pk"))
    chosen = Mailing.clients.through.objects.filter(client=OuterRef("pk"))
    other_lists = listed.exclude(clientlist=job.client_list_id)
    rows = (
        Client.objects.owned_by(job.owner)
        .filter(pk__in=keys)
        .annotate(
            is_mailed=Exists(Delivery.objects.filter(client=OuterRef("pk"))),
            is_used=Exists(other_lists) | Exists(chosen),
        )
        .select_for_update(of=("self",))
        .order_by("pk")
    )
    return {client.pk: client for client in rows}
