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

    Only who has the letter has its token: they are told whose address it was sent to,
    and by whom. Of all others nothing is known, however near they come.
    """

    route = tokens.PATH

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        return self.answer(request, token, is_done=False)

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        suppressing.unsubscribe(token)
        return self.answer(request, token, is_done=True)

    def answer(
        self, request: HttpRequest, token: str, *, is_done: bool
    ) -> HttpResponse:
        letter = suppressing.letter_of(token)
        is_test = letter is None and tokens.is_of_a_test(token)
        context = {
            "letter": letter,
            "sender": letter and (letter.run.sender_name or letter.run.sender_email),
            "is_done": is_done,
            "is_test": is_test,
        }
        status = 200 if letter or is_test else 404
        return render(request, "mailings/unsubscribe.html", context, status=status)
