"""Users, the log of what was done, and mails about accounts."""

from users.models.audit import AuditEntry
from users.models.mail import AccountMail
from users.models.user import User

__all__ = ["AccountMail", "AuditEntry", "User"]
