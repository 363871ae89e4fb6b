"""What a form about a mailing would do, before it is saved."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views import View

from mailings.forms.mailing import MailingForm
from mailings.models import Mailing
from mailings.outlook import outlook
from mailings.views.access import Visible
from mailings.views.pickers import mailing_in_hand

TIMES = ("start_at", "end_at", "periodicity")


def foreseen(form: MailingForm) -> dict[str, Any]:
    """For the template: whom the form as it is filled in reaches, and when."""
    errors = form.errors
    total, suppressed = form.reach().figures()
    are_times_right = not any(name in errors for name in TIMES)
    return {
        "is_foreseen": True,
        "total": total,
        "suppressed": suppressed,
        "receiving": total - suppressed,
        "outlook": outlook(form.instance, timezone.now()) if are_times_right else None,
    }


class Foresee(Visible, View):
    """POST only: a piece of the form, whenever something in it was changed."""

    http_method_names = ["post"]
    model = Mailing

    def post(self, request: HttpRequest) -> HttpResponse:
        key = request.GET.get("mailing", "")
        instance = mailing_in_hand(self.user, key) if key else None
        key = request.GET.get("copy", "")
        original = mailing_in_hand(self.user, key) if key else None
        form = MailingForm(
            request.POST, instance=instance, original=original, owner=self.user
        )
        context = {"form": form, **foreseen(form), "live_fields": TIMES}
        return render(request, "mailings/_foreseen.html", context)
