"""The filters above the tables of the reports, and the managers'."""

import re
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import django_filters
from django import forms
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from mailings.filters import MailingFilter
from mailings.forms.fields import LocalDateTimeField
from mailings.models import Attempt, Delivery, Mailing, Run
from mailsvc.filters import BaseFilter, SearchFilter, containing
from mailsvc.views import Words
from reports.details import Question
from reports.overview import Period
from reports.people import IN_STATE, State
from users import roles
from users.models import AuditEntry, User

_LARGEST_ID = 2**63 - 1


class AllMailingsFilter(MailingFilter):
    """The filter of everybody's own list, and whose."""

    STOPPED = Q(held_at__isnull=False) | Q(owner__is_active=False)

    # What `deleted` says if it is to have any effect: the page begins without them.
    WITH_DELETED = ("yes", "all")

    # Whoever complains has an address, a subject or a sentence: no title.
    q = SearchFilter(
        *("title", "owner__email", "owner__full_name", "message__subject"),
        *("message__body", "message__body_html"),
        label=_("Search: title, owner, words of the message"),
        method="of_words",
    )

    owner = SearchFilter("owner__email", "owner__full_name", label=_("Owner"))
    stopped = django_filters.ChoiceFilter(
        label=_("Held or owner blocked"),
        empty_label=_("any"),
        choices=[("yes", _("yes")), ("no", _("no"))],
        method="of_stopped",
    )

    deleted = django_filters.ChoiceFilter(
        label=_("Deleted"),
        empty_label=_("no"),
        choices=[("yes", _("yes")), ("all", pgettext_lazy("filter", "all"))],
        method="of_deleted",
    )

    def of_deleted(
        self, rows: "QuerySet[Mailing]", name: str, value: str
    ) -> "QuerySet[Mailing]":
        return rows.exclude(deleted_at=None) if value == "yes" else rows

    def of_words(
        self, rows: "QuerySet[Mailing]", name: str, value: str
    ) -> "QuerySet[Mailing]":
        """A deleted mailing has no message any more, but what its runs have sent."""
        text = value.strip()
        found = containing(rows, text, self.filters["q"].fields)
        if self.data.get("deleted") not in self.WITH_DELETED:
            return found
        runs = Run.objects.exclude(mailing__deleted_at=None)
        sent = containing(runs, text, ["subject", "body", "body_html"])
        keys = found.order_by().values("pk"), sent.order_by().values("mailing")
        return rows.filter(Q(pk__in=keys[0]) | Q(pk__in=keys[1]))

    def of_stopped(
        self, rows: "QuerySet[Mailing]", name: str, value: str
    ) -> "QuerySet[Mailing]":
        return rows.filter(self.STOPPED if value == "yes" else ~self.STOPPED)


def _day(name: str, label: Words) -> django_filters.DateFilter:
    """A day of the period; it chooses runs, not rows: `OverviewFilter.period`."""
    return django_filters.DateFilter(
        field_name=name,
        method="all_rows",
        label=label,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )


class PeriodForm(forms.Form):
    """`since` and `until`, whatever kind of moment they are."""

    def clean(self) -> dict[str, Any] | None:
        values = super().clean() or self.cleaned_data
        since, until = values.get("since"), values.get("until")
        if since and until and until < since:
            self.add_error("until", _("The end is before the start."))
        return values


class OverviewFilter(MailingFilter):
    """Adds the figures of the period that is asked for."""

    class Meta:
        form = PeriodForm

    since = _day("since", pgettext_lazy("period", "From"))
    until = _day("until", pgettext_lazy("period", "To"))

    def all_rows(
        self, rows: "QuerySet[Mailing]", name: str, value: object
    ) -> "QuerySet[Mailing]":
        return rows

    @property
    def period(self) -> Period:
        values = self.form.cleaned_data if self.form.is_valid() else {}
        return Period(values.get("since"), values.get("until"))

    @property
    def question(self) -> dict[str, object]:
        """What was asked for, as plain values."""
        return dict(self.form.cleaned_data) if self.form.is_valid() else {}


class AllOverviewFilter(OverviewFilter):
    owner = SearchFilter("owner__email", "owner__full_name", label=_("Owner"))


class Code(NamedTuple):
    """A reply code and an enhanced one; None: any. 0 and "" are attempts without."""

    code: int | None = None
    enhanced_code: str | None = None


class CodeField(forms.CharField):
    """550, 5.1.1 or 550 5.1.1; 0: no reply; `550 -`: 550 without an enhanced code."""

    _FORM = re.compile(
        r"(?P<code>0|[2-5]\d\d)?(?:(?:^| +)(?P<enhanced>-|[245]\.\d{1,3}\.\d{1,3}))?"
    )

    def clean(self, value: object) -> Code:
        found = self._FORM.fullmatch(" ".join(str(value or "").split()))
        if found is None:
            raise ValidationError(
                _("A code is written like 550, 5.1.1 or 550 5.1.1; 0 is no reply.")
            )
        code, enhanced = found["code"], found["enhanced"]
        return Code(
            None if code is None else int(code), "" if enhanced == "-" else enhanced
        )


class CodeFilter(django_filters.Filter):  # type: ignore[misc]
    field_class = CodeField

    def filter(self, qs: "QuerySet[Attempt]", value: Code) -> "QuerySet[Attempt]":
        if value.code is not None:
            qs = qs.filter(code=value.code or None)
        if value.enhanced_code is not None:
            qs = qs.filter(enhanced_code=value.enhanced_code)
        return qs


class MomentFilter(django_filters.Filter):  # type: ignore[misc]
    field_class = LocalDateTimeField


class AttemptFilter(BaseFilter):
    class Meta:
        form = PeriodForm

    outcome = django_filters.ChoiceFilter(
        label=_("Outcome"), empty_label=_("any"), choices=Attempt.Outcome.choices
    )
    code = CodeFilter(
        label=_("Code"),
        widget=forms.TextInput(
            attrs={"placeholder": "550, 5.1.1, 550 5.1.1", "spellcheck": "false"}
        ),
    )
    # The whole address: there is an index for it, and none for parts.
    email = django_filters.CharFilter(
        label=_("E-mail of the recipient"),
        method="of_recipient",
        max_length=254,
        widget=forms.TextInput(attrs={"inputmode": "email", "spellcheck": "false"}),
    )
    since = MomentFilter(
        field_name="started_at",
        lookup_expr="gte",
        label=pgettext_lazy("period", "From"),
    )
    until = MomentFilter(method="until_then", label=pgettext_lazy("period", "To"))

    def of_recipient(
        self, rows: "QuerySet[Attempt]", name: str, value: str
    ) -> "QuerySet[Attempt]":
        to = Delivery.objects.annotate(address=Lower("email"))
        return rows.filter(delivery__in=to.filter(address=value.strip().lower()))

    def until_then(
        self, rows: "QuerySet[Attempt]", name: str, value: datetime
    ) -> "QuerySet[Attempt]":
        return rows.filter(started_at__lt=_end_of(value))

    @property
    def question(self) -> Question:
        values = self.form.cleaned_data if self.form.is_valid() else {}
        code = values.get("code") or Code()
        until = values.get("until")
        return Question(
            outcome=values.get("outcome") or "",
            code=code.code,
            enhanced_code=code.enhanced_code,
            since=values.get("since"),
            before=until and _end_of(until),
            email=values.get("email") or "",
        )


def _end_of(minute: datetime) -> datetime:
    return minute + timedelta(minutes=1)


class _RoleField(django_filters.fields.ModelChoiceField):  # type: ignore[misc]
    def label_from_instance(self, obj: Group) -> str:
        return roles.label(obj)


class _RoleFilter(django_filters.ModelChoiceFilter):  # type: ignore[misc]
    field_class = _RoleField


class UserFilter(BaseFilter):
    q = SearchFilter("email", "full_name")
    state = django_filters.ChoiceFilter(
        label=_("State"),
        empty_label=_("any"),
        choices=State.choices,
        method="of_state",
    )
    role = _RoleFilter(
        field_name="groups",
        label=_("Role"),
        empty_label=_("any"),
        queryset=Group.objects.order_by("name"),
    )

    def of_state(
        self, rows: "QuerySet[User]", name: str, value: str
    ) -> "QuerySet[User]":
        return rows.filter(IN_STATE[State(value)])


class AuditFilter(BaseFilter):
    """`object_type` and `object_id` come from the page of an object: its history."""

    class Meta:
        form = PeriodForm

    who = SearchFilter("actor_email", label=_("Who"))
    action = django_filters.ChoiceFilter(
        label=_("What"), empty_label=_("anything"), choices=AuditEntry.Action.choices
    )
    q = SearchFilter("object_name", "reason", label=_("To what, or why"))
    since = django_filters.DateFilter(
        field_name="at",
        lookup_expr="date__gte",
        label=pgettext_lazy("period", "From"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    until = django_filters.DateFilter(
        field_name="at",
        lookup_expr="date__lte",
        label=pgettext_lazy("period", "To"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    object_type = django_filters.CharFilter(max_length=50, widget=forms.HiddenInput)
    object_id = django_filters.NumberFilter(
        min_value=0, max_value=_LARGEST_ID, widget=forms.HiddenInput
    )
