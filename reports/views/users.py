"""All users: the list, a user's page, and what managers do with users."""

from typing import Any

from allauth.account.forms import ResetPasswordForm
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django_tables2 import SingleTableMixin

from mailings import departure, lifecycle
from mailings.models import Mailing
from mailsvc.numbers import grouped
from mailsvc.views import CreatePage, DetailPage, TablePage, UpdatePage
from reports import ledger, people
from reports.filters import UserFilter
from reports.forms import NewUserForm, UserForm
from reports.tables import (
    AllMailingsTable,
    AuditTable,
    UserTable,
    history_url,
    roles_of,
    user_badge,
)
from reports.views.access import Permitted, ReasonPage
from users import blocking, history, managing
from users.history import Change
from users.models import AuditEntry, User
from users.tables import HistoryTable

SHOWN = 10


def address_of(person: User | None, reader: User) -> str:
    """The page of a user, or of all of them; the first page for who may not see it."""
    if not reader.has_perm("users.view_all_users"):
        return reverse("home")
    if person is None:
        return reverse("reports:manage-users")
    return reverse("reports:manage-user", args=[person.pk])


class UserListPage(Permitted, TablePage):
    permission_required = "users.view_all_users"
    template_name = "reports/table_page.html"
    table_class = UserTable
    filterset_class = UserFilter
    title = _("Users")
    create_label = _("New user")

    @property
    def create_url(self) -> str:  # type: ignore[override]
        may = self.user.has_perm("users.manage_users")
        return "reports:manage-user-create" if may else ""

    def get_queryset(self) -> "QuerySet[Any]":
        users = User.objects.existing().select_related("blocked_by")
        return people.with_activity(
            users.prefetch_related("groups").order_by("email", "pk")
        )


class _UserPage(Permitted):
    """A page about one user; `may` says who may go there, others are refused (403)."""

    object: Any
    may: Any = None
    context_object_name: Any = "person"  # `user` is who reads the page

    def get_queryset(self) -> "QuerySet[Any]":
        return User.objects.existing().select_related("blocked_by")

    def get_object(self, queryset: Any = None) -> User:
        user: User = super().get_object(queryset)  # type: ignore[misc]
        if self.may is not None and not self.may(self.user, user):
            raise PermissionDenied
        return user

    def get_success_url(self) -> str:
        return address_of(self.object, self.user)

    get_cancel_url = get_success_url


class UserDetailPage(_UserPage, DetailPage):
    permission_required = "users.view_all_users"
    template_name = "reports/user_detail.html"

    def get_queryset(self) -> "QuerySet[Any]":
        return people.with_activity(super().get_queryset())

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        person = self.object
        return super().get_context_data(
            badge=user_badge(person).__html__(),
            roles=roles_of(person),
            may_manage=managing.may_manage(self.user, person),
            may_block=blocking.may_block(self.user, person),
            mailings=self.mailings(),
            audit=self.audit(),
            history_url=history_url(person),
            **kwargs,
        )

    def mailings(self) -> AllMailingsTable | None:
        if not self.user.has_perm("mailings.view_all_mailings"):
            return None
        rows = Mailing.objects.owned_by(self.object).select_related("owner")
        shown = list(ledger.with_totals(rows)[:SHOWN])
        table = AllMailingsTable(
            shown, orderable=False, exclude=["owner", "unsubscribed"]
        )
        table.request = self.request
        return table

    def audit(self) -> AuditTable | None:
        if not self.user.has_perm("users.view_audit_log"):
            return None
        entries = AuditEntry.objects.filter(
            object_type=User._meta.label_lower, object_id=self.object.pk
        )
        return AuditTable(list(entries[:SHOWN]), orderable=False)


class UserHistoryPage(_UserPage, SingleTableMixin, DetailPage):  # type: ignore[misc]
    permission_required = "users.view_all_users"
    template_name = "reports/user_history.html"
    table_class = HistoryTable

    def get_table_data(self) -> list[Change]:
        return history.of(self.object)


class _ByManager:
    """Gives the form who asks; what the verb refuses is said on the page."""

    def get_form_kwargs(self) -> dict[str, Any]:
        kwargs: dict[str, Any] = super().get_form_kwargs()  # type: ignore[misc]
        return kwargs | {"by": self.user}  # type: ignore[attr-defined]

    def form_valid(self, form: Any) -> Any:
        try:
            return super().form_valid(form)  # type: ignore[misc]
        except blocking.NotAllowed as refusal:
            form.add_error(None, str(refusal))
            return self.form_invalid(form)  # type: ignore[attr-defined]


class UserCreatePage(Permitted, _ByManager, CreatePage):
    permission_required = "users.manage_users"
    template_name = "reports/form_page.html"
    model = User
    form_class = NewUserForm
    title = _("New user")
    lead = _("They set their password by a link that they get by e-mail.")
    success_message = _("The user is created.")

    def form_valid(self, form: Any) -> Any:
        answer = super().form_valid(form)
        if self.object is not None:
            self._send_link()
        return answer

    def _send_link(self) -> None:
        form = ResetPasswordForm({"email": self.object.email})
        if form.is_valid():
            form.save(self.request)

    def get_success_url(self) -> str:
        return address_of(self.object, self.user)

    def get_cancel_url(self) -> str:
        return address_of(None, self.user)


class UserUpdatePage(_UserPage, _ByManager, UpdatePage):
    permission_required = "users.manage_users"
    template_name = "reports/form_page.html"
    form_class = UserForm
    title = _("Edit user")
    may = staticmethod(managing.may_manage)


class UserDeletePage(_UserPage, ReasonPage):
    permission_required = "users.manage_users"
    template_name = "reports/user_delete.html"
    title = _("Delete user")
    question = _("Delete this user?")
    button = _("Delete")
    reason_help = _("It stays on the audit log.")
    success_message = _("The user is deleted.")
    may = staticmethod(managing.may_manage)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        belongings = departure.belongings_of(self.object)
        return super().get_context_data(belongings=belongings, **kwargs)

    def act(self, reason: str) -> None:
        departure.delete_user(self.object, by=self.user, reason=reason)

    def get_success_url(self) -> str:
        return address_of(None, self.user)


class UserBlockPage(_UserPage, ReasonPage):
    permission_required = "users.block_user"
    title = _("Block user")
    question = _("Block this user?")
    button = _("Block")
    reason_help = _("The user sees it. It stays on the audit log.")
    success_message = _("The user is blocked.")
    may = staticmethod(blocking.may_block)

    @property
    def consequence(self) -> str:
        """How much stops."""
        count = Mailing.objects.owned_by(self.object).live().count()
        stops = ngettext(
            "%(count)s mailing stops.", "%(count)s mailings stop.", count
        ) % {"count": grouped(count)}
        words = _(
            "The user is signed out everywhere and can't sign in. Nothing of theirs is "
            "sent from the next message on; what waits goes on waiting until they are "
            "unblocked or its time is over."
        )
        return f"{stops} {words}"

    def act(self, reason: str) -> None:
        blocking.block(self.object, by=self.user, reason=reason)


class UserUnblockPage(_UserPage, ReasonPage):
    permission_required = "users.block_user"
    title = _("Unblock user")
    question = _("Unblock this user?")
    consequence = _(
        "They can sign in again. What of theirs is still inside its time goes on."
    )
    button = _("Unblock")
    reason_help = _("The user sees it. It stays on the audit log.")
    success_message = _("The user is unblocked.")
    may = staticmethod(blocking.may_block)

    def act(self, reason: str) -> None:
        blocking.unblock(self.object, by=self.user, reason=reason)
        lifecycle.settle(timezone.now())  # not only at the next sweep
