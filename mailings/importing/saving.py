"""Rows into clients: compared with what the owner has, saved in chunks."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, BinaryIO

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.db.models.functions import Lower
from django.utils import timezone

from mailings.importing.reading import Row, read_rows
from mailings.importing.verdicts import Candidate, judged
from mailings.models import Client, ClientList, Import
from mailings.models.client import ClientQuerySet
from mailsvc.many import insert
from mailsvc.validators import one_line
from users import audit
from users.models import AuditEntry, User

CHUNK = 1000  # rows a transaction
_NAME_SHOWN = 200  # characters
_TRIES = 3  # if somebody else saves the same address at the same moment


@dataclass(frozen=True, slots=True)
class RowError:
    row: int
    reason: str


@dataclass
class ImportReport:
    """What became of the rows. With a dry run: what would become of them."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    errors: list[RowError] = field(default_factory=list)
    keep_errors: bool = True  # else they are only counted

    def reject(self, row: Row, reason: str) -> None:
        self.rejected += 1
        if self.keep_errors:
            self.errors.append(RowError(row.number, reason))

    @property
    def rows(self) -> int:
        return self.created + self.updated + self.unchanged + self.rejected

    def as_dict(self) -> dict[str, Any]:
        return {
            "created": self.created,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "rejected": self.rejected,
            "errors": [{"row": e.row, "reason": e.reason} for e in self.errors],
        }


def put_on_record(report: "ImportReport | Import", file_name: str, *, by: User) -> None:
    """On the audit log: from which file, and how many."""
    counts = (
        f"created {report.created}, updated {report.updated}, "
        f"unchanged {report.unchanged}, rejected {report.rejected}"
    )
    name = one_line(file_name)[:_NAME_SHOWN]
    audit.record(AuditEntry.Action.IMPORTED, by=by, reason=f"{name}: {counts}")


def import_clients(
    owner: User,
    file: BinaryIO,
    *,
    list_name: str | None = None,
    dry_run: bool = False,
    after_chunk: Callable[[ImportReport], None] = lambda report: None,
) -> ImportReport:
    """
    Makes clients of the rows of `file`, or changes those that the owner has.

    A client is known by the address, ignoring case. What the file leaves empty does
    not erase what is there. All good rows go to the list called `list_name`, which
    is made if need be. Each chunk is saved as a whole; a bad row stops nothing.

    Raises UnreadableFile, or ValidationError if the list can't have that name.
    """
    client_list = find_list(owner, list_name) if list_name is not None else None
    report = ImportReport()
    candidates = judged(read_rows(file), report.reject)
    steps = (
        compared(candidates, owner)
        if dry_run
        else saved(candidates, owner, client_list)
    )
    for plan in steps:
        report.created += len(plan.new)
        report.updated += len(plan.changed)
        report.unchanged += len(plan.same)
        after_chunk(report)
    return report


def compared(candidates: Iterator[Candidate], owner: User) -> Iterator["Plan"]:
    """What would be done with each chunk."""
    while chunk := list(islice(candidates, CHUNK)):
        yield _compare(chunk, _matching(chunk, owner))


def saved(
    candidates: Iterator[Candidate],
    owner: User,
    client_list: ClientList | None,
    beside: "Beside | None" = None,
) -> Iterator["Plan"]:
    """What was done with each chunk, each in a transaction of its own."""
    while chunk := list(islice(candidates, CHUNK)):
        if client_list is not None:
            client_list = with_key(client_list)
        yield _save(chunk, owner, client_list, beside or Beside())


def find_list(owner: User, name: str) -> ClientList:
    """The owner's list of this name, or a valid one that is not saved yet."""
    wanted = ClientList(owner=owner, name=name.strip())
    wanted.clean_fields(exclude=["owner"])
    own = ClientList.objects.owned_by(owner)
    return own.filter(name__iexact=wanted.name).first() or wanted


@dataclass
class Plan:
    """
    A chunk, told apart. `changed` and `same` are rows of the database; `before` has
    name and comment that a changed one had, `joined` the keys of those that were put on
    the list, `last` the number of the last row.
    """

    last: int
    new: list[Client] = field(default_factory=list)
    changed: list[Client] = field(default_factory=list)
    same: list[Client] = field(default_factory=list)
    before: dict[int, tuple[str, str]] = field(default_factory=dict)
    joined: set[int] = field(default_factory=set)

    @property
    def clients(self) -> list[Client]:
        return [*self.new, *self.changed, *self.same]


class Beside:
    """What else is done in the transaction of a chunk: here, nothing."""

    def begun(self) -> None:
        """Before anything is looked at."""

    def done(self, plan: Plan) -> None:
        """After all is saved; what is raised here undoes it."""


def with_key(client_list: ClientList) -> ClientList:
    """The list with a key; somebody may have made it since we looked."""
    if client_list.pk is None:
        client_list, _created = ClientList.objects.get_or_create(
            owner=client_list.owner,
            name__iexact=client_list.name,
            defaults={"name": client_list.name},
        )
    return client_list


def _save(
    chunk: list[Candidate],
    owner: User,
    client_list: ClientList | None,
    beside: Beside,
) -> Plan:
    for _try in range(_TRIES - 1):
        try:
            return _save_once(chunk, owner, client_list, beside)
        except IntegrityError:  # somebody was faster: compare again
            continue
    return _save_once(chunk, owner, client_list, beside)


@transaction.atomic
def _save_once(
    chunk: list[Candidate],
    owner: User,
    client_list: ClientList | None,
    beside: Beside,
) -> Plan:
    beside.begun()
    # Locked, so that the upsert below can't bring a deleted client back.
    plan = _compare(chunk, _matching(chunk, owner).select_for_update())
    _create(plan.new, owner)
    # An upsert by key writes a chunk in few statements, where bulk_update would send
    # two thousand CASE branches.
    Client.objects.bulk_create(
        plan.changed,
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["full_name", "comment"],
    )
    if client_list is not None:
        plan.joined = _add_to_list(client_list, plan.clients)
    beside.done(plan)
    return plan


def _create(clients: list[Client], owner: User) -> None:
    """Saves new ones; their keys are read afterwards: quicker than by `bulk_create`."""
    now = timezone.now()
    last = Client.objects.aggregate(pk=Max("pk"))["pk"] or 0
    insert(
        Client,
        ("owner_id", "email", "full_name", "comment", "created_at"),
        [(owner.pk, each.email, each.full_name, each.comment, now) for each in clients],
    )
    created = Client.objects.owned_by(owner).filter(pk__gt=last)
    keys = dict(created.values_list("email", "pk"))
    for client in clients:
        client.pk = keys[client.email]


def _matching(chunk: list[Candidate], owner: User) -> ClientQuerySet:
    """The owner's clients with the addresses of this chunk, ignoring case."""
    return (
        Client.objects.owned_by(owner)
        .alias(address=Lower("email"))
        .filter(address__in=[candidate.email.lower() for candidate in chunk])
        .order_by("pk")  # two imports at once lock in the same order
    )


def _compare(chunk: list[Candidate], matching: ClientQuerySet) -> Plan:
    known = {client.email.lower(): client for client in matching}
    plan = Plan(last=chunk[-1].number)
    for candidate in chunk:
        client = known.get(candidate.email.lower())
        if client is None:
            plan.new.append(_newcomer(candidate))
        elif (before := _take_over(candidate, client)) is not None:
            plan.changed.append(client)
            plan.before[client.pk] = before
        else:
            plan.same.append(client)
    return plan


def _newcomer(candidate: Candidate) -> Client:
    # Many files hold addresses only, and a client needs a name to be greeted by.
    # (The whole address may be longer than a name.)
    name = candidate.full_name or candidate.email.split("@")[0]
    return Client(email=candidate.email, full_name=name, comment=candidate.comment)


def _take_over(candidate: Candidate, client: Client) -> tuple[str, str] | None:
    """Puts what the file says into the client; what it was, if that changes it."""
    before = (client.full_name, client.comment)
    client.full_name = candidate.full_name or client.full_name
    client.comment = candidate.comment or client.comment
    return before if (client.full_name, client.comment) != before else None


def _add_to_list(client_list: ClientList, clients: list[Client]) -> set[int]:
    """The keys of those who were not on it yet."""
    membership = ClientList.clients.through
    keys = {client.pk for client in clients}
    on_it = membership.objects.filter(clientlist=client_list, client__in=keys)
    joined = keys - set(on_it.values_list("client_id", flat=True))
    membership.objects.bulk_create(
        [
            membership(clientlist_id=client_list.pk, client_id=key)
            for key in sorted(joined)
        ],
        ignore_conflicts=True,
    )
    return joined
