"""
How the installation does, in one query: does the worker work, does the mail server
take mail, is sending held? Every page shows it, and health and metrics tell it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any, NamedTuple

from django.db.models import F, Value

from mailings.delivery.identity import PATIENCE
from mailings.delivery.server import configured_server
from mailings.models import Canary, Circuit, Host, Installation
from mailsvc.statements import Parameter, Statement

# The canary sings each minute.
ALIVE_WITHIN = timedelta(seconds=150)


class Sign(NamedTuple):
    since: datetime
    words: str  # the server's, or the name of a host


@dataclass(frozen=True)
class Condition:
    at: datetime
    server: str  # the mail server's name
    worker: Sign | None = None  # its last sign of life
    host: Sign | None = None  # worker or cron, whichever took work or looked for some
    circuit: Sign | None = None  # the mail server takes no mail, and says this
    older: Sign | None = None  # sending is held: an old backup
    elsewhere: Sign | None = None  # sending is held: moved, or copied

    @property
    def is_worker_alive(self) -> bool:
        """Tasks are run and their results taken in."""
        return self.worker is not None and self.at - self.worker.since <= ALIVE_WITHIN

    @property
    def is_worker_missed(self) -> bool:
        """It is gone, or was never there; where cron does the work, none is missed."""
        return not self.is_worker_alive and bool(self.worker or not self.host)

    @property
    def held(self) -> Sign | None:
        return self.older or self.elsewhere

    @property
    def is_well(self) -> bool:
        return not (self.is_worker_missed or self.circuit or self.held)


def _as_signs(rows: Any, kind: str, since: F, words: F | Value) -> Any:
    named = rows.order_by().annotate(sign=Value(kind), since=since, words=words)
    return named.values_list("sign", "since", "words")


_signs = Statement(
    lambda: _as_signs(
        Canary.objects.filter(acknowledged_at__isnull=False),
        "worker",
        F("acknowledged_at"),
        Value(""),
    ).union(
        _as_signs(
            Circuit.objects.filter(
                server=Parameter("server"), state=Circuit.State.OPEN
            ),
            "circuit",
            F("opened_at"),
            F("reason"),
        ),
        _as_signs(
            Host.objects.filter(beat_at__gt=Parameter("beat_after")),
            "host",
            F("beat_at"),
            F("name"),
        ),
        _as_signs(
            Installation.objects.filter(held_at__isnull=False),
            "older",
            F("held_at"),
            F("held_by_host"),
        ),
        _as_signs(
            Host.objects.left_waiting(Parameter("beat_after")),
            "elsewhere",
            F("arrived_at"),
            F("name"),
        ),
        all=True,
    )
)


def condition(now: datetime) -> Condition:
    server = str(configured_server())
    signs = _signs.rows(server=server, beat_after=now - PATIENCE)
    signs.sort(key=itemgetter(1))  # of several hosts the latest is told
    return Condition(now, server, **{kind: Sign(*sign) for kind, *sign in signs})
