"""
Who may see and change what. Every list, form, view, command and export asks here.

One queryset rule decides for lists (`visible_to`, `changeable_by`); what it leaves
out does not exist for that user (404).
"""

from typing import Self, TypeVar

from django.db import models

from users.models import User

_Row = TypeVar("_Row", bound=models.Model)


class OwnedQuerySet(models.QuerySet[_Row]):
    """Rows that belong to a user, directly or through `owner_path`."""

    owner_path = "owner"

    def owned_by(self, user: User) -> Self:
        return self.filter(**{self.owner_path: user})

    def visible_to(self, user: User) -> Self:
        return self.owned_by(user)

    def changeable_by(self, user: User) -> Self:
        return self.owned_by(user)
