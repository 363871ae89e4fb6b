"""Objects for tests, whole and allowed by the database; what matters is passed in."""

import uuid
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from django.utils import timezone
from model_bakery import baker

from mailings import imports, tokens
from mailings.delivery import rebuild_statistics
from mailings.models import (
    Attachment,
    Attempt,
    Client,
    ClientList,
    Delivery,
    Import,
    Lease,
    Mailing,
    Message,
    Run,
    Suppression,
)
from users.models import User

_numbers = count(1)

# What the server said, for each outcome that an attempt can have.
_REPLIES: dict[str, dict[str, Any]] = {
    "accepted": {"phase": "dot", "code": 250, "reply": "2.0.0 Ok: queued"},
    "refused": {"phase": "rcpt", "code": 550, "reply": "5.1.1 No such user"},
    "deferred": {"phase": "rcpt", "code": 451, "reply": "4.7.1 Greylisted"},
    "unknown": {"phase": "dot", "code": None, "reply": "No answer in time."},
}


def client(owner: User, **values: Any) -> Client:
    number = next(_numbers)
    values = {
        "email": f"client{number}@example.com",
        "full_name": f"Клиент {number}",
    } | values
    return baker.make(Client, owner=owner, **values)


def clients(owner: User, quantity: int, **values: Any) -> list[Client]:
    return [client(owner, **values) for _ in range(quantity)]


def client_list(owner: User, *members: Client, **values: Any) -> ClientList:
    values = {"name": f"List {next(_numbers)}"} | values
    made: ClientList = baker.make(ClientList, owner=owner, **values)
    made.clients.set(members)
    return made


def message(owner: User, **values: Any) -> Message:
    values = {
        "subject": f"News {next(_numbers)} for {{{{ full_name }}}}",
        "body": "Dear {{ full_name }},\n\nthis is the news.\n",
    } | values
    return baker.make(Message, owner=owner, **values)


def attachment(message: Message, **values: Any) -> Attachment:
    content: bytes = values.setdefault("content", b"%PDF-1.7 the plan")
    values = {
        "name": "plan.pdf",
        "content_type": "application/pdf",
        "size": len(content),
    } | values
    return Attachment.objects.create(message=message, **values)


def mailing(
    owner: User,
    *,
    clients: list[Client] | None = None,
    lists: list[ClientList] | None = None,
    **values: Any,
) -> Mailing:
    """Inside its window: begun a minute ago, ends tomorrow; once; to nobody yet."""
    now = timezone.now().replace(microsecond=0)
    values = {
        "start_at": now - timedelta(minutes=1),
        "end_at": now + timedelta(days=1),
        "timezone": owner.timezone,
    } | values
    if "message" not in values:
        values["message"] = message(owner)
    made: Mailing = baker.make(Mailing, owner=owner, **values)
    made.clients.set(clients or [])
    made.lists.set(lists or [])
    return made


def lease(**values: Any) -> Lease:
    """Of a pump that is alive."""
    now = timezone.now()
    values = {
        "host": "worker.example.com",
        "boot_id": "00000000-0000-4000-8000-000000000000",
        "pid": 4711,
        "journal": f"{next(_numbers)}.journal",
        "started_at": now,
        "expires_at": now + timedelta(minutes=1),
    } | values
    return baker.make(Lease, **values)


def run(
    mailing: Mailing, *, values: dict[str, Any] | None = None, **states: int
) -> Run:
    """
    A run with so many deliveries in each state, each to a client of its own, with
    the attempts that led there, and books that balance:

        recipes.run(mailing, accepted=3, refused=1)
    """
    is_open = any(states.get(name) for name in ("pending", "sending", "deferred"))
    attempts = sum(number for state, number in states.items() if state in _REPLIES)
    now = timezone.now()
    made: Run = baker.make(
        Run,
        mailing=mailing,
        **{
            "scheduled_for": mailing.start_at,
            "closes_at": mailing.end_at,
            "state": Run.State.SENDING if is_open else Run.State.FINISHED,
            "started_at": now,
            "finished_at": None if is_open else now,
            "subject": mailing.message.subject if mailing.message else "",
            "body": mailing.message.body if mailing.message else "",
            "planned": sum(states.values()),
            "attempts": attempts,
        }
        | states
        | (values or {}),
    )
    for state, number in states.items():
        for _ in range(number):
            delivery(made, state)
    rebuild_statistics([made.pk])
    return made


def delivery(run: Run, state: str = "pending", **values: Any) -> Delivery:
    """A delivery and its attempt. The run's books are left alone: `run` keeps them."""
    to = values.pop("client", None) or client(run.mailing.owner)
    values = {
        "email": to.email,
        "full_name": to.full_name,
        "due_at": run.scheduled_for,
        "lease": lease() if state == "sending" else None,
        "attempt_count": int(state in _REPLIES),
    } | values
    made: Delivery = baker.make(Delivery, run=run, client=to, state=state, **values)
    if state in _REPLIES:
        attempt(made, outcome=state)
    return made


def attempt(delivery: Delivery, *, outcome: str = "accepted", **values: Any) -> Attempt:
    values = {
        "number": delivery.attempts.count() + 1,
        "started_at": timezone.now(),
        "duration_ms": 12,
        **_REPLIES[outcome],
    } | values
    return baker.make(
        Attempt, delivery=delivery, run=delivery.run, outcome=outcome, **values
    )


def suppression(owner: User, **values: Any) -> Suppression:
    """Of an address that a server has refused."""
    values = {
        "email": f"gone{next(_numbers)}@example.com",
        "kind": Suppression.Kind.ADDRESS_REFUSED,
        "words": "550 5.1.1 No such user",
        "mailing": "News",
    } | values
    return Suppression.objects.create(owner=owner, **values)


def uploaded(
    owner: User, content: str = "email,name\na@example.com,Anna\nbad,B\n"
) -> Import:
    """A file that was uploaded and, if it is small, checked."""
    return imports.upload(content.encode(), "clients.csv", by=owner, key=uuid.uuid4())


def unsubscribe_token(delivery: Delivery) -> str:
    """What stands in the link of the letter."""
    return tokens.token(delivery.run.unsubscribe_key, delivery.pk)


def moment(text: str) -> datetime:
    """An instant in UTC: moment("2026-03-29 09:00")."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
