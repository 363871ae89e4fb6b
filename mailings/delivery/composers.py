"""
The letters of a pump: each run has a composer, made when it is first needed.

What is wrong with one recipient concerns nobody else, and what is wrong with one run's
files no other run.
"""

import logging
from collections.abc import Collection, KeysView
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.conf import settings
from django.db import Error
from django.db.models import Prefetch

from mailings.delivery.claim import Claim
from mailings.delivery.compose import Composer, NotComposed, Text
from mailings.delivery.enclosures import Enclosures
from mailings.delivery.journal import Result
from mailings.delivery.letter import Letter, Unreadable
from mailings.delivery.record import not_composed
from mailings.models import Attachment, Run

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Composed:
    """What has become of some claims."""

    letters: list[Letter] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)  # those that have no letter
    # Run -> why there can be none at the moment; and whose they would have been.
    unreadable: dict[int, str] = field(default_factory=dict)
    left: list[int] = field(default_factory=list)
    # Runs that have waited for their files, and need not any more.
    mended: list[int] = field(default_factory=list)


class Composers:
    def __init__(self) -> None:
        self._of_runs: dict[int, Composer] = {}
        self._owners: dict[int, int] = {}
        self._enclosures = Enclosures()

    @property
    def runs(self) -> KeysView[int]:
        return self._owners.keys()

    def owner_of(self, run_id: int) -> int:
        return self._owners[run_id]

    def letters(self, claims: Collection[Claim]) -> Composed:
        """Each letter is whole until `close`."""
        composed = Composed()
        self._prepare({claim.run_id for claim in claims}, composed)
        for claim in claims:
            if claim.run_id in composed.unreadable:
                composed.left.append(claim.delivery_id)
                continue
            try:
                letter = self._letter(claim)
            except NotComposed as error:
                composed.results.append(_not_composed(claim, str(error)))
            except MemoryError:  # is nobody's fault, and stays what it is
                raise
            except Exception as error:  # one recipient must not stop the others
                logger.exception(
                    "A message was not composed.",
                    extra={"run": claim.run_id, "delivery": claim.delivery_id},
                )
                composed.results.append(_not_composed(claim, repr(error)))
            else:
                composed.letters.append(letter)
        return composed

    def _prepare(self, run_ids: Collection[int], composed: Composed) -> None:
        files = Prefetch("attachments", Attachment.objects.described())
        runs = Run.objects.filter(pk__in=set(run_ids) - self._of_runs.keys())
        for run in runs.select_related("mailing__owner").prefetch_related(files):
            self._owners[run.pk] = run.mailing.owner_id
            try:
                self._of_runs[run.pk] = self._composer(run)
            except (Error, MemoryError):  # the database's, or ours: all runs'
                raise
            except Unreadable as error:
                composed.unreadable[run.pk] = str(error)
            except Exception as error:  # one run must not stop the others
                logger.exception("A run's files were not prepared.", extra=_named(run))
                composed.unreadable[run.pk] = repr(error)
            else:
                if run.waits_because:
                    composed.mended.append(run.pk)

    def _composer(self, run: Run) -> Composer:
        return Composer(
            Text.of(run),
            sender=settings.DEFAULT_FROM_EMAIL,
            enclosed=self._enclosures.pieces(each.pk for each in run.attachments.all()),
        )

    def _letter(self, claim: Claim) -> Letter:
        composer = self._of_runs[claim.run_id]
        return composer.letter(
            claim.delivery_id, email=claim.email, full_name=claim.full_name
        )

    def forget(self, run_id: int) -> None:
        """Its files can't be read: all is prepared anew when it is needed next."""
        self._of_runs.pop(run_id, None)
        self._enclosures.begin_anew()

    def close(self) -> None:
        self._enclosures.close()


def _not_composed(claim: Claim, why: str) -> Result:
    return Result(claim.delivery_id, not_composed(why), datetime.now(UTC), 0)


def _named(run: Run) -> dict[str, object]:
    return {"run": run.pk, "mailing": run.mailing_id}
