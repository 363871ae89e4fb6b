"""Pages keep to their own policy, and foreign HTML does nothing."""

from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from tests import recipes
from tests.access.urls import all_routes
from users.models import User

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

HOSTILE = """
<base href="https://evil.example.net/">
<meta http-equiv="refresh" content="0;url=https://evil.example.net/refresh">
<p style="color: rgb(255, 0, 0)">Still red</p>
<script>parent.document.title = "owned"; fetch("https://evil.example.net/s")</script>
<img src="https://evil.example.net/i.png" onerror="parent.document.title = 'owned'">
<svg onload="parent.document.title = 'owned'"><script>alert(1)</script></svg>
<a id="run" href="javascript:parent.document.title='owned'">Run</a>
<form action="https://evil.example.net/f"><button id="send">Send</button></form>
<iframe src="https://evil.example.net/frame"></iframe>
<link rel="stylesheet" href="https://evil.example.net/s.css">
"""


@pytest.fixture
def violations(page: Page) -> list[str]:
    """What the browser says about policies, for each page that is opened."""
    found: list[str] = []
    page.on(
        "console",
        lambda said: (
            found.append(f"{page.url}: {said.text}")
            if "Content Security Policy" in said.text
            else None
        ),
    )
    return found


def _open(live_server: LiveServer, page: Page, path: str) -> None:
    page.goto(f"{live_server.url}{path}")
    page.wait_for_load_state("networkidle")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_breaks_its_policy(
    live_server: LiveServer,
    signed_in: Page,
    violations: list[str],
    alice: User,
    theme: Any,
) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    mailing = recipes.mailing(alice, clients=recipes.clients(alice, 2))
    assert mailing.message is not None
    run = recipes.run(mailing, accepted=1, refused=1)
    keys = {
        "mailings:mailing": mailing.pk,
        "mailings:message": mailing.message.pk,
        "mailings:list": recipes.client_list(alice).pk,
        "mailings:client": alice.clients.latest("pk").pk,
        "mailings:run": run.pk,
        "mailings:delivery": run.deliveries.latest("pk").pk,
        "reports:manage-mailing": mailing.pk,
        "reports:manage-user": alice.pk,
        "admin:users_user": alice.pk,
        "admin:mailings_mailing": mailing.pk,
        "admin:mailings_message": mailing.message.pk,
    }
    signed_in.emulate_media(color_scheme=theme)
    opened = 0
    for route in all_routes().values():
        key = next((keys[k] for k in keys if route.name.startswith(k)), None)
        if "logout" in route.name or len(route.arguments) > (key is not None):
            continue
        if ":" not in route.name and not route.name.startswith(("account", "mfa")):
            continue
        values = [key] if route.arguments else []
        address = f"{live_server.url}{reverse(route.name, args=values)}"
        answer = signed_in.request.get(address)
        if answer.ok and "<html" in answer.text():
            signed_in.goto(address)
            opened += 1
    assert opened > 60
    assert violations == []


def test_the_html_of_a_message_does_nothing(
    live_server: LiveServer, signed_in: Page, alice: User
) -> None:
    asked: list[str] = []

    def elsewhere(route: Any) -> None:
        asked.append(route.request.url)
        route.fulfill(body="<title>owned</title>", content_type="text/html")

    # What the policy stops does not come as far as this.
    signed_in.context.route("https://evil.example.net/**", elsewhere)
    message = recipes.message(alice)
    # As it would be if the cleaning at saving had a hole.
    type(message).objects.filter(pk=message.pk).update(body_html=HOSTILE)
    for path in (message.get_absolute_url(), f"/messages/{message.pk}/html/"):
        _open(live_server, signed_in, path)
        is_framed = path == message.get_absolute_url()
        inside: Any = signed_in.frame_locator("iframe.html-frame")
        where = inside if is_framed else signed_in
        red = where.get_by_text("Still red")
        expect(red).to_have_css("color", "rgb(255, 0, 0)")
        where.locator("#run").click()
        where.locator("#send").click()
        signed_in.wait_for_timeout(500)
        assert signed_in.title() != "owned"
        assert signed_in.url.startswith(live_server.url)
    assert asked == []


def test_the_back_button_shows_nothing_after_signing_out(
    live_server: LiveServer, signed_in: Page, alice: User
) -> None:
    client = recipes.client(alice, full_name="Secret Customer")
    _open(live_server, signed_in, "/clients/")
    expect(signed_in.get_by_text(client.full_name)).to_be_visible()
    signed_in.locator(".user-menu").click()
    signed_in.get_by_role("button", name="Sign out").click()
    signed_in.wait_for_load_state("networkidle")
    for _ in range(3):
        signed_in.go_back(wait_until="networkidle")
        expect(signed_in.get_by_text(client.full_name)).to_have_count(0)
