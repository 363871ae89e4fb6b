"""
What people decided about an object: who, when, what it was then, and why.

`audit.record` puts a row down for each verb that changes an object with a `History`:
nobody else has to think of it, and what the engine does leaves none.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.utils.timezone import now
from simple_history.models import HistoricalRecords

CREATED, CHANGED, DELETED = "+", "~", "-"
_REASON_LENGTH = 500


class _Row(models.Model):
    """What our rows have besides the tracked fields."""

    # Of the audit log; empty in the row of an object that no verb has made.
    action = models.CharField(max_length=20, blank=True)
    # Names and numbers of what is related, as they were; of verbs that change that.
    beside = models.JSONField(null=True)

    class Meta:
        abstract = True


class History(HistoricalRecords):  # type: ignore[misc]
    """The history of a model whose `beside()` tells what is related to an object."""

    def __init__(self, **kwargs: Any) -> None:
        reason = models.CharField(max_length=_REASON_LENGTH, blank=True)
        super().__init__(
            bases=[_Row],
            history_id_field=models.BigAutoField(),
            history_change_reason_field=reason,
            **kwargs,
        )

    def get_meta_options(self, model: type[models.Model]) -> dict[str, Any]:
        """Nobody asks for rights to the rows: who sees the object reads them."""
        options: dict[str, Any] = super().get_meta_options(model)
        return options | {"default_permissions": ()}

    _date_indexing = False  # rows are asked for by their object

    def post_save(
        self,
        instance: Any,
        created: bool,  # noqa: FBT001 - the library's signature
        using: str | None = None,
        **kwargs: Any,
    ) -> None:
        """The first row is there whoever made the object: later ones compare."""
        if created and not kwargs.get("raw"):
            put_down(instance, by=None, kind=CREATED, beside=True)

    def post_delete(self, instance: Any, using: str | None = None, **_: Any) -> None:
        """The verb has put it down."""


def is_kept_of(obj: models.Model) -> bool:
    return hasattr(obj._meta.model, "history")


def _rows(obj: Any) -> Any:
    """The manager of the rows; the user of a request is wrapped in a lazy object."""
    return obj._meta.model.history


def put_down(
    obj: Any,
    *,
    by: models.Model | None,
    kind: str = CHANGED,
    action: str = "",
    why: str = "",
    beside: bool = False,
) -> None:
    """Keeps what `obj` is now. The verb that makes it knows more than its first row."""
    rows = _rows(obj)
    if kind == CREATED and action:
        rows.filter(id=obj.pk, history_type=CREATED, action="").delete()
    fields = (field.attname for field in rows.model.tracked_fields)
    rows.create(
        **{name: getattr(obj, name) for name in fields},
        history_date=now(),
        history_type=kind,
        history_user=by,
        history_change_reason=why[:_REASON_LENGTH],
        action=action,
        beside=obj.beside() if beside else None,
    )


def forget(user: Any) -> None:
    """Nobody is named any more in the rows of a user; what was decided stays."""
    rows = _rows(user).filter(id=user.pk)
    rows.update(email="", full_name="", block_reason="", history_change_reason="")


@dataclass(frozen=True)
class Change:
    """A row, and what came before it."""

    row: Any
    previous: Any = None
    previous_beside: dict[str, Any] | None = None

    @property
    def differences(self) -> list[tuple[Any, Any, Any]]:
        """Field, old and new value of whatever is not as it was."""
        if self.previous is None:
            return []
        found = [
            (field, getattr(self.previous, field.attname), value)
            for field in self.row.tracked_fields
            if (value := getattr(self.row, field.attname))
            != getattr(self.previous, field.attname)
        ]
        if self.row.beside is None or self.previous_beside is None:
            return found
        get_field = self.row.instance_type._meta.get_field
        return found + [
            (get_field(name), self.previous_beside.get(name), value)
            for name, value in self.row.beside.items()
            if _keys(value) != _keys(self.previous_beside.get(name))
        ]


def _keys(value: Any) -> Any:
    """Something with another name is still the same."""
    return sorted(value) if isinstance(value, dict) else value


def of(obj: Any) -> list[Change]:
    """What people decided about `obj`, newest first."""
    rows = _rows(obj).filter(id=obj.pk).select_related("history_user")
    changes, previous, beside = [], None, None
    for row in rows.order_by("history_date", "history_id"):
        changes.append(Change(row, previous, beside))
        previous = row
        beside = row.beside if row.beside is not None else beside
    return changes[::-1]


def newest_rows(obj: Any, count: int) -> list[Any]:
    """The last `count` rows, newest first."""
    rows = _rows(obj).filter(id=obj.pk).select_related("history_user")
    return list(rows.order_by("-history_date", "-history_id")[:count])


def rows_of(obj: Any, actions: Iterable[str]) -> Any:
    """The rows of these actions, newest first."""
    rows = _rows(obj).filter(id=obj.pk, action__in=list(actions))
    return rows.select_related("history_user")
