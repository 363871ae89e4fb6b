"""
Who may see and change what. Every list, form, view, command and export asks here.

A queryset rule decides for lists, `can()` for one object. What `visible_to` leaves out
does not exist for that user (404); what is visible and not allowed is refused (403).
Ownership is a foreign key; django-guardian only keeps what was shared.
"""

from enum import StrEnum
from functools import cache
from typing import Any, Self, TypeVar

from django.apps import apps
from django.contrib.auth.models import Group
from django.db import models, transaction
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from guardian.shortcuts import (
    assign_perm,
    get_groups_with_perms,
    get_users_with_perms,
    remove_perm,
)

from mailsvc.statements import Parameter, Statement
from users import audit
from users.models import AuditEntry, User

_Row = TypeVar("_Row", bound=models.Model)


class Level(StrEnum):
    """How much of an object is shared; to change it is to see it, too."""

    VIEW = "view"
    CHANGE = "change"


class OwnedQuerySet(models.QuerySet[_Row]):
    """
    Rows that belong to a user, directly or through `owner_path`.

    `parent` names the relation whose rules these rows share (a run's is its mailing);
    `view_all` the permission to see those of everybody; `shareable` rows may have been
    shared with a user or a group.
    """

    owner_path = "owner"
    parent: str | None = None
    view_all: str | None = None
    shareable = False

    def owned_by(self, user: User) -> Self:
        return self.filter(**{self.owner_path: user})

    def at_hand(self, user: User) -> Self:
        """The user's own, and what was shared with them: the lists they work with."""
        if self.parent is not None:
            return self._of_parents("at_hand", user)
        return self._owned_or_shared(user, Level.VIEW)

    def visible_to(self, user: User) -> Self:
        if not user.is_active:
            return self.none()
        if self.sees_all(user):
            return self.all()
        if self.parent is not None:
            return self._of_parents("visible_to", user)
        return self._owned_or_shared(user, Level.VIEW)

    def sees_all(self, user: User) -> bool:
        if self.parent is not None:
            return self._parents().sees_all(user)  # type: ignore[no-any-return]
        return self.view_all is not None and user.has_perm(self.view_all)

    def changeable_by(self, user: User) -> Self:
        """Contents are changed by owner and editors alone, whatever else one may."""
        if self.parent is not None:
            return self._of_parents("changeable_by", user)
        return self._owned_or_shared(user, Level.CHANGE)

    def with_rights(self, user: User) -> Self:
        """Each row with `is_own` and `may_change`: pages offer nothing else."""
        own = may_change = Q(**{self.owner_path: user})
        if self.shareable:
            may_change = own | _shared_with(user, self.model, Level.CHANGE)
        return self.annotate(is_own=own, may_change=may_change)

    def with_share_count(self) -> Self:
        """Each row with `share_count`: how many colleagues and groups have it."""
        if not self.shareable:
            return self
        counts = [
            Coalesce(Subquery(_count_per_object(rows)), 0)
            for rows in (
                _shares(self.model, "User"),
                _shares(self.model, "Group"),
                invitations(self.model),
            )
        ]
        return self.annotate(share_count=counts[0] + counts[1] + counts[2])

    def _of_parents(self, rule: str, user: User) -> Self:
        parents = self._parents()
        if parents.shareable and user.is_active:
            level = Level.CHANGE if rule == "changeable_by" else Level.VIEW
            keys = _keys_at_hand(parents.model, level, parents.owner_path)
            return self.filter(**{f"{self.parent}__in": _Keys(keys, user.pk)})
        return self.filter(**{f"{self.parent}__in": getattr(parents, rule)(user)})

    def _parents(self) -> Any:
        field: Any = self.model._meta.get_field(str(self.parent))
        return field.related_model._default_manager.all()

    def _owned_or_shared(self, user: User, level: Level) -> Self:
        if not user.is_active:
            return self.none()
        own = Q(**{self.owner_path: user})
        if not self.shareable:
            return self.filter(own)
        return self.filter(own | _shared_with(user, self.model, level))


def shared_with(user: User, model: type[models.Model]) -> list[int]:
    """The keys of what others have shared with the user, in order."""
    keys = _keys_shared(model, Level.VIEW).rows(user=user.pk)
    return sorted(key for (key,) in keys)


class _Keys(models.Expression):
    """A statement about a `user` as a sub-query: every list asks one."""

    def __init__(self, statement: Statement, user_id: int) -> None:
        super().__init__(output_field=models.BigAutoField())
        self.statement, self.user_id = statement, user_id

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        sql, values = self.statement.sql(user=self.user_id)
        return f"({sql})", values


@cache
def _keys_shared(model: type[models.Model], level: Level) -> Statement:
    """
    The keys of what is shared with a `user`: guardian's own function asks more than it
    needs to.
    """
    return Statement(lambda: QuerySet.union(*_keys_by_holder(model, level)))


@cache
def _keys_at_hand(model: type[models.Model], level: Level, owner: str) -> Statement:
    """
    Those, and the keys of what is the `user`'s own: for rows that belong to these.

    Not "own OR shared": PostgreSQL takes half of the table to be either, and reads all
    runs there are to find those of twenty mailings. For the table itself the OR is the
    safer one: it is one look at each row, also where nothing is known of the shares.
    """

    def keys() -> "QuerySet[Any, Any]":
        rows: Any = model._default_manager.filter(**{owner: Parameter("user")})
        own: QuerySet[Any, Any] = rows.order_by().values_list("pk")
        return own.union(*_keys_by_holder(model, level), all=True)

    return Statement(keys)


def _keys_by_holder(
    model: type[models.Model], level: Level
) -> "list[QuerySet[Any, Any]]":
    """What is shared with the `user`, and what with one of their groups."""
    levels = [Level.CHANGE] if level is Level.CHANGE else list(Level)
    codenames = [f"{each}_{model._meta.model_name}" for each in levels]
    found = []
    for holder, path in (("User", "user"), ("Group", "group__user")):
        rows = _shares(model, holder).filter(**{path: Parameter("user")})
        named = rows.filter(permission__codename__in=codenames)
        found.append(named.order_by().values_list("content_object"))
    return found


def _shared_with(user: User, model: type[models.Model], level: Level) -> Q:
    return Q(pk__in=_Keys(_keys_shared(model, level), user.pk))


def _shares(model: type[models.Model], holder: str) -> "models.QuerySet[Any]":
    """guardian's rows of `model`, by the name that they have in every app of ours."""
    name = f"{model._meta.object_name}{holder}Permission"
    rows: Any = apps.get_model(model._meta.app_label, name)
    return rows.objects.all()  # type: ignore[no-any-return]


def _count_per_object(shares: "models.QuerySet[Any]") -> "models.QuerySet[Any]":
    mine = shares.filter(content_object=OuterRef("pk")).order_by()
    counts: QuerySet[Any] = mine.values("content_object").annotate(n=Count("pk"))
    return counts.values("n")


def _permission(model: type[models.Model] | models.Model, level: Level) -> str:
    return f"{model._meta.app_label}.{level}_{model._meta.model_name}"


def can(user: User, action: str, obj: models.Model) -> bool:
    """
    Whether the user may do `action` with `obj`: "view", "change" (contents and
    everyday actions), "own" (delete, share) or "hold".
    """
    rows: Any = type(obj)._default_manager
    rule = {
        "view": rows.visible_to,
        "change": rows.changeable_by,
        "own": rows.owned_by,
        "hold": rows.visible_to,
    }[action]
    if action == "hold":
        mailing: Any = obj
        if not user.has_perm("mailings.hold_mailing"):
            return False
        if not mailing.may_be_held_by(user):
            return False
    return user.is_active and bool(rule(user).filter(pk=obj.pk).exists())


@transaction.atomic
def share(obj: models.Model, *, to: User | Group, level: Level, by: User) -> None:
    """Lets a colleague or a group see or change `obj`; replaces an earlier level."""
    _take_back(obj, to)
    assign_perm(_permission(obj, level), to, obj)
    audit.record(AuditEntry.Action.SHARED, by=by, on=obj, reason=_words(to, level))


@transaction.atomic
def unshare(obj: models.Model, *, to: User | Group, by: User) -> None:
    _take_back(obj, to)
    audit.record(AuditEntry.Action.UNSHARED, by=by, on=obj, reason=_words(to))


@transaction.atomic
def share_by_address(obj: models.Model, *, email: str, level: Level, by: User) -> None:
    """
    Shares with whoever signs in with this address, now or later.

    Who shares does not learn whether somebody does.
    """
    email = email.lower()
    user = User.objects.existing().filter(email__iexact=email).first()
    if user is not None:
        invitations(type(obj)).filter(content_object=obj, email=email).delete()
        share(obj, to=user, level=level, by=by)
        return
    invitations(type(obj)).update_or_create(
        content_object=obj, email=email, defaults={"level": level}
    )
    audit.record(AuditEntry.Action.SHARED, by=by, on=obj, reason=f"{email}: {level}")


@transaction.atomic
def unshare_by_address(obj: models.Model, *, email: str, by: User) -> None:
    """Takes back what `share_by_address` gave, and does not tell to whom it went."""
    email = email.lower()
    for holder in shares_of(obj):
        if isinstance(holder, User) and holder.email.lower() == email:
            unshare(obj, to=holder, by=by)
    for invitation in invitations(type(obj)).filter(content_object=obj, email=email):
        invitation.delete()
        audit.record(AuditEntry.Action.UNSHARED, by=by, on=obj, reason=email)


@transaction.atomic
def accept_invitations(user: User) -> None:
    """Whatever was shared with the address of `user` before they had an account."""
    for model in apps.get_models():
        if not getattr(model._default_manager.all(), "shareable", False):
            continue
        mine = invitations(model).filter(email=user.email.lower())
        for invitation in mine.select_related("content_object"):
            obj = invitation.content_object
            _take_back(obj, user)
            assign_perm(_permission(obj, Level(invitation.level)), user, obj)
            invitation.delete()


def invitations(model: type[models.Model]) -> "models.QuerySet[Any]":
    rows: Any = apps.get_model(
        model._meta.app_label, f"{model._meta.object_name}Invitation"
    )
    return rows.objects.all()  # type: ignore[no-any-return]


def _take_back(obj: models.Model, holder: User | Group) -> None:
    for level in Level:
        remove_perm(_permission(obj, level), holder, obj)


def _words(holder: User | Group, level: Level | None = None) -> str:
    name = holder.email if isinstance(holder, User) else holder.name
    return f"{name}: {level}" if level else name


def shares_of(obj: models.Model) -> dict[User | Group, Level]:
    """With whom `obj` is shared, and how far."""
    people: Any = get_users_with_perms(
        obj, attach_perms=True, with_group_users=False, with_superusers=False
    )
    groups: Any = get_groups_with_perms(obj, attach_perms=True)
    holders: dict[User | Group, list[str]] = {**people, **groups}
    change = f"{Level.CHANGE}_{obj._meta.model_name}"
    return {
        holder: Level.CHANGE if change in codenames else Level.VIEW
        for holder, codenames in holders.items()
    }
