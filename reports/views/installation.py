"""Sending is held: why, what would go out, and the button that lets it."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.generic import TemplateView

from mailings.confirming import confirm_installation
from mailings.delivery.forecast import forecast
from mailings.delivery.identity import hold
from mailings.lifecycle import NotPossible
from reports.views.access import Permitted

SHOWN = 100  # mailings


class InstallationPage(Permitted, TemplateView):
    permission_required = "mailings.confirm_installation"
    template_name = "reports/installation.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        now = timezone.now()
        held = hold(now)
        prospects = forecast(now) if held else []
        holds = self.user.has_perm("mailings.hold_mailing")
        return super().get_context_data(
            hold=held,
            prospects=[
                (each, holds and each.mailing.may_be_held_by(self.user))
                for each in prospects[:SHOWN]
            ],
            mailings=len(prospects),
            messages_waiting=sum(each.messages for each in prospects),
            is_cut=len(prospects) > SHOWN,
            **kwargs,
        )

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            confirm_installation(by=self.user)
        except NotPossible as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, _("Confirmed: sending goes on."))
        return redirect("reports:manage-installation")
