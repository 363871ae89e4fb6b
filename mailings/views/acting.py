"""What is done with a mailing by one button: pause, resume, stop, send now."""

from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views import View

from mailings import lifecycle
from mailings.models import Mailing
from mailings.views.mailings import ChangeableMailings
from mailsvc.views import AsksFirst, Words


class MailingAction(ChangeableMailings, AsksFirst, View):
    """POST only: does one thing with a mailing and says so, or why not."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        mailing = cast("Mailing", self.get_object())
        if page := self.asked_first(mailing):
            return page
        try:
            messages.success(request, str(self.act(mailing)))
        except lifecycle.NotPossible as refusal:
            messages.error(request, str(refusal))
        back = request.POST.get("next", "")
        is_ours = url_has_allowed_host_and_scheme(
            back, {request.get_host()}, require_https=request.is_secure()
        )
        return redirect(back if is_ours else mailing.get_absolute_url())

    def question_about(self, thing: Mailing) -> Words:
        return ""

    def act(self, mailing: Mailing) -> Words:
        """Does it, and returns what to tell the user."""
        raise NotImplementedError


class MailingPause(MailingAction):
    def act(self, mailing: Mailing) -> Words:
        lifecycle.pause(mailing, by=self.user)
        return _("The mailing is paused. What is being handed over now is finished.")


class MailingResume(MailingAction):
    def act(self, mailing: Mailing) -> Words:
        lifecycle.resume(mailing, by=self.user)
        return _("The mailing goes on.")


class MailingStop(MailingAction):
    button = _("Stop")

    def question_about(self, thing: Mailing) -> Words:
        return _("Stop this mailing for good? What is not sent yet is cancelled.")

    def act(self, mailing: Mailing) -> Words:
        lifecycle.stop(mailing, by=self.user)
        return _("The mailing is stopped for good.")


class MailingSendNow(MailingAction):
    button = _("Send now")

    def question_about(self, thing: Mailing) -> Words:
        recipients, suppressed = thing.reach().figures()
        count = recipients - suppressed
        words = ngettext(
            "Send now to %(counter)s recipient?",
            "Send now to %(counter)s recipients?",
            count,
        )
        return words % {"counter": count}

    def act(self, mailing: Mailing) -> Words:
        after = self.request.POST.get("after", "")
        known = int(after) if after.isascii() and after.isdigit() else None
        lifecycle.send_soon(mailing, by=self.user, after=known)
        return _("Sending has begun.")
