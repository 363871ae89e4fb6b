"""The tables, one a list."""

from mailings.tables.clients import (
    ClientDeliveryTable,
    ClientListTable,
    ClientTable,
    ImportTable,
    PickClientTable,
    SuppressionTable,
)
from mailings.tables.columns import BadgesColumn, NameColumn
from mailings.tables.mailings import MailingTable, MessageTable, SkippedTable
from mailings.tables.runs import (
    AllRunsTable,
    AttemptTable,
    DeliveryTable,
    OutboxTable,
    RunTable,
)

__all__ = [
    "AllRunsTable",
    "AttemptTable",
    "BadgesColumn",
    "ClientDeliveryTable",
    "ClientListTable",
    "ClientTable",
    "DeliveryTable",
    "ImportTable",
    "MailingTable",
    "MessageTable",
    "NameColumn",
    "OutboxTable",
    "PickClientTable",
    "RunTable",
    "SkippedTable",
    "SuppressionTable",
]
