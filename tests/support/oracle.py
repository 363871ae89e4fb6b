"""
The judge: what a mail server took, by its own account, against what the database says.

    assert wrongs(taken_by(server)) == []

To be asked when nothing is being sent. It trusts neither side's figures: each message
is told by its Message-ID, which belongs to one delivery for ever.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from mailings.models import Attempt, Delivery, Lease, Run
from mailings.models.run import STATES
from reports.recount import drifts
from tests.support.smtp_server import SmtpProcess, SmtpServer

_MESSAGE_ID = re.compile(rb"^Message-ID: (\S+)\r$", re.MULTILINE)
_DELIVERY = re.compile(r"<d(\d+)\.([0-9a-f]+)@")


class Taken(NamedTuple):
    """One message that the server took responsibility for."""

    recipient: str
    message_id: str


def taken_by(server: SmtpServer | SmtpProcess) -> list[Taken]:
    if isinstance(server, SmtpProcess):
        return [Taken(*each) for each in server.taken()]
    found = []
    for mail in server.received:
        match = _MESSAGE_ID.search(mail.data.partition(b"\r\n\r\n")[0] + b"\r\n")
        assert match is not None, "a message without Message-ID"
        found.append(Taken(mail.recipient, match[1].decode()))
    return found


def wrongs(
    taken: Collection[Taken], *, resends: Mapping[str, int] | None = None
) -> list[str]:
    """
    What is not as promised, in words. `resends`: recipient -> how many more copies
    somebody, or the mailing's own policy, has asked for.
    """
    return [
        *_wrong_books(),
        *_wrong_rows(),
        *_wrong_copies(taken, resends or {}),
        *_wrong_states(taken),
    ]


def _wrong_books() -> Iterator[str]:
    for run in Run.objects.all():
        if run.planned != sum(getattr(run, state) for state in STATES):
            yield f"{run}: the books do not balance"
    yield from map(str, drifts())


def _wrong_rows() -> Iterator[str]:
    for run in Run.objects.all():
        rows = Counter(run.deliveries.values_list("email", flat=True))
        yield from (f"{run}: {n} rows for {who}" for who, n in rows.items() if n > 1)
    for one in Delivery.objects.filter(state="sending"):
        yield f"{one} is still being sent"
    for lease in Lease.objects.all():
        yield f"{lease} is left over"


def _wrong_copies(
    taken: Collection[Taken], resends: Mapping[str, int]
) -> Iterator[str]:
    for (recipient, message_id), copies in Counter(taken).items():
        if copies > 1 + resends.get(recipient, 0):
            yield f"{recipient} has {copies} copies of {message_id}"


def _wrong_states(taken: Collection[Taken]) -> Iterator[str]:
    outcomes: dict[int, Counter[str]] = {}
    for delivery_id, outcome in Attempt.objects.values_list("delivery", "outcome"):
        outcomes.setdefault(delivery_id, Counter())[outcome] += 1
    taken_ids = {_delivery_of(each): each for each in taken}
    deliveries = Delivery.objects.select_related("run").in_bulk()
    for delivery_id, each in taken_ids.items():
        if delivery_id not in deliveries:
            yield f"{each} belongs to no delivery"
    for pk, one in deliveries.items():
        tries = outcomes.get(pk, Counter())
        if one.state == "accepted" and pk not in taken_ids:
            yield f"{one} is accepted, and the server never took it"
        if pk in taken_ids and one.state != "accepted" and not tries["unknown"]:
            yield f"{one} is {one.state}, and the server took it"
        if (one.state == "accepted") != (tries["accepted"] == 1):
            yield f"{one} is {one.state} after {dict(tries)}"
        if one.state in ("unknown", "refused") and not tries[one.state]:
            yield f"{one} is {one.state} without an attempt that says so"
        if pk in taken_ids and taken_ids[pk].recipient != one.email:
            yield f"{taken_ids[pk]} went to somebody else than {one}"


def _delivery_of(taken: Taken) -> int:
    match = _DELIVERY.match(taken.message_id)
    assert match is not None, f"not a Message-ID of ours: {taken.message_id}"
    return int(match[1])
