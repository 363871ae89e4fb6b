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

LIFETIME = timedelta(hours=24)  # no link in them is good for longer
_PAUSES = (60, 120, 300, 600, 1800, 3600)  # seconds before each next try


def post(message: EmailMessage) -> None:
    """Keeps the mail and asks the worker to send it; both or neither."""
    with transaction.atomic():
        mail = AccountMail.objects.create(
            to=message.to[0],
            subject=one_line(str(message.subject))[:255],
            text=str(message.body),
            expires_at=now() + LIFETIME,
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
    """Sends one mail, unless somebody else is at it. False: it has to wait."""
    mail = _take(pk)
    if mail is None:
        return True
    try:
        EmailMessage(mail.subject, mail.text, to=[mail.to]).send()
    except OSError as error:  # smtplib's own are of this kind
        if not _is_refused(error):
            logger.warning("Account mail %s has to wait: %s", pk, type(error).__name__)
            return False
        logger.warning("Account mail %s was refused for good.", pk)
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


def _is_refused(error: OSError) -> bool:
    """The server knows the recipient and wants no mail for them, now or later."""
    refused: dict[str, tuple[int, bytes]] = getattr(error, "recipients", {})
    return bool(refused) and all(code >= 500 for code, _ in refused.values())
