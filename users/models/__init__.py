"""Users, and the log of what was done."""

from users.models.audit import AuditEntry
from users.models.user import User

__all__ = ["AuditEntry", "User"]
