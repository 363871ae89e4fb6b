"""What the forms about a user's own things share."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet

from mailings.forms.fields import AT_MOST, PickerField
from users.models import User


class OwnedForm(forms.ModelForm):  # type: ignore[type-arg]
    """
    A new thing is `owner`'s; an existing one stays whose it is.

    What may be chosen in the form belongs to the same owner.
    """

    def __init__(
        self, *args: Any, owner: User, original: Model | None = None, **kwargs: Any
    ) -> None:
        """`original`: the related rows of a new thing are those of that one."""
        super().__init__(*args, **kwargs)
        self.source: Any = self.instance if original is None else original
        if self.instance.pk is None:
            self.instance.owner = owner
        self.owner: User = self.instance.owner
        self.user = owner
        # Fields with more rows than a form can show: how many; they stay as they are.
        self.kept: dict[str, int] = {}

    def save(self, commit: bool = True) -> Any:  # noqa: FBT001, FBT002 - Django's
        """
        Only what the form shows is written: a hold, or a new status, that came while
        somebody was editing stays.
        """
        if self.instance.pk is None or not commit:
            saved = super().save(commit)
            if commit:
                self._take_over()
            return saved
        super().save(commit=False)
        written = {
            field.name
            for field in self.instance._meta.concrete_fields
            if field.name in self.fields or getattr(field, "auto_now", False)
        }
        self.instance.save(update_fields=written)
        self.save_m2m()
        return self.instance

    def _take_over(self) -> None:
        """Of the original, what was too much for the form."""
        for name in self.kept:
            getattr(self.instance, name).set(getattr(self.source, name).all())

    def _save_m2m(self) -> None:
        """
        What the pickers hold. They are no fields of the model's: those Django fills
        in with all rows that are related, which may be a hundred thousand.
        """
        super()._save_m2m()  # type: ignore[misc]
        for name, field in self.fields.items():
            if isinstance(field, PickerField) and name in self.cleaned_data:
                getattr(self.instance, name).set(self.cleaned_data[name])

    def offer(self, name: str, rows: "QuerySet[Any]") -> None:
        """Lets the picker `name` choose among `rows`."""
        field: Any = self.fields[name]
        field.queryset = self.usable(rows, name)
        if self.source.pk is None:
            return
        picked = getattr(self.source, name).all()
        first = list(picked[: AT_MOST + 1])
        if len(first) > AT_MOST:
            del self.fields[name]
            self.kept[name] = picked.count()
        else:
            self.initial[name] = first

    def usable(self, rows: "QuerySet[Any]", name: str) -> "QuerySet[Any]":
        """Of the owner's rows, those that an editor has at hand or finds picked."""
        if self.user == self.owner:
            return rows
        at_hand = rows.at_hand(self.user)  # type: ignore[attr-defined]
        picked = getattr(self.instance, name)
        keys = [picked.pk] if isinstance(picked, Model) else picked.values("pk")
        return rows.filter(Q(pk__in=at_hand.values("pk")) | Q(pk__in=keys))

    def once_per_owner(self, name: str, refusal: str) -> str:
        """The value of the field `name`, unless the owner has it already."""
        value: str = self.cleaned_data[name]
        rows = type(self.instance)._default_manager.filter(owner=self.owner)
        same = rows.filter(**{f"{name}__iexact": value}).exclude(pk=self.instance.pk)
        if same.exists():
            raise ValidationError(refusal, code="unique")
        return value
