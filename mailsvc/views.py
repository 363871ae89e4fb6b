"""The shapes that pages have: a table, an object, a form, a question."""

from typing import Any, ClassVar

from django.contrib import messages
from django.db import IntegrityError, transaction
from django.forms import BaseModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.utils.cache import get_conditional_response
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.generic import CreateView, DeleteView, DetailView, UpdateView
from django_filters.views import FilterView
from django_tables2 import SingleTableMixin

from mailsvc import exports, versions

Words = str | Promise


class TablePage(SingleTableMixin, FilterView):  # type: ignore[misc]
    """A filter above a table. `create_url` names the address of the button."""

    template_name = "table_page.html"
    title: ClassVar[Words]
    lead: ClassVar[Words] = ""
    create_url: ClassVar[str] = ""
    create_label: ClassVar[Words] = ""

    @property
    def is_export(self) -> bool:
        return self.request.GET.get("export") in exports.KINDS

    def get_table(self, **kwargs: Any) -> Any:
        table = super().get_table(**kwargs)
        table.can_export = True
        return table

    def render_to_response(self, context: dict[str, Any], **kwargs: Any) -> Any:
        """`?export=csv` or `xlsx`: all rows of the table as it is filtered."""
        kind = self.request.GET.get("export")
        if kind is None:
            return super().render_to_response(context, **kwargs)
        if kind not in exports.KINDS:
            return HttpResponseBadRequest()
        name = self.request.resolver_match.url_name
        self.exported(kind)
        answer = exports.answer(context[self.context_table_name], name, kind)
        if (tag := self.export_tag()) is not None:
            answer["ETag"] = tag
            answer["Cache-Control"] = "private, no-cache"
        return answer

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Who has the file already, as it still would be, is told so (304)."""
        if self.is_export and "If-None-Match" in request.headers:
            tag = self.export_tag()
            unchanged = tag and get_conditional_response(request, etag=tag)
            if tag and unchanged:
                unchanged["ETag"] = tag
                unchanged["Cache-Control"] = "private, no-cache"
                return unchanged
        return super().get(request, *args, **kwargs)

    def export_version(self) -> object | None:
        """
        Figures that are others whenever a row of the table is, and are had without
        reading the rows; None if there are none: then the file is made each time.
        """
        return None

    def export_tag(self) -> str | None:
        version = self.export_version()
        if version is None:
            return None
        return exports.tag(self.request, (version, *self.table_class.base_columns))

    def exported(self, kind: str) -> None:
        """Somebody takes the table away: the place to put it on record."""


class DetailPage(DetailView):  # type: ignore[type-arg]
    pass


class FormPage:
    """Saves in one transaction, together with what `saved` does."""

    request: HttpRequest
    object: Any
    template_name: Any = "form_page.html"
    success_message: ClassVar[Words] = _("Saved.")

    def before_saving(self, form: "BaseModelForm[Any]") -> None:
        """The last moment to refuse it."""

    def saved(self) -> None:
        """What else belongs to saving."""

    def form_valid(self, form: "BaseModelForm[Any]") -> HttpResponse:
        try:
            with transaction.atomic():
                self.before_saving(form)
                self.object = form.save()
                self.saved()
        except IntegrityError:
            # Somebody was quicker: the form now finds out in words what is wrong.
            form.full_clean()
            if form.is_valid():
                raise
            return self.form_invalid(form)  # type: ignore[attr-defined,no-any-return]
        messages.success(self.request, str(self.success_message))
        return redirect(self.get_success_url())  # type: ignore[attr-defined]


class CreatePage(FormPage, CreateView):  # type: ignore[type-arg]
    pass


class _Overtaken(Exception):
    """Somebody has saved it since the form was opened."""


class UpdatePage(FormPage, UpdateView):  # type: ignore[type-arg]
    """A save over what was saved meanwhile is refused once, in words."""

    version = ""  # of what the form shows; the newer one, once they have been told

    def before_saving(self, form: "BaseModelForm[Any]") -> None:
        # Who asks is wrapped in a lazy object: its class is another.
        rows = form.instance._meta.model._default_manager.select_for_update()
        row = rows.filter(pk=form.instance.pk).first()
        posted = self.request.POST.get("version", "")
        if row is not None and versions.is_overtaken(posted, row, form):
            self.version = versions.opened(type(form)(**self._fresh(row)))
            raise _Overtaken

    def _fresh(self, row: Any) -> dict[str, Any]:
        """What a form that is opened now is made with."""
        kwargs = self.get_form_kwargs()
        return {k: v for k, v in kwargs.items() if k not in ("data", "files")} | {
            "instance": row
        }

    def form_valid(self, form: Any) -> HttpResponse:
        try:
            return super().form_valid(form)
        except _Overtaken:
            words = _(
                "This was changed since you opened it (%(moment)s), by somebody else "
                "or by you in another tab. What you have written is still here and not "
                "saved: save again to overwrite what was saved meanwhile."
            )
            moment = versions.opened_at(self.request.POST.get("version", ""))
            form.add_error(None, words % {"moment": moment})
            return self.form_invalid(form)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        version = self.version or self.request.POST.get("version", "")
        if self.request.method == "GET":
            version = versions.opened(context["form"])
        return context | {"version": version}


class ConfirmPage(DeleteView):  # type: ignore[type-arg]
    """A question before what can't be undone; `confirmed` does it."""

    template_name = "confirm_page.html"
    title: ClassVar[Words]
    question: ClassVar[Words]
    consequence: ClassVar[Words] = ""
    button: ClassVar[Words] = _("Delete")
    success_message: ClassVar[Words] = _("Deleted.")

    def confirmed(self) -> None:
        self.object.delete()

    def get_cancel_url(self) -> str:
        return str(self.object.get_absolute_url())

    def form_valid(self, form: Any) -> HttpResponse:
        self.confirmed()
        messages.success(self.request, str(self.success_message))
        return redirect(self.get_success_url())


class AsksFirst:
    """
    What a POST does needs the word `confirmed` in it. The dialog of confirm.js adds it;
    where there is no JavaScript, this page asks, with a button that does.
    """

    request: HttpRequest
    button: Words = _("Continue")
    consequence: Words = ""

    def question_about(self, thing: Any) -> Words:
        """In the words that the dialog has; nothing if it needs none."""
        raise NotImplementedError

    def asked_first(self, thing: Any) -> HttpResponse | None:
        """The page that asks, unless that has been done."""
        question = self.question_about(thing)
        if not question or "confirmed" in self.request.POST:
            return None
        carried = [
            (name, value)
            for name, values in self.request.POST.lists()
            if name != "csrfmiddlewaretoken"
            for value in values
        ]
        about = {
            "question": question,
            "consequence": self.consequence,
            "button": self.button,
            "get_cancel_url": thing.get_absolute_url(),
            "title": question,
        }
        carried.append(("confirmed", "1"))
        context = {"view": about, "object": thing, "carried": carried}
        return render(self.request, "confirm_page.html", context)


def foreign_html(markup: str) -> HttpResponse:
    """
    HTML that somebody wrote, for a frame: nothing of it acts, nor loads from elsewhere,
    even if it is opened on its own.
    """
    response = HttpResponse(f"<!doctype html>{markup}")
    response["Content-Security-Policy"] = (
        "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        "frame-ancestors 'self'"
    )
    response["X-Frame-Options"] = "SAMEORIGIN"
    return response


_FILES_OF_500 = {"theme": "js/theme.js", "style": "vendor/bootstrap/bootstrap.min.css"}


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500: a page that needs nothing but the id of the request."""
    number = getattr(getattr(request, "context", None), "request_id", "")
    files = {name: _file(path) for name, path in _FILES_OF_500.items()}
    return render(None, "500.html", {"request_id": number} | files, status=500)


def _file(path: str) -> str:
    """Its address; "" where static files were never collected, and all pages fail."""
    try:
        return static(path)
    except ValueError:
        return ""
