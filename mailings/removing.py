"""
Removing what mailings are made of. Clients and mailings have more to them: see
`lifecycle`.
"""

from django.db import transaction

from mailings.models import Attachment, ClientList, Message
from users import audit
from users.models import AuditEntry, User


@transaction.atomic
def delete_list(client_list: ClientList, *, by: User) -> None:
    """Its clients stay."""
    audit.record(AuditEntry.Action.LIST_DELETED, by=by, on=client_list)
    client_list.delete()


@transaction.atomic
def delete_message(message: Message, *, by: User) -> None:
    """Raises ProtectedError if a mailing uses it."""
    audit.record(AuditEntry.Action.MESSAGE_DELETED, by=by, on=message)
    # Whatever is not to be: the delete below is refused, and this taken back.
    Attachment.objects.filter(message=message).let_go()
    message.delete()
