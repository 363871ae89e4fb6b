"""A mailing: what, to whom, when."""

from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from mailings.forms.fields import LocalDateTimeField, PickerField
from mailings.forms.owned import OwnedForm
from mailings.models import Client, ClientList, Mailing, Message
from mailings.models.reach import Reach

MESSAGES_SHOWN = 200
_FIRST_WINDOW = timedelta(days=1)


class MailingForm(OwnedForm):
    lists = PickerField(
        search_fields=["name"],
        search_url="mailings:list-options",
        label=_("Lists"),
    )
    clients = PickerField(
        search_fields=["full_name", "email"],
        search_url="mailings:client-options",
        label=_("Single clients"),
    )
    start_at = LocalDateTimeField(label=_("Start"))
    end_at = LocalDateTimeField(label=_("End"))

    class Meta:
        model = Mailing
        fields = [
            *("message", "all_clients", "start_at", "end_at", "periodicity"),
            *("title", "when_unknown"),
        ]
        help_texts = {
            "all_clients": _("Whoever is your client when a run begins."),
            "periodicity": _(
                "Monthly from the 31st: on the last day where a month is shorter."
            ),
            "when_unknown": _(
                "It had the message and broke off before it said whether it took it. "
                "Sending again is right where nobody may be left out and a second "
                "copy does no harm: bills, alarms."
            ),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer("lists", ClientList.objects.owned_by(self.owner))
        self.offer("clients", Client.objects.owned_by(self.owner))
        self._offer_all_clients()
        # Who does not say gets the careful answer.
        self.fields["when_unknown"].required = False
        self._offer_messages()
        self._set_times()

    def _offer_all_clients(self) -> None:
        """
        Whoever sends to all clients gets to know them: an editor may leave it as it
        is or take it back, and no more.
        """
        if self.user == self.owner:
            return
        if not self.instance.all_clients:
            del self.fields["all_clients"]
            return
        field = self.fields["all_clients"]
        field.label = _("all clients of %(owner)s") % {"owner": self.owner}
        field.help_text = ""

    def _offer_messages(self) -> None:
        """All own ones may be chosen, the newest and the chosen one are shown."""
        field: Any = self.fields["message"]
        own = self.usable(Message.objects.owned_by(self.owner), "message")
        field.queryset, field.required = own, True
        chosen = self["message"].value()
        shown = list(own.only("subject")[:MESSAGES_SHOWN])
        if str(chosen or "").isdigit() and int(chosen) not in [m.pk for m in shown]:
            shown += own.filter(pk=chosen)
        field.choices = [("", "—"), *((m.pk, m.subject) for m in shown)]
        if len(shown) >= MESSAGES_SHOWN:
            field.help_text = _("The newest %(count)d messages.") % {
                "count": MESSAGES_SHOWN
            }

    def _set_times(self) -> None:
        zone = timezone.get_current_timezone_name()
        self.fields["start_at"].help_text = _("On the clock of %(zone)s.") % {
            "zone": zone
        }
        self.fields["end_at"].help_text = _(
            "On the clock of %(zone)s. Nothing is sent from then on."
        ) % {"zone": zone}
        if self.instance.pk is None:
            self.instance.timezone = self.owner.timezone
            now = timezone.now()
            self.initial.setdefault("start_at", now)
            self.initial.setdefault("end_at", now + _FIRST_WINDOW)
        for name in ("start_at", "end_at"):
            # The form shows minutes: seconds alone are no change.
            self.initial[name] = self.initial[name].replace(second=0, microsecond=0)

    def clean_start_at(self) -> datetime:
        return self._unless_unchanged("start_at")

    def clean_end_at(self) -> datetime:
        end = self._unless_unchanged("end_at")
        if end <= timezone.now() and end != self.instance.end_at:
            raise ValidationError(_("The end must be in the future."))
        return end

    def clean_when_unknown(self) -> str:
        return str(self.cleaned_data["when_unknown"] or self.instance.when_unknown)

    def _unless_unchanged(self, name: str) -> datetime:
        """What was not touched keeps its seconds: the series hangs on its anchor."""
        if self.instance.pk is not None and name not in self.changed_data:
            return getattr(self.instance, name)  # type: ignore[no-any-return]
        return self.cleaned_data[name]  # type: ignore[no-any-return]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        start, end = cleaned.get("start_at"), cleaned.get("end_at")
        if start and end and start >= end:
            self.add_error("end_at", _("The end must be after the start."))
        # A picker that is kept as it is, or has an error, is not in `cleaned`.
        nobody = all(
            name in cleaned and not cleaned[name] for name in ("lists", "clients")
        )
        if nobody and not cleaned.get("all_clients"):
            self._say_nobody()
        return cleaned

    def _say_nobody(self) -> None:
        if "all_clients" in self.fields:
            words = _("Choose all clients, a list or single clients.")
            self.add_error("all_clients", words)
        else:
            self.add_error("lists", _("Choose a list or single clients."))

    def reach(self) -> Reach:
        """Whom the form as it is filled in reaches; validate it before."""
        if self.cleaned_data.get("all_clients"):
            return Reach(self.owner.pk, is_everybody=True)
        lists = [each.pk for each in self._chosen("lists")]
        return Reach(self.owner.pk, lists=lists, picked=self._chosen("clients"))

    def _chosen(self, name: str) -> "QuerySet[Any]":
        """Those picked; what is not shown stays as it is, what is wrong is nobody."""
        if name in self.cleaned_data:
            chosen: QuerySet[Any] = self.cleaned_data[name]
            return chosen
        if name in self.kept:
            kept: QuerySet[Any] = getattr(self.source, name).all()
            return kept
        return ClientList.objects.none() if name == "lists" else Client.objects.none()

    @property
    def repeats_elsewhere(self) -> bool:
        """The series keeps another zone's clock than the one that the form shows."""
        return str(self.instance.timezone) != timezone.get_current_timezone_name()
