"""The filters above the tables."""

import django_filters
from django import forms
from django.db.models import Exists, QuerySet
from django.utils.translation import gettext_lazy as _

from mailings.models import Client, ClientList, Delivery, Mailing, Run, Suppression
from mailings.models.suppression import against
from mailsvc.filters import BaseFilter, KeysFilter, SearchFilter


class ClientFilter(BaseFilter):
    q = SearchFilter("full_name", "email", "comment")


class ClientPageFilter(ClientFilter):
    """The search, a list, and who is written to."""

    pick = KeysFilter()
    list = django_filters.ModelChoiceFilter(
        field_name="lists",
        label=_("List"),
        empty_label=_("any"),
        queryset=lambda request: ClientList.objects.owned_by(request.user),
    )
    suppressed = django_filters.ChoiceFilter(
        label=_("Mail"),
        empty_label=_("any"),
        choices=(("no", _("Gets mailings")), *Suppression.Kind.choices),
        method="of_kind",
    )

    def of_kind(
        self, rows: "QuerySet[Client]", name: str, value: str
    ) -> "QuerySet[Client]":
        if value == "no":
            return rows.exclude(Exists(against("owner")))
        return rows.filter(Exists(against("owner").filter(kind=value)))


class SuppressionFilter(BaseFilter):
    q = SearchFilter("email", "words", "mailing")
    kind = django_filters.ChoiceFilter(
        label=_("Why"), empty_label=_("any"), choices=Suppression.Kind.choices
    )


class ClientListFilter(BaseFilter):
    q = SearchFilter("name")


class MessageFilter(BaseFilter):
    q = SearchFilter("subject", "body")


class MailingFilter(BaseFilter):
    HELD_UP = (("paused", _("Paused")), ("held", _("Held")))

    q = SearchFilter("title", "message__subject")
    status = django_filters.ChoiceFilter(
        label=_("Status"),
        empty_label=_("any"),
        choices=(*Mailing.Status.choices, *HELD_UP),
        method="of_status",
    )

    def of_status(
        self, rows: "QuerySet[Mailing]", name: str, value: str
    ) -> "QuerySet[Mailing]":
        if value == "paused":
            return rows.exclude(paused_at=None)
        if value == "held":
            return rows.exclude(held_at=None)
        return rows.filter(status=value)


class CalendarFilter(BaseFilter):
    q = SearchFilter("title", "message__subject", label=_("Mailing"))


class RunFilter(BaseFilter):
    mailing = django_filters.ModelChoiceFilter(
        queryset=lambda request: Mailing.objects.at_hand(request.user),
        widget=forms.HiddenInput,
    )
    q = SearchFilter("mailing__title", "subject")
    state = django_filters.ChoiceFilter(
        label=_("State"), empty_label=_("any"), choices=Run.State.choices
    )


class DeliveryFilter(BaseFilter):
    q = SearchFilter("full_name", "email")
    state = django_filters.ChoiceFilter(
        label=_("State"), empty_label=_("any"), choices=Delivery.State.choices
    )
    reason = django_filters.ChoiceFilter(
        label=_("Reason"),
        empty_label=_("any"),
        choices=[each for each in Delivery.Reason.choices if each[0]],
    )
