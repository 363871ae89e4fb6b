"""The managers' forms. Saving calls the verbs; they ask whether it is allowed."""

from typing import Any

from allauth.account.models import EmailAddress
from django import forms
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mailings.models import Delivery, Run
from mailings.retrying import Failure, failed
from mailsvc.views import Words
from users import managing, roles
from users.models import User


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, *args: Any, help_text: Words, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].help_text = str(help_text)


class _RolesForm(forms.ModelForm):  # type: ignore[type-arg]
    """A form about a user, made by `by`; only administrators are offered the roles."""

    groups = forms.ModelMultipleChoiceField(
        Group.objects.order_by("name"),
        label=gettext_lazy("Roles"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, by: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.by = by
        if not by.is_superuser:
            del self.fields["groups"]
        else:
            self.fields["groups"].label_from_instance = roles.label  # type: ignore[attr-defined]


class NewUserForm(_RolesForm):
    class Meta:
        model = User
        fields = ["email", "full_name", "groups"]

    def clean_email(self) -> str:
        """An address in lower case that nobody else signs in with."""
        email = str(self.cleaned_data["email"]).lower()
        if (
            User.objects.filter(email__iexact=email).exists()
            or EmailAddress.objects.filter(email__iexact=email).exists()
        ):
            raise ValidationError(_("Somebody else has this e-mail address."))
        return email

    def save(self, commit: bool = True) -> User:  # noqa: FBT001, FBT002 - Django's
        return managing.create_user(by=self.by, **self.cleaned_data)


class UserForm(_RolesForm):
    class Meta:
        model = User
        fields = ["full_name", "timezone", "language", "groups"]

    def save(self, commit: bool = True) -> User:  # noqa: FBT001, FBT002 - Django's
        # The form has put its values into its own copy: the verb compares with what is.
        user = User.objects.get(pk=self.instance.pk)
        managing.edit_user(user, by=self.by, **self.cleaned_data)
        return user


class RetryForm(forms.Form):
    """Whom to try again: by the kind of failure, or `one` by name."""

    failures_chosen = forms.MultipleChoiceField(
        label=gettext_lazy("Try again"),
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )

    def __init__(
        self, *args: Any, run: Run, one: Delivery | None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.run, self.one = run, one
        if one is not None:
            del self.fields["failures_chosen"]
            return
        counts = {
            Failure.TEMPORARY: run.deferred + run.expired,
            Failure.UNKNOWN: run.unknown,
            Failure.REFUSED: run.refused,
        }
        field: Any = self.fields["failures_chosen"]
        field.choices = [
            (failure.value, f"{failure.label}: {count}")
            for failure, count in counts.items()
        ]
        # Refusals are final; who wants them tried again ticks them.
        field.initial = [Failure.TEMPORARY.value, Failure.UNKNOWN.value]

    def failures(self) -> list[Failure]:
        if self.one is not None:
            return []
        if self.is_bound:
            names = getattr(self, "cleaned_data", {}).get("failures_chosen", [])
        else:
            names = self.fields["failures_chosen"].initial
        return [Failure(name) for name in names]

    def named(self) -> list[int]:
        return [self.one.pk] if self.one is not None else []

    def chosen(self) -> "QuerySet[Delivery]":
        if self.one is not None:
            return failed(self.run, list(Failure)).filter(pk=self.one.pk)
        return failed(self.run, self.failures()).order_by("pk")

    def clean_failures_chosen(self) -> list[str]:
        names: list[str] = self.cleaned_data["failures_chosen"]
        if not names:
            raise ValidationError(_("Tick at least one."))
        return names
