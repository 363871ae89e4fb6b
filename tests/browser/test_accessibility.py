"""Axe finds nothing to complain about, in both themes."""

from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from mailings.models import Client, ClientList, Delivery, Mailing, Message, Run
from tests import recipes
from users.models import User

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _nothing_moves(page: Page) -> None:
    """In the middle of a change of colours there is no contrast to speak of."""
    page.emulate_media(reduced_motion="reduce")


def _addresses(owner: User) -> list[str]:
    """Every kind of page, with something on it."""
    client = recipes.client(owner)
    listed = recipes.client_list(owner, client)
    message = recipes.message(owner, body_html="<p>The news</p>")
    recipes.attachment(message)
    mailing = recipes.mailing(owner, message=message, lists=[listed], title="News")
    run = recipes.run(mailing, accepted=2, refused=1, deferred=1)
    delivery = Delivery.objects.filter(state="refused").get()
    gone = recipes.suppression(owner, email=client.email, kind="unsubscribed")
    job = recipes.uploaded(owner)
    things: list[Client | ClientList | Message | Mailing | Run] = [
        *(client, listed, message, mailing, run),
    ]
    return [
        *("/", "/clients/", "/lists/", "/messages/", "/mailings/", "/runs/"),
        *("/outbox/", "/profile/", "/mailings/new/", "/nothing/"),
        *("/mailings/calendar/", "/mailings/calendar/?q=nothing"),
        f"/mailings/{mailing.pk}/edit/",
        f"/mailings/{mailing.pk}/dry-run/",
        f"/mailings/{mailing.pk}/duplicate/",
        *(thing.get_absolute_url() for thing in things),
        f"/deliveries/{delivery.pk}/",
        f"/messages/{message.pk}/edit/",
        f"/messages/{message.pk}/test/",
        f"/clients/{client.pk}/delete/",
        f"/lists/{listed.pk}/clients/",
        *("/reports/", f"/reports/mailings/{mailing.pk}/", f"/reports/runs/{run.pk}/"),
        f"/mailings/{mailing.pk}/share/",
        f"/mailings/{mailing.pk}/history/",
        *("/suppressed/", "/suppressed/new/", f"/suppressed/{gone.pk}/allow/"),
        *("/clients/import/", job.get_absolute_url()),
        *(f"/reports/client/{client.pk}/", "/u/a-token/"),
        *("/clients/new/", "/lists/new/", "/messages/new/"),
        f"/reports/mailings/{mailing.pk}/attempts/",
        f"/reports/mailings/{mailing.pk}/recipients/",
        f"/reports/runs/{run.pk}/attempts/",
        f"/reports/runs/{run.pk}/retry/",
        *("/accounts/email/", "/accounts/2fa/", "/accounts/sessions/"),
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_have_no_violations(
    signed_in: Page, live_server: LiveServer, alice: User, theme: str
) -> None:
    page, axe, found = signed_in, Axe(), {}
    page.evaluate(f"localStorage.setItem('theme', '{theme}')")
    for path in _addresses(alice):
        page.goto(f"{live_server.url}{path}")
        for violation in axe.run(page).response["violations"]:
            nodes = [node["html"][:200] for node in violation["nodes"]]
            found[path, violation["id"]] = nodes
    assert found == {}


# What is pressed, visible, and smaller than a finger. Links in a text are no buttons.
SMALL = """() => [...document.querySelectorAll(
    "button, a.btn, select, a.page-link, a.nav-link, input[type=submit]"
  )]
  .filter((each) => each.checkVisibility({ visibilityProperty: true }))
  .map((each) => [each, each.getBoundingClientRect()])
  .filter(([, box]) => box.width > 1 && (box.height < 43.5 || box.width < 43.5))
  .map(([each, box]) => `${each.outerHTML.slice(0, 90)} ${box.width}x${box.height}`)"""


def test_on_a_phone_buttons_are_as_large_as_a_finger(
    signed_in: Page, live_server: LiveServer, alice: User
) -> None:
    page, found = signed_in, {}
    page.set_viewport_size({"width": 360, "height": 740})
    for path in _addresses(alice):
        page.goto(f"{live_server.url}{path}")
        if small := page.evaluate(SMALL):
            found[path] = small
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 360, path
    page.goto(f"{live_server.url}/")
    page.get_by_role("button", name="Menu").click()
    page.wait_for_timeout(500)  # it unfolds
    if small := page.evaluate(SMALL):
        found["the menu"] = small
    assert found == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_comes_of_a_form_has_no_violations(
    signed_in: Page, live_server: LiveServer, alice: User, theme: str
) -> None:
    """The page that asks whether to start; the one that asks whether to delete."""
    recipes.message(alice, subject="Hello")
    client = recipes.client(alice, full_name="Anna")
    running = recipes.mailing(alice, title="Now", clients=[client])
    recipes.run(running, accepted=1, sending=1)
    tomorrow = timezone.now() + timedelta(days=1)
    for title in ("One", "Two"):  # they clash
        recipes.mailing(
            alice,
            title=title,
            start_at=tomorrow,
            end_at=tomorrow + timedelta(hours=1),
        )
    page, axe, found = signed_in, Axe(), {}
    page.evaluate(f"localStorage.setItem('theme', '{theme}')")

    def look(what: str) -> None:
        for violation in axe.run(page).response["violations"]:
            nodes = [node["html"][:200] for node in violation["nodes"]]
            found[what, violation["id"]] = nodes

    page.goto(f"{live_server.url}/mailings/new/")
    page.locator("[name=message]").select_option(label="Hello")
    page.get_by_label("Anna").check()
    expect(page.locator("#foreseen")).to_contain_text("Recipients now")
    look("form with its preview")
    page.get_by_role("button", name="Next: check and start").click()
    look("check and start")
    page.goto(f"{live_server.url}/clients/")
    page.locator("[name=clients]").first.check()
    page.get_by_role("button", name="Delete…").click()
    look("delete the ticked")
    for path in ("/mailings/", "/mailings/calendar/"):
        page.goto(f"{live_server.url}{path}")
        look(path)
    assert found == {}


def test_the_sign_in_page_has_no_violations(
    page: Page, live_server: LiveServer
) -> None:
    page.goto(f"{live_server.url}/accounts/login/")
    assert Axe().run(page).response["violations"] == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_newcomers_first_pages_have_no_violations(
    signed_in: Page, live_server: LiveServer, theme: str
) -> None:
    signed_in.evaluate(f"localStorage.setItem('theme', '{theme}')")
    for path in ("/", "/clients/", "/mailings/", "/messages/", "/lists/", "/runs/"):
        signed_in.goto(f"{live_server.url}{path}")
        assert Axe().run(signed_in).response["violations"] == [], path
