"""
What was shared with whom: django-guardian's rows, with real foreign keys, so that a
share goes with its object and lists stay fast. And invitations: shares with an address
that nobody here signs in with yet.
"""

from django.db import models
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from mailings.models.client import ClientList
from mailings.models.mailing import Mailing
from mailings.models.message import Message


class ClientListUserPermission(UserObjectPermissionBase):
    content_object = models.ForeignKey(ClientList, models.CASCADE)


class ClientListGroupPermission(GroupObjectPermissionBase):
    content_object = models.ForeignKey(ClientList, models.CASCADE)


class MessageUserPermission(UserObjectPermissionBase):
    content_object = models.ForeignKey(Message, models.CASCADE)


class MessageGroupPermission(GroupObjectPermissionBase):
    content_object = models.ForeignKey(Message, models.CASCADE)


class MailingUserPermission(UserObjectPermissionBase):
    content_object = models.ForeignKey(Mailing, models.CASCADE)


class MailingGroupPermission(GroupObjectPermissionBase):
    content_object = models.ForeignKey(Mailing, models.CASCADE)


class _Invitation(models.Model):
    """Becomes a share when somebody with this address signs in."""

    email = models.EmailField()  # in lower case
    level = models.CharField(max_length=6)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True
        default_permissions = ()
        ordering = ["email"]
        constraints = [
            models.UniqueConstraint(
                fields=["content_object", "email"], name="%(class)s_once_per_address"
            )
        ]
        indexes = [models.Index(fields=["email"], name="%(class)s_address")]

    def __str__(self) -> str:
        return self.email


class ClientListInvitation(_Invitation):
    content_object = models.ForeignKey(ClientList, models.CASCADE, db_index=False)


class MessageInvitation(_Invitation):
    content_object = models.ForeignKey(Message, models.CASCADE, db_index=False)


class MailingInvitation(_Invitation):
    content_object = models.ForeignKey(Mailing, models.CASCADE, db_index=False)
