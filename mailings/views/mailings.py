"""Mailings: list, detail with live state, create, edit, delete; what can be done."""

from collections.abc import Collection
from datetime import datetime, timedelta
from email.utils import parseaddr
from typing import Any, ClassVar, cast
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from mailings import lifecycle
from mailings.condition import Condition, condition
from mailings.forms.fields import AT_MOST, is_key
from mailings.forms.mailing import MailingForm
from mailings.models import Client, ClientList, Mailing, Message, Run
from mailings.outlook import coming
from mailings.pace import progress
from mailings.tables import RunTable
from mailings.timeline import timeline
from mailings.views.access import AtHand, ByOwner, Changeable, Own, Visible
from mailings.views.foreseeing import foreseen
from mailsvc.numbers import grouped
from mailsvc.views import (
    ConfirmPage,
    CreatePage,
    DetailPage,
    UpdatePage,
)
from users.models import User
from users.permissions import can

RUNS_SHOWN = 10
_SOON = timedelta(minutes=2)
_NOT_CARRIED = ("csrfmiddlewaretoken", "key", "once", "show")


class WasDeleted(Http404):
    """404.html knows it by its name."""


class _Existing:
    def get_queryset(self) -> "QuerySet[Any]":
        rows: Any = super().get_queryset()  # type: ignore[misc]
        existing: QuerySet[Any] = rows.existing()
        return existing.select_related("owner", "message", "held_by")

    def get_object(self, queryset: Any = None) -> Any:
        """Who could see a mailing that is deleted now, is told so."""
        try:
            return super().get_object(queryset)  # type: ignore[misc]
        except (Http404, PermissionDenied):
            seen = Mailing.objects.visible_to(self.user)  # type: ignore[attr-defined]
            gone = seen.filter(pk=self.kwargs["pk"], deleted_at__isnull=False)  # type: ignore[attr-defined]
            if gone.exists():
                raise WasDeleted from None
            raise


class VisibleMailings(_Existing, Visible):
    model = Mailing


class MailingsAtHand(_Existing, AtHand):
    model = Mailing


class ChangeableMailings(_Existing, Changeable):
    model = Mailing


class OwnMailings(_Existing, Own):
    model = Mailing


def live_state(
    mailing: Mailing, now: datetime, *, lists: Collection[int], picked: int
) -> dict[str, Any]:
    """What changes while one looks at a mailing, and how soon to look again."""
    runs = list(mailing.runs.all()[: RUNS_SHOWN + 1])
    ahead = coming(mailing, now, last=runs[0].scheduled_for if runs else None)
    found = condition(now)
    recipients, suppressed = mailing.reach(lists=lists, picked=picked).figures()
    return {
        "mailing": mailing,
        "condition": found,
        "recipients": recipients,
        "suppressed": suppressed,
        "outlook": ahead if mailing.is_live else None,
        "timeline": timeline(
            mailing,
            runs=runs,
            next_start=min(ahead.moments, default=None) if mailing.is_live else None,
        ),
        "runs": RunTable(runs[:RUNS_SHOWN], orderable=False),
        "open_runs": [run for run in runs if run.is_open],
        "newest_run": max((run.pk for run in runs), default=0),
        "has_more_runs": len(runs) > RUNS_SHOWN,
        "refresh": _seconds_to_next_look(mailing, runs, ahead.moments, found),
    }


def _seconds_to_next_look(
    mailing: Mailing, runs: list[Run], upcoming: list[datetime], found: Condition
) -> int | None:
    """Seldom while all that is left only waits; not at all if nothing is left."""
    open_runs = [run for run in runs if run.is_open]
    if any(each.is_moving for each in progress(open_runs, found)):
        return 2
    if mailing.status == Mailing.Status.FINISHED and not open_runs:
        return None
    # What is made inside its window begins when it is made.
    first = None if runs else mailing.next_occurrence(None)
    expected = [*upcoming[:1], *([max(first, mailing.created_at)] if first else [])]
    soon = any(abs(moment - found.at) < _SOON for moment in expected)
    return 2 if soon and mailing.is_live else 30


class MailingDetailPage(VisibleMailings, DetailPage):
    template_name = "mailings/mailing_detail.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        now = timezone.now()
        lists, picked = list(self._lists()), self.object.clients.count()
        keys = [each.pk for each in lists]
        state = live_state(self.object, now, lists=keys, picked=picked)
        return super().get_context_data(
            **state,
            chosen_clients=picked,
            chosen_lists=lists,
            message_has_page=self._message_has_page(),
            situation=situation(self.object),
            receiving=state["recipients"] - state["suppressed"],
            is_unfinished=self.object.status != Mailing.Status.FINISHED,
            why_not_send=why_not_send(self.object, now),
            may_hold=self.object.may_be_held_by(self.user),
            **kwargs,
        )

    def _lists(self) -> "QuerySet[ClientList]":
        """With the mailing alone its lists are not shared: a name, and no link."""
        visible = ClientList.objects.visible_to(self.user)
        has_page = Exists(visible.filter(pk=OuterRef("pk")))
        lists: QuerySet[ClientList] = self.object.lists.annotate(has_page=has_page)
        return lists

    def _message_has_page(self) -> bool:
        message = self.object.message
        return self.object.is_own or (
            message is not None and can(self.user, "view", message)
        )


def why_not_send(mailing: Mailing, now: datetime) -> str:
    """What a disabled button says; "" if it is not."""
    if mailing.status == Mailing.Status.FINISHED:
        return gettext("The mailing is over. To send again, duplicate it.")
    if now >= mailing.end_at:
        return gettext("The time of the mailing is over.")
    return lifecycle.obstacle_to_sending(mailing)


class MailingLivePart(MailingDetailPage):
    """What htmx fetches again and again; `was` is the situation that the page shows."""

    template_name = "mailings/_mailing_live.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = super().get(request, *args, **kwargs)
        if request.GET.get("was") != situation(self.object):
            # Other buttons apply now: the whole page is out of date.
            response["HX-Refresh"] = "true"
        return response


def situation(mailing: Mailing) -> str:
    """Changes when what can be done with the mailing changes."""
    flags = ("paused" * mailing.is_paused, "held" * mailing.is_held)
    return "-".join((mailing.status, *filter(None, flags)))


class _MailingFormPage(ByOwner):
    form_class: Any = MailingForm
    template_name: Any = "mailings/mailing_form.html"
    request: HttpRequest
    object: Any
    verb: ClassVar[Any]

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """`show`: no more than a look at what the form would do."""
        if "show" not in request.POST:
            answer: HttpResponse = super().post(request, *args, **kwargs)  # type: ignore[misc]
            return answer
        self.object = self._edited()
        form = self.get_form()  # type: ignore[attr-defined]
        return self.render_to_response(  # type: ignore[attr-defined,no-any-return]
            self.get_context_data(form=form, **foreseen(form))  # type: ignore[attr-defined]
        )

    def _edited(self) -> Mailing | None:
        return None

    def saved(self) -> None:
        type(self).verb(self.object, by=self.request.user)
        # Not how many: of a million that takes longer than all the rest.
        reach = self.object.reach()
        if not reach.exists():
            words = gettext("At the moment this mailing has no recipients.")
            messages.warning(self.request, words)
        elif suppressed := reach.suppressed():
            words = ngettext(
                "%(count)s of the recipients is suppressed and gets nothing.",
                "%(count)s of the recipients are suppressed and get nothing.",
                suppressed,
            )
            messages.info(self.request, words % {"count": grouped(suppressed)})


class MailingCreatePage(VisibleMailings, _MailingFormPage, CreatePage):
    """
    In two steps: the form, and a page that asks whether to start what it says.

    The form has a key, which that page hands on: sent again, by a double click or after
    going back, it makes one mailing.
    """

    verb = lifecycle.launch
    success_message = _("The mailing is saved and in service.")

    def form_valid(self, form: Any) -> HttpResponse:
        launched = self._launched(self.key)
        if launched is not None:
            return self._launched_before(launched)
        if _key(self.request.POST.get("key", "")) is None:
            return self._ask(form)
        form.instance.launch_key = self.key
        try:
            return super().form_valid(form)
        except IntegrityError:
            # The other of two clicks was quicker.
            launched = self._launched(self.key)
            if launched is None:
                raise
            return self._launched_before(launched)

    @cached_property
    def key(self) -> UUID:
        """Of the page that asks (`key`), or of the form (`once`); else a new one."""
        posted = (_key(self.request.POST.get(name, "")) for name in ("key", "once"))
        return next(filter(None, posted), None) or uuid4()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**{"key": self.key} | kwargs)

    def _launched_before(self, launched: Mailing) -> HttpResponse:
        words = gettext(
            "It has been started already, here it is. For one more like it, "
            "duplicate it."
        )
        messages.info(self.request, words)
        return redirect(launched)

    def _launched(self, key: UUID) -> Mailing | None:
        return Mailing.objects.owned_by(self.user).filter(launch_key=key).first()

    def _ask(self, form: Any) -> HttpResponse:
        context = self.get_context_data(
            form=form,
            carried=_carried(self.request.POST),
            sender=_sender(form.owner),
            attachments=form.instance.message.attachments.described(),
            **foreseen(form),
        )
        return render(self.request, "mailings/mailing_check.html", context)

    def get_initial(self) -> dict[str, Any]:
        """`?message=` comes from its page, `?client=` are those that were ticked."""
        initial: dict[str, Any] = {}
        wanted = self.request.GET.get("message", "")
        if is_key(wanted):
            own = Message.objects.owned_by(self.user)
            initial["message"] = own.filter(pk=wanted).first()
        if picked := list(filter(is_key, self.request.GET.getlist("client")))[:AT_MOST]:
            clients = Client.objects.owned_by(self.user)
            initial["clients"] = list(clients.filter(pk__in=picked))
        return initial


def _sender(owner: User) -> str:
    """As the letters will have it: the owner's name, the installation's address."""
    name, address = parseaddr(settings.DEFAULT_FROM_EMAIL)
    name = owner.full_name or name
    return f"{name} <{address}>" if name else address


def _key(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _carried(data: QueryDict) -> list[tuple[str, str]]:
    """What the form was filled in with, for the page that asks."""
    return [
        (name, str(value))
        for name, values in data.lists()
        if name not in _NOT_CARRIED and not name.endswith("-search")
        for value in values
    ]


class MailingUpdatePage(ChangeableMailings, _MailingFormPage, UpdatePage):
    verb = lifecycle.revise
    success_message = _("The mailing is saved.")

    def _edited(self) -> Mailing:
        return cast("Mailing", self.get_object())


class MailingDeletePage(OwnMailings, ConfirmPage):
    success_url = reverse_lazy("mailings:mailing-list")
    title = _("Delete mailing")
    question = _("Delete this mailing?")
    consequence = _(
        "What is not sent yet is cancelled. What was sent stays in the history of the "
        "runs."
    )
    success_message = _("The mailing is deleted.")

    def confirmed(self) -> None:
        lifecycle.delete(self.object, by=self.user)
