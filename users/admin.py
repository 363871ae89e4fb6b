"""Users on the admin site."""

from typing import Any, cast

from allauth.account.admin import EmailAddressAdmin
from allauth.account.models import EmailAddress
from allauth.mfa.admin import AuthenticatorAdmin
from allauth.mfa.models import Authenticator
from allauth.usersessions.admin import UserSessionAdmin
from allauth.usersessions.models import UserSession
from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from users import audit, managing, roles
from users.blocking import NotAllowed, is_a_peer
from users.models import AuditEntry, User

_DONE = 302  # the answer to a form that was taken


class _FreeAddress:
    """An address in lower case that nobody else signs in with."""

    cleaned_data: dict[str, Any]
    instance: User

    def clean_email(self) -> str:
        email = str(self.cleaned_data["email"]).lower()
        others = EmailAddress.objects.exclude(user_id=self.instance.pk)
        if others.filter(email=email).exists():
            raise ValidationError(_("Somebody else has this e-mail address."))
        return email


class NewUserForm(_FreeAddress, AdminUserCreationForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = ("email",)


class UserForm(_FreeAddress, UserChangeForm):  # type: ignore[type-arg]
    by: User  # set by the page

    def clean(self) -> dict[str, Any]:
        """What the verb would refuse is said at its field."""
        cleaned = super().clean() or self.cleaned_data
        wanted = User(pk=self.instance.pk)
        for name in ("is_staff", "is_superuser"):
            value = cleaned.get(name, getattr(self.instance, name))
            setattr(wanted, name, value)
        try:
            managing.require_right_to_powers(wanted, by=self.by)
        except NotAllowed as refusal:
            name = "is_staff" if wanted.is_superuser else "is_superuser"
            self.add_error(name if name in self.fields else None, str(refusal))
        return cleaned


@admin.register(User)
class UserAdmin(DjangoUserAdmin):  # type: ignore[type-arg]
    list_display = ("email", "full_name", "is_active", "is_staff", "date_joined")
    list_filter = ("is_active", "is_staff", "groups")
    search_fields = ("email", "full_name")
    ordering = ("email",)
    # Blocking, deleting: the managers' pages know the rules and ask for a reason.
    readonly_fields = ("is_active", "last_login", "date_joined")
    form = UserForm
    add_form = NewUserForm
    fieldsets = (
        (None, {"fields": ("email", "password")}),
        (_("Person"), {"fields": ("full_name", "timezone", "language")}),
        (
            _("Rights"),
            {"fields": ("is_active", "is_staff", "is_superuser", "groups")},
        ),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"fields": ("email", "usable_password", "password1", "password2")}),
    )

    def has_delete_permission(
        self, request: HttpRequest, obj: User | None = None
    ) -> bool:
        return False

    def has_change_permission(
        self, request: HttpRequest, obj: User | None = None
    ) -> bool:
        """
        Who is no administrator changes none, and nobody with power over others;
        nobody changes who is gone.
        """
        if obj is not None and obj.deleted_at is not None:
            return False
        has_power = obj is not None and (obj.is_superuser or is_a_peer(obj))
        if has_power and not _by(request).is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Roles are given by administrators, and by nobody to themselves."""
        fields = super().get_readonly_fields(request, obj)
        if _by(request).is_superuser and obj != request.user:
            return fields
        return (*fields, "is_staff", "is_superuser", "groups")

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        form = super().get_form(request, *args, **kwargs)
        return type(form.__name__, (form,), {"by": request.user})

    def save_model(
        self,
        request: HttpRequest,
        obj: User,
        form: "forms.ModelForm[User]",
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        """By the verbs. Who makes an account vouches for its address: no mail."""
        if change:
            managing.save_on_admin_site(obj, by=_by(request))
        else:
            super().save_model(request, obj, form, change)
            audit.record(AuditEntry.Action.USER_CREATED, by=_by(request), on=obj)
        obj.vouch()

    def save_related(
        self,
        request: HttpRequest,
        form: Any,
        formsets: Any,
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        groups = form.cleaned_data.pop("groups", None)
        super().save_related(request, form, formsets, change)
        if groups is not None:
            managing.set_groups(form.instance, groups, by=_by(request))

    @transaction.atomic
    def user_change_password(
        self, request: HttpRequest, id: str, form_url: str = ""
    ) -> HttpResponse:
        """Puts down who gave somebody another password."""
        answer: HttpResponse = super().user_change_password(request, id, form_url)
        if request.method == "POST" and answer.status_code == _DONE:
            user = User.objects.get(pk=id)
            audit.record(AuditEntry.Action.PASSWORD_CHANGED, by=_by(request), on=user)
        return answer


admin.site.unregister(Group)


@admin.register(Group)
class RoleAdmin(GroupAdmin):
    """Roles are made by administrators: others could give themselves any power."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return _by(request).is_superuser

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _by(request).is_superuser

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _by(request).is_superuser

    def save_related(
        self,
        request: HttpRequest,
        form: Any,
        formsets: Any,
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        before = set(form.instance.permissions.all())
        super().save_related(request, form, formsets, change)
        roles.put_down_change(form.instance, before, by=_by(request))

    def delete_model(self, request: HttpRequest, obj: Group) -> None:
        roles.delete(obj, by=_by(request))

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for role in queryset:
            roles.delete(role, by=_by(request))


class _SignInAdmin:
    """What somebody signs in with: to look at and to take away, without the secrets."""

    search_fields = ("user__email", "user__full_name")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _by(request).is_superuser

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        raise NotImplementedError

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for each in queryset:
            self.delete_model(request, each)


admin.site.unregister(Authenticator)
admin.site.unregister(EmailAddress)
admin.site.unregister(UserSession)


@admin.register(EmailAddress)
class AddressAdmin(EmailAddressAdmin):  # type: ignore[misc]
    """Who signs in by which address: each change is on the audit log, at its user."""

    def save_model(
        self,
        request: HttpRequest,
        obj: EmailAddress,
        form: Any,
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        super().save_model(request, obj, form, change)
        if form.has_changed():
            self._put_down("~" if change else "+", obj, request)

    def delete_model(self, request: HttpRequest, obj: EmailAddress) -> None:
        self._put_down("−", obj, request)
        super().delete_model(request, obj)

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for each in queryset:
            self.delete_model(request, each)

    @admin.action(description=EmailAddressAdmin.make_verified.short_description)
    @transaction.atomic
    def make_verified(self, request: HttpRequest, queryset: Any) -> None:
        chosen = list(queryset.filter(verified=False).values_list("pk", flat=True))
        super().make_verified(request, queryset)
        for each in EmailAddress.objects.filter(pk__in=chosen, verified=True):
            self._put_down("~", each, request)

    @staticmethod
    def _put_down(sign: str, address: EmailAddress, request: HttpRequest) -> None:
        marks = [
            words
            for words, holds in (
                (_("primary"), address.primary),
                (_("verified"), address.verified),
            )
            if holds
        ]
        more = f" ({', '.join(map(str, marks))})" if marks else ""
        audit.record(
            AuditEntry.Action.EMAIL_CHANGED,
            by=_by(request),
            on=address.user,
            reason=f"{sign} {address.email}{more}",
        )


@admin.register(Authenticator)
class SecondFactorAdmin(_SignInAdmin, AuthenticatorAdmin):  # type: ignore[misc]
    """For who has lost theirs."""

    exclude = ("data",)

    @transaction.atomic
    def delete_model(self, request: HttpRequest, obj: Authenticator) -> None:
        action = AuditEntry.Action.SECOND_FACTOR_OFF
        audit.record(action, by=_by(request), on=obj.user, reason=str(obj))
        obj.delete()


@admin.register(UserSession)
class SessionAdmin(_SignInAdmin, UserSessionAdmin):  # type: ignore[misc]
    exclude = ("session_key", "data")

    def delete_model(self, request: HttpRequest, obj: UserSession) -> None:
        """The session itself, too."""
        obj.end()


def _by(request: HttpRequest) -> User:
    return cast("User", request.user)  # the admin site asks for sign-in
