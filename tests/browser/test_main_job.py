"""The main job through a real browser: client, message, mailing."""

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from mailings.models import Mailing
from tests import recipes
from users.models import User

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_from_nothing_to_a_mailing(signed_in: Page) -> None:
    page = signed_in
    page.get_by_role("link", name="New client").click()
    page.get_by_label("E-mail").fill("peter@example.com")
    page.get_by_label("Full name").fill("Пётр")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Пётр")).to_be_visible()

    page.get_by_role("link", name="Messages").click()
    page.get_by_role("link", name="New message").click()
    page.get_by_label("Subject").fill("Hello, {{ full_name }}")
    page.get_by_label("Text").fill("Nice to meet you.")
    page.get_by_role("button", name="Save").click()

    page.get_by_role("link", name="New mailing with it").click()
    page.get_by_role("textbox", name="Title").fill("First steps")
    page.get_by_label("Пётр").check()
    page.get_by_role("button", name="Next: check and start").click()
    page.get_by_role("button", name="Send at once").click()
    expect(page.get_by_role("heading", name="First steps")).to_be_visible()
    mailing = Mailing.objects.get()
    assert [client.email for client in mailing.recipients()] == ["peter@example.com"]


def test_a_picker_finds_others_and_keeps_what_is_ticked(
    signed_in: Page, live_server: LiveServer, alice: User
) -> None:
    recipes.clients(alice, 60)
    recipes.client(alice, full_name="Ярослав Мудрый")
    page = signed_in
    page.goto(f"{live_server.url}/mailings/new/")
    page.locator("[name=clients]").first.check()
    page.get_by_label("Search: Single clients").press_sequentially("мудрый")
    expect(page.get_by_label("Ярослав Мудрый")).to_be_visible()
    page.get_by_label("Search: Single clients").press("Enter")
    assert page.url.endswith("/mailings/new/")
    assert page.locator("[name=clients]:checked").count() == 1


def test_the_theme_is_kept(signed_in: Page, live_server: LiveServer) -> None:
    page = signed_in
    page.get_by_role("button", name="Theme").click()
    page.get_by_role("button", name="Dark").click()
    page.goto(f"{live_server.url}/clients/")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")


def test_a_page_fits_a_telephone(
    signed_in: Page, live_server: LiveServer, alice: User
) -> None:
    page = signed_in
    page.set_viewport_size({"width": 360, "height": 740})
    message = recipes.message(alice, body_html="<p>The news</p>")
    for path in (
        *(
            "/",
            "/clients/",
            "/mailings/",
            "/mailings/new/",
            "/runs/",
            "/mailings/calendar/",
        ),
        *(message.get_absolute_url(), f"{message.get_absolute_url()}edit/"),
    ):
        page.goto(f"{live_server.url}{path}")
        width = page.evaluate("document.documentElement.scrollWidth")
        assert (path, width) == (path, 360)


def test_a_running_mailing_is_shown_live(
    signed_in: Page, live_server: LiveServer, alice: User
) -> None:
    run = recipes.run(recipes.mailing(alice, title="Live"), sending=2)
    page = signed_in
    page.goto(f"{live_server.url}{run.get_absolute_url()}")
    expect(page.locator("#live")).to_contain_text("Sending")
    run.deliveries.update(state="accepted", lease=None)
    type(run).objects.update(sending=0, accepted=2, state="finished")
    expect(page.locator("#live")).to_contain_text("Finished", timeout=10_000)
