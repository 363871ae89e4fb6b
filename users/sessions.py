"""Sessions in the database, asked for by a statement that is put into words once."""

from typing import Any

from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.utils import timezone

from mailsvc.statements import Parameter, Statement

_live = Statement(
    lambda: Session.objects.filter(
        session_key=Parameter("key"), expire_date__gt=Parameter("now")
    )
)


class SessionStore(db.SessionStore):
    """
    Django's. Not kept in the cache, too: who has signed out while the cache was away
    would be back as soon as it is.
    """

    def _get_session_from_db(self) -> Any:
        found = _live.objects(key=self.session_key, now=timezone.now())
        if found:
            return found[0]
        self._session_key = None
        return None
