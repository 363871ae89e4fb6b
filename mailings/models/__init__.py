"""
The domain, one concept a file:

Client and ClientList (who), Message, Attachment and Draft (what), Mailing (what to whom
and when), Run (one occurrence with its own snapshot), Delivery (one client in one run,
in exactly one state), Attempt (one try, with the server's words), Suppression (an
address that is written to no more, and why), Import (a file of clients), PeriodCount,
ReplyCount and EndCount (statistics that the engine keeps, proved by a Verification);
and what the engine needs: Lease (a pump's claim), Circuit (is the mail server well?),
Canary (does the worker truly work?), RateWindow (how much was sent lately, if that is
limited), Installation and Host (whose database is this?).
"""

from mailings.models.attachment import Attachment
from mailings.models.canary import Canary
from mailings.models.circuit import Circuit
from mailings.models.client import Client, ClientList
from mailings.models.delivery import Attempt, Delivery
from mailings.models.draft import Draft
from mailings.models.imports import Import, ImportChange, ImportFile
from mailings.models.installation import Host, Installation
from mailings.models.lease import Lease
from mailings.models.mailing import Mailing
from mailings.models.message import Message
from mailings.models.rate import RateWindow
from mailings.models.run import Run
from mailings.models.sharing import (
    ClientListGroupPermission,
    ClientListInvitation,
    ClientListUserPermission,
    MailingGroupPermission,
    MailingInvitation,
    MailingUserPermission,
    MessageGroupPermission,
    MessageInvitation,
    MessageUserPermission,
)
from mailings.models.statistics import (
    EndCount,
    PeriodCount,
    ReplyCount,
    Verification,
)
from mailings.models.suppression import Suppression

__all__ = [
    "Attachment",
    "Attempt",
    "Canary",
    "Circuit",
    "Client",
    "ClientList",
    "ClientListGroupPermission",
    "ClientListInvitation",
    "ClientListUserPermission",
    "Delivery",
    "Draft",
    "EndCount",
    "Host",
    "Import",
    "ImportChange",
    "ImportFile",
    "Installation",
    "Lease",
    "Mailing",
    "MailingGroupPermission",
    "MailingInvitation",
    "MailingUserPermission",
    "Message",
    "MessageGroupPermission",
    "MessageInvitation",
    "MessageUserPermission",
    "PeriodCount",
    "RateWindow",
    "ReplyCount",
    "Run",
    "Suppression",
    "Verification",
]
