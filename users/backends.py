"""Signing in by e-mail, and what a user may do by their groups and by themselves."""

from typing import TYPE_CHECKING, Any

from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth import get_user_model
from django.db import connection

from mailsvc.statements import Parameter, Statement

if TYPE_CHECKING:
    from users.models import User

# Django asks twice, and each page asks anew: permissions are never cached.
_GRANTED = """
    SELECT kind.app_label, permission.codename
    FROM auth_permission AS permission
    JOIN django_content_type AS kind ON kind.id = permission.content_type_id
    WHERE permission.id IN (
        SELECT own.permission_id
        FROM users_user_user_permissions AS own
        WHERE own.user_id = %s
        UNION ALL
        SELECT of_group.permission_id
        FROM auth_group_permissions AS of_group
        JOIN users_user_groups AS member ON member.group_id = of_group.group_id
        WHERE member.user_id = %s
    )
"""


_of_key = Statement(lambda: get_user_model().objects.filter(pk=Parameter("pk")))


class OneQueryBackend(AuthenticationBackend):  # type: ignore[misc]
    """allauth's, but all permissions of a user, `app.codename`, are one query."""

    def get_user(self, user_id: Any) -> "User | None":
        """Who asks for a page: all pages ask that."""
        for user in _of_key.objects(pk=user_id):
            if self.user_can_authenticate(user):
                return user  # type: ignore[no-any-return]
        return None

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        if not user_obj.is_active or user_obj.is_anonymous or obj is not None:
            return set()
        if user_obj.is_superuser:
            return super().get_all_permissions(user_obj)  # type: ignore[no-any-return]
        if not hasattr(user_obj, "_perm_cache"):
            user_obj._perm_cache = _granted(user_obj)
        return user_obj._perm_cache  # type: ignore[no-any-return]


def _granted(user: "User") -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(_GRANTED, [user.pk, user.pk])
        return {f"{app}.{codename}" for app, codename in cursor.fetchall()}
