"""The managers' forms. Saving calls the verbs; they ask whether it is allowed."""

from typing import Any

from allauth.account.models import EmailAddress
from django import forms
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mailsvc.views import Words
from users import managing
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
