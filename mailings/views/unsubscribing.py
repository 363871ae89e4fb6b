"""
The page behind the link in a letter, and the address for the button that mail programs
show (RFC 8058).
"""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from mailings import suppressing, tokens


@method_decorator([login_not_required, csrf_exempt], name="dispatch")
class UnsubscribePage(View):
    """
    GET asks and changes nothing: scanners open every link. POST unsubscribes, whatever
    its body; no token of our forms and no cookie, for mail programs have none.

    The answer never tells whether there is such a token.
    """

    route = tokens.PATH

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        return self.answer(request, is_done=False)

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        suppressing.unsubscribe(token)
        return self.answer(request, is_done=True)

    def answer(self, request: HttpRequest, *, is_done: bool) -> HttpResponse:
        return render(request, "mailings/unsubscribe.html", {"is_done": is_done})
