"""A mailing is paused when the mail server refuses its message, whoever it is for."""

import logging
from datetime import datetime
from functools import partial

from django.db import transaction

from mailings.delivery.circuit import in_words
from mailings.delivery.refusals import ENOUGH
from mailings.delivery.replies import Outcome
from mailings.models import Delivery, Mailing, Run
from mailsvc import cache
from users import audit
from users.models import AuditEntry

logger = logging.getLogger(__name__)


@transaction.atomic
def pause_if_refused(run_id: int, outcome: Outcome, now: datetime) -> bool:
    """
    Pauses the mailing of a run of which nobody was accepted, and enough recipients
    were refused like this. Its owner reads why, and resumes it.
    """
    mailing = Mailing.objects.select_for_update(of=("self",)).get(runs=run_id)
    if mailing.is_paused:
        return True
    if not _is_refused_throughout(run_id, outcome):
        return False
    mailing.paused_at = now
    mailing.pause_reason = in_words(outcome)[:500]
    mailing.save(update_fields=["paused_at", "pause_reason"])
    audit.record(
        AuditEntry.Action.MAILING_PAUSED,
        by=None,
        on=mailing,
        reason=mailing.pause_reason,
    )
    transaction.on_commit(partial(cache.changed, mailing.owner_id), robust=True)
    logger.warning(
        "Mailing %s is paused, run %s: the server refuses the message: %s",
        *(mailing.pk, run_id, mailing.pause_reason),
    )
    return True


def _is_refused_throughout(run_id: int, outcome: Outcome) -> bool:
    if not Run.objects.filter(pk=run_id, accepted=0).exists():
        return False
    alike = Delivery.objects.filter(
        run=run_id,
        state=Delivery.State.REFUSED,
        attempts__outcome=Delivery.State.REFUSED,
        attempts__phase=outcome.phase,
        attempts__code=outcome.code,
        attempts__enhanced_code=outcome.enhanced_code,
    )
    return len(alike.distinct().values_list("pk")[:ENOUGH]) >= ENOUGH
