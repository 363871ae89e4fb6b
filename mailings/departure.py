"""A user is deleted: what is theirs goes, the history of what they sent stays."""

from dataclasses import dataclass

from django.db import transaction

from mailings import delivery, lifecycle
from mailings.models import (
    Attachment,
    Client,
    ClientList,
    ClientListUserPermission,
    Delivery,
    Mailing,
    MailingUserPermission,
    Message,
    MessageUserPermission,
    Run,
    Suppression,
)
from users import managing
from users.models import User


@dataclass(frozen=True)
class Belongings:
    """How much of what goes (or ends) with a user, and how much history stays."""

    clients: int
    lists: int
    messages: int
    mailings: int
    unfinished: int
    runs: int


def belongings_of(user: User) -> Belongings:
    mailings = Mailing.objects.owned_by(user)
    return Belongings(
        clients=Client.objects.owned_by(user).count(),
        lists=ClientList.objects.owned_by(user).count(),
        messages=Message.objects.owned_by(user).count(),
        mailings=mailings.existing().count(),
        unfinished=mailings.unfinished().count(),
        runs=Run.objects.owned_by(user).count(),
    )


@transaction.atomic
def delete_user(user: User, *, by: User, reason: str) -> None:
    """
    Deletes the account with its clients, lists, messages and mailings.

    Runs, deliveries and attempts stay, and a message that somebody else's mailing
    uses. Raises NotAllowed.
    """
    managing.delete_user(user, by=by, reason=reason)
    for mailing in Mailing.objects.owned_by(user).existing():
        lifecycle.delete(mailing, by=by)
    clients = Client.objects.owned_by(user)
    delivery.end_waiting(
        Delivery.objects.filter(client__in=clients),
        state=Delivery.State.CANCELLED,
        reason=Delivery.Reason.CLIENT_DELETED,
    )
    clients.delete()
    Suppression.objects.owned_by(user).delete()
    ClientList.objects.owned_by(user).delete()
    unused = Message.objects.owned_by(user).filter(mailings=None)
    Attachment.objects.filter(message__in=unused).let_go()
    unused.delete()
    _take_back_from(user)


def _take_back_from(user: User) -> None:
    """What others had shared with the user."""
    ClientListUserPermission.objects.filter(user=user).delete()
    MessageUserPermission.objects.filter(user=user).delete()
    MailingUserPermission.objects.filter(user=user).delete()
