"""
Is this the database that this host has worked with, and as it left it?

A copy that wakes up elsewhere, or a backup that does not know what was sent since,
would send things twice. So each host (a `VAR_DIR`) keeps a file: which installation,
which host, and how often it has taken work. The database counts the same beats, in the
transaction that takes the work. docs/decisions.md has the rules and their reasons.
"""

import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import F, Max, Sum
from django.utils.translation import gettext as _

from mailings.delivery import identity_file, journal, schema
from mailings.delivery.identity_file import Identity
from mailings.models import Host, Installation
from mailings.models.installation import new_key
from mailsvc.statements import Change, Parameter, Statement

logger = logging.getLogger(__name__)

# Hosts that are up beat each minute: so long a newcomer is nothing to speak of.
PATIENCE = timedelta(seconds=150)


class NotOurs(Exception):
    """This host may not work on this database; `objection` says why."""


@dataclass(frozen=True)
class Hold:
    """Why nothing is sent, as far as the database can tell."""

    since: datetime
    host: str  # that found it out, or waits
    is_older: bool  # else: wakes up elsewhere
    last_beat: datetime | None  # of the hosts that are known

    @property
    def words(self) -> str:
        if self.is_older:
            return _(
                "The database is older than what was sent with it: a backup was "
                "restored. Nothing is sent until a manager has confirmed that."
            )
        return _(
            "The database was worked on by another host so far: it was moved or "
            "copied. Nothing is sent from here until a manager has confirmed that, or "
            "the other host is seen at work."
        )


def objection(now: datetime) -> str:
    """
    Why this host may not work on this database, in words; "" if it may.

    Worker and commands ask before they plan or send; not within a transaction, which
    could take back what is found out. Pages ask `hold`.
    """
    if another_version := schema.mismatch():
        return another_version
    try:
        if may_work(now):
            return ""
    except OSError as error:
        return _("The identity of this host can't be kept: %(why)s") % {"why": error}
    found = hold(now, patience=timedelta(0))
    # None: it was confirmed, or another host beat, this very moment.
    return found.words if found else _("This host is about to be admitted.")


def may_work(now: datetime) -> bool:
    """The same in the transaction that takes work: it counts that, and is counted."""
    return _beat(now) or _is_admitted(now)


def _beat(now: datetime) -> bool:
    """Counts that this host takes work; false if it may not, as far as is known."""
    keys = _key_unless_held().rows()
    own = identity_file.read(_path_of(keys[0][0])) if keys else None
    if own is None:
        return False
    if not _one_beat().run(host=own.host, beats=own.beats, now=now):
        return False
    beats = _beats_of_host().rows(host=own.host)[0][0]
    # Never before: a file that knows more than the database tells of a lost past.
    transaction.on_commit(
        lambda: identity_file.keep(
            _path_of(own.installation), replace(own, beats=beats)
        )
    )
    return True


@cache
def _key_unless_held() -> Statement:
    return Statement(
        lambda: Installation.objects.filter(held_at=None).values_list("key")
    )


@cache
def _one_beat() -> Change:
    as_it_was = Host.objects.filter(
        key=Parameter("host"), admitted_at__isnull=False, beats__gte=Parameter("beats")
    )
    return Change(lambda: as_it_was, beats=F("beats") + 1, beat_at=Parameter("now"))


@cache
def _beats_of_host() -> Statement:
    return Statement(
        lambda: Host.objects.filter(key=Parameter("host")).values_list("beats")
    )


def hold(now: datetime, *, patience: timedelta = PATIENCE) -> Hold | None:
    """
    Why nothing is sent; None if all is well. Reads only.

    A newcomer is a reason when no other host was at work for as long as `patience`.
    """
    installation = Installation.objects.first()
    if installation is None:
        return None
    last_beat = installation.hosts.aggregate(last=Max("beat_at"))["last"]
    if installation.held_at is not None:
        by = installation.held_by_host
        return Hold(installation.held_at, by, is_older=True, last_beat=last_beat)
    waiting = installation.hosts.left_waiting(now - patience).first()
    if waiting is None:
        return None
    at = waiting.arrived_at
    return Hold(at, waiting.name, is_older=False, last_beat=last_beat)


@transaction.atomic
def confirm() -> None:
    """
    Lets it go on from here. A copy becomes an installation of its own by that; the
    first host to come takes it, others are admitted when they see that one at work.
    """
    Host.objects.all().delete()
    Installation.objects.update(key=new_key(), held_at=None, held_by_host="")


@transaction.atomic
def _is_admitted(now: datetime) -> bool:
    """The closer look: takes a new installation, admits newcomers, finds old copies."""
    Installation.objects.get_or_create(pk=1)
    installation = Installation.objects.select_for_update().get()
    if installation.held_at is not None:
        return False
    own = identity_file.read(_path_of(installation.key))
    mine = Host.objects.filter(key=own.host).first() if own else None
    if own and own.beats > (mine.beats if mine else 0):
        _hold(installation, own, now)
        return False
    if mine is None:
        mine = _arrival(installation, own, now)
    if mine.admitted_at is None:
        is_first = not installation.hosts.admitted().exists()
        if not is_first and _beats_of(installation) <= mine.beats_at_arrival:
            return False
        Host.objects.filter(pk=mine.pk).update(admitted_at=now)
        logger.info("Admitted to this database.", extra={"host": mine.key})
    return _beat(now)


def _hold(installation: Installation, own: Identity, now: datetime) -> None:
    logger.error(
        "The database is older than what was sent with it: sending is held.",
        extra={"host": own.host},
    )
    Installation.objects.filter(pk=installation.pk).update(
        held_at=now, held_by_host=journal.host()
    )


def _arrival(installation: Installation, own: Identity | None, now: datetime) -> Host:
    """A host that the database does not know, and that has not worked on it."""
    if own is None:
        own = Identity(installation.key, new_key())
        identity_file.create(_path_of(installation.key), own)
    logger.info("New to this database.", extra={"host": own.host})
    return Host.objects.create(
        installation=installation,
        key=own.host,
        name=journal.host(),
        arrived_at=now,
        beats_at_arrival=_beats_of(installation),
    )


def _beats_of(installation: Installation) -> int:
    return int(installation.hosts.aggregate(total=Sum("beats"))["total"] or 0)


def _path_of(installation_key: str) -> Path:
    """One file for each database that is worked on from here: they may take turns."""
    return Path(settings.DELIVERY["identity_dir"]) / f"{installation_key}.json"
