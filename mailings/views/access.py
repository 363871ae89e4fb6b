"""Whose things a page works on: what is left out does not exist for that user (404)."""

from typing import Any, cast

from django.db.models import QuerySet
from django.http import HttpRequest

from users.models import User


class Visible:
    """The rows of `model` that the user may see."""

    request: HttpRequest
    model: Any

    @property
    def user(self) -> User:
        return cast("User", self.request.user)  # nobody else gets past the middleware

    def get_queryset(self) -> "QuerySet[Any]":
        return cast("QuerySet[Any]", self.model.objects.visible_to(self.user))


class Changeable(Visible):
    """The rows of `model` that the user may change."""

    def get_queryset(self) -> "QuerySet[Any]":
        return cast("QuerySet[Any]", self.model.objects.changeable_by(self.user))


class ByOwner:
    """Gives the form its owner, as every `OwnedForm` wants one."""

    def get_form_kwargs(self) -> dict[str, Any]:
        kwargs: dict[str, Any] = super().get_form_kwargs()  # type: ignore[misc]
        return kwargs | {"owner": self.user}  # type: ignore[attr-defined]
