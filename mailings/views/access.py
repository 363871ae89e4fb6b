"""Whose things a page works on: what is left out does not exist for that user (404)."""

from typing import Any, cast

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest

from users.exporting import OnRecord
from users.models import User


class AtHand(OnRecord):
    """
    The rows of `model` that the user works with: their own, and shared ones.

    Rows that have an owner come with `is_own` and `may_change` for the page to ask.
    """

    request: HttpRequest
    kwargs: dict[str, Any]
    model: Any

    @property
    def user(self) -> User:
        return cast("User", self.request.user)  # nobody else gets past the middleware

    def get_queryset(self) -> "QuerySet[Any]":
        return self.with_rights(self.model.objects.at_hand(self.user))

    def with_rights(self, rows: Any) -> "QuerySet[Any]":
        if rows.parent is not None:
            return cast("QuerySet[Any]", rows)
        rows = rows.with_rights(self.user).with_share_count()
        return cast("QuerySet[Any]", rows.select_related("owner"))


class Visible(AtHand):
    """The rows of `model` that the user may see: for managers, everybody's."""

    def get_queryset(self) -> "QuerySet[Any]":
        return self.with_rights(self.model.objects.visible_to(self.user))


class Changeable(Visible):
    """The rows that the user may change; those they only see are refused (403)."""

    def get_queryset(self) -> "QuerySet[Any]":
        return cast("QuerySet[Any]", self.model.objects.changeable_by(self.user))

    def get_object(self, queryset: Any = None) -> Any:
        pk = self.kwargs["pk"]
        row = self.get_queryset().filter(pk=pk).first()
        if row is not None:
            return row
        if self.model.objects.visible_to(self.user).filter(pk=pk).exists():
            raise PermissionDenied
        raise Http404


class Own(Changeable):
    """The rows that belong to the user: deleting and sharing are the owner's."""

    def get_queryset(self) -> "QuerySet[Any]":
        return cast("QuerySet[Any]", self.model.objects.owned_by(self.user))


class ByOwner:
    """Gives the form its owner, as every `OwnedForm` wants one."""

    def get_form_kwargs(self) -> dict[str, Any]:
        kwargs: dict[str, Any] = super().get_form_kwargs()  # type: ignore[misc]
        return kwargs | {"owner": self.user}  # type: ignore[attr-defined]
