"""
What was shared with whom: django-guardian's rows, with real foreign keys, so that a
share goes with its object and lists stay fast.
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
