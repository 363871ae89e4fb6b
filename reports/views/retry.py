"""Retry the failed: whom, how many, and go."""

from typing import Any, cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import ngettext
from django.views.generic import FormView

from mailings.lifecycle import NotPossible
from mailings.models import Run
from mailings.retrying import Failure, failed, retry_failed, why_not
from mailsvc.numbers import grouped
from reports.forms import RetryForm
from users.models import User

SHOWN = 50


class RetryPage(FormView):  # type: ignore[type-arg]
    """For who may change the mailing; `?delivery=` names one recipient."""

    form_class = RetryForm
    template_name = "reports/retry.html"

    @property
    def user(self) -> User:
        return cast("User", self.request.user)

    @cached_property
    def run(self) -> Run:
        pk = self.kwargs["pk"]
        runs = Run.objects.select_related("mailing__owner").filter(pk=pk)
        run = runs.filter(pk__in=Run.objects.changeable_by(self.user)).first()
        if run is not None:
            return run
        if runs.filter(pk__in=Run.objects.visible_to(self.user)).exists():
            raise PermissionDenied
        raise Http404

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        _ = self.run  # who may not, gets no further
        return super().dispatch(request, *args, **kwargs)

    def get_form_kwargs(self) -> dict[str, Any]:
        named = self.request.GET.get("delivery", "")
        is_key = named.isascii() and named.isdigit() and len(named) < 19
        one = failed(self.run, list(Failure)).filter(pk=named) if is_key else None
        return super().get_form_kwargs() | {
            "run": self.run,
            "one": one.first() if one else None,
        }

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        form = context["form"]
        rows = list(form.chosen()[: SHOWN + 1])
        return context | {
            "run": self.run,
            "objection": why_not(self.run, timezone.now()),
            "preview": rows[:SHOWN],
            "is_cut": len(rows) > SHOWN,
        }

    def form_valid(self, form: RetryForm) -> HttpResponse:
        if "preview" in self.request.POST:
            return self.render_to_response(self.get_context_data(form=form))
        try:
            count = retry_failed(
                self.run,
                by=self.user,
                failures=form.failures(),
                deliveries=form.named(),
            )
        except NotPossible as refusal:
            form.add_error(None, str(refusal))
            return self.form_invalid(form)
        words = ngettext(
            "%(count)s recipient is tried again.",
            "%(count)s recipients are tried again.",
            count,
        )
        messages.success(self.request, words % {"count": grouped(count)})
        return redirect(self.run)
