"""
Mails about accounts go through the queue: a request that waited for the mail server
would be slower for an address that is known, and lost with a server that is away.
"""

import logging
from datetime import datetime, timedelta

from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import F
from django.utils.timezone import now
from django_q.tasks import async_task

from mailsvc.validators import one_line
from users.models import AccountMail

logger = logging.getLogger(__name__)

LIFETIME = timedelta(hours=24)  # no link in any of them is good for longer
_FOR_GOOD = 500  # SMTP's codes of permanent failures begin there
_PAUSES = (60, 120, 300, 600, 1800, 3600)  # seconds before each next try


def post(message: EmailMessage, lifetime: timedelta = LIFETIME) -> None:
    """Keeps the mail and asks the worker to send it; both or neither."""
    with transaction.atomic():
        mail = AccountMail.objects.create(
            to=message.to[0],
            subject=one_line(str(message.subject))[:255],
            text=str(message.body),
            expires_at=now() + lifetime,
        )
        async_task("users.mails.send", mail.pk)


def send_due(at: datetime) -> None:
    """What a lost task or a server that was away has left. Forgets what is too old."""
    AccountMail.objects.filter(expires_at__lte=at).delete()
    due = AccountMail.objects.filter(due_at__lte=at - timedelta(seconds=30))
    for pk in list(due.values_list("pk", flat=True)):
        if not send(pk):
            return  # the server is away: the others would wait for it, too


def send(pk: int) -> bool:
    """Sends one mail, unless somebody else is at it. False: the server is away."""
    mail = _take(pk)
    if mail is None:
        return True
    try:
        EmailMessage(mail.subject, mail.text, to=[mail.to]).send()
    except OSError as error:  # smtplib's own are of this kind
        codes = _codes(error)
        if not codes or min(codes) < _FOR_GOOD:
            logger.warning("Account mail %s has to wait: %s", pk, type(error).__name__)
            return bool(codes)
        logger.warning("Account mail %s was refused for good.", pk)
    except Exception:
        # Nothing to do with the server: the others do not wait for it.
        logger.exception("Account mail %s can't be sent.", pk)
        return True
    AccountMail.objects.filter(pk=pk).delete()
    return True


def _take(pk: int) -> AccountMail | None:
    """The mail, its next try put off first: nobody else takes it meanwhile."""
    at = now()
    with transaction.atomic():
        rows = AccountMail.objects.select_for_update().filter(pk=pk, due_at__lte=at)
        mail = rows.filter(expires_at__gt=at).first()
        if mail is None:
            return None
        pause = _PAUSES[min(mail.tries, len(_PAUSES) - 1)]
        AccountMail.objects.filter(pk=pk).update(
            tries=F("tries") + 1, due_at=at + timedelta(seconds=pause)
        )
    return mail


def _codes(error: OSError) -> list[int]:
    """What the server says of the recipient; none if it speaks of something else."""
    refused: dict[str, tuple[int, bytes]] = getattr(error, "recipients", {})
    return [code for code, _ in refused.values()]
