"""The system's Chromium, driven by Playwright; skipped where there is none."""

import os
from collections.abc import Iterator

import pytest
from allauth.account.models import EmailAddress
from playwright.sync_api import Browser, Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

from tests.support.chromium import NAMES
from tests.support.chromium import path as chromium_path
from users.models import User

__all__ = ["chromium", "page", "signed_in"]


# Not for the whole session: as long as it lives this thread has an event loop, and
# other tests' processes would inherit what is set for that.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    path = chromium_path()
    if path is None:
        pytest.skip(f"there is no Chromium: none of {', '.join(NAMES)} is in PATH")
    # Playwright runs an event loop in this thread; Django refuses to ask the database
    # from such a thread, unless told that nothing else goes on in it.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=path, args=["--no-sandbox"]
            )
            yield browser
            browser.close()
    finally:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page whose errors fail the test."""
    context = chromium.new_context(
        locale="en-GB", viewport={"width": 1280, "height": 800}
    )
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []


@pytest.fixture
def signed_in(live_server: LiveServer, page: Page, alice: User) -> Page:
    EmailAddress.objects.create(
        user=alice, email=alice.email, verified=True, primary=True
    )
    page.goto(live_server.url)
    page.get_by_label("Email").fill(alice.email)
    page.get_by_label("Password", exact=True).fill("correct horse")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{live_server.url}/")
    return page
