"""Who takes a table away is on record."""

from typing import cast

from django.http import HttpRequest

from users import audit
from users.models import AuditEntry, User
from users.sign_ins import address_of


class OnRecord:
    """For pages whose tables can be had as a file."""

    request: HttpRequest

    def exported(self, kind: str) -> None:
        """The address tells what of the table was asked for."""
        audit.record(
            AuditEntry.Action.EXPORTED,
            by=cast("User", self.request.user),
            reason=f"{kind}: {self.request.get_full_path()}"[:500],
            ip_address=address_of(self.request),
        )
