"""From no account at all to a mailing that a colleague sees; the accounts' pages."""

import re
import subprocess
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from mailsvc import ports
from tests.conftest import PASSWORD, ROOT
from tests.crash.conftest import MANAGE, Workers, until
from tests.mailsvc.conftest import free_port
from tests.support.totp import code_of
from users.models import User

pytestmark = [
    pytest.mark.browser,
    pytest.mark.process,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        not Path("/proc/self/task").exists(), reason="needs Linux's /proc"
    ),
]

NEW_ADDRESS = "new@example.com"
NEW_PASSWORD = "quite long 1"


@pytest.fixture
def mail_port(point_mail_at: Callable[[int], None]) -> int:
    port = free_port()
    point_mail_at(port)
    return port


@pytest.fixture
def outbox(
    mail_port: int, process_env: dict[str, str], settings: Settings
) -> Iterator[Path]:
    """The built-in mail catcher's, with a worker that sends."""
    catcher = subprocess.Popen(
        [*MANAGE, "mailcatcher", f"--port={mail_port}"], env=process_env, cwd=ROOT
    )
    workers = Workers(process_env)
    try:
        until(lambda: ports.answers("127.0.0.1", mail_port))
        workers.start()
        yield settings.MAILCATCHER_DIR
    finally:
        workers.end()
        catcher.terminate()
        catcher.wait(20)


def _link_mailed_to(address: str, outbox: Path) -> str:
    def links() -> list[str]:
        mails = [
            message_from_bytes(path.read_bytes(), policy=policy.default)
            for path in sorted(outbox.glob("*.eml"))
        ]
        texts = [str(mail.get_content()) for mail in mails if mail["To"] == address]
        return re.findall(r"http\S+/accounts/\S+", "\n".join(texts))

    until(links)
    return links()[-1]


def _sign_in(page: Page, site: str, address: str, password: str) -> None:
    page.goto(f"{site}/accounts/login/")
    page.get_by_label("Email").fill(address)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_from_signing_up_to_a_mailing_that_a_colleague_sees(
    page: Page,
    chromium: Browser,
    live_server: LiveServer,
    settings: Settings,
    outbox: Path,
    bob: User,
) -> None:
    site = settings.SITE_URL = live_server.url
    page.goto(site)
    page.get_by_role("link", name="Sign up").click()
    page.get_by_label("Email").fill(NEW_ADDRESS)
    page.get_by_label("Password", exact=True).fill(NEW_PASSWORD)
    page.get_by_label("Password (again)").fill(NEW_PASSWORD)
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_text("We have sent you a mail")).to_be_visible()
    page.goto(_link_mailed_to(NEW_ADDRESS, outbox))
    page.get_by_role("button", name="Yes, confirm").click()
    _sign_in(page, site, NEW_ADDRESS, NEW_PASSWORD)
    expect(page.get_by_role("heading", name="Welcome")).to_be_visible()

    page.get_by_role("link", name="New client").click()
    page.get_by_label("E-mail").fill("peter@example.com")
    page.get_by_label("Full name").fill("Peter")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Messages").click()
    page.get_by_role("link", name="New message").click()
    page.get_by_label("Subject").fill("Hello")
    page.get_by_label("Text").fill("Nice to meet you.")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="New mailing with it").click()
    page.get_by_role("textbox", name="Title").fill("First steps")
    page.get_by_label("Peter").check()
    page.get_by_role("button", name="Next: check and start").click()
    page.get_by_role("button", name="Send at once").click()
    expect(page.get_by_role("heading", name="First steps")).to_be_visible()

    page.get_by_role("link", name="Share").click()
    page.get_by_label("E-mail address of a colleague").fill(bob.email)
    page.get_by_role("button", name="Share").click()
    expect(page.get_by_text("may see it", exact=True)).to_be_visible()

    bob.vouch()
    context = chromium.new_context(locale="en-GB")
    colleague = context.new_page()
    _sign_in(colleague, site, bob.email, PASSWORD)
    colleague.get_by_role("link", name="Mailings").first.click()
    colleague.get_by_role("link", name="First steps").first.click()
    expect(colleague.get_by_role("heading", name="First steps")).to_be_visible()
    context.close()


def test_a_forgotten_password_is_set_anew(
    page: Page,
    live_server: LiveServer,
    settings: Settings,
    outbox: Path,
    alice: User,
) -> None:
    site = settings.SITE_URL = live_server.url
    alice.vouch()
    page.goto(site)
    page.get_by_role("link", name="Forgotten the password?").click()
    page.get_by_label("Email").fill(alice.email)
    page.get_by_role("button", name="Reset My Password").click()
    page.goto(_link_mailed_to(alice.email, outbox))
    page.get_by_label("New Password", exact=True).fill(NEW_PASSWORD)
    page.get_by_label("New Password (again)").fill(NEW_PASSWORD)
    page.get_by_role("button", name="Change Password").click()
    page.get_by_role("link", name="Sign in").last.click()
    _sign_in(page, site, alice.email, NEW_PASSWORD)
    expect(page.get_by_role("heading", name="Welcome")).to_be_visible()


def _violations(page: Page) -> list[tuple[str, str]]:
    found = Axe().run(page).response["violations"]
    return [(page.url, violation["id"]) for violation in found]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_accounts_pages_have_no_violations_and_fit_a_telephone(
    signed_in: Page, live_server: LiveServer, theme: str
) -> None:
    page, site = signed_in, live_server.url
    page.set_viewport_size({"width": 360, "height": 740})
    page.evaluate(f"localStorage.setItem('theme', '{theme}')")
    found, widths = [], set()

    def look() -> None:
        found.extend(_violations(page))
        widths.add(page.evaluate("document.documentElement.scrollWidth"))

    page.goto(f"{site}/accounts/2fa/totp/activate/")
    look()  # asks for the password again
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    look()
    secret = page.get_by_label("Key").input_value()
    page.get_by_label("Authenticator code").fill(code_of(secret))
    page.get_by_role("button", name="Switch on").click()
    look()  # the recovery codes
    for path in (
        *("/profile/", "/accounts/email/", "/accounts/password/change/"),
        *("/accounts/2fa/", "/accounts/2fa/recovery-codes/generate/"),
        *("/accounts/2fa/totp/deactivate/", "/accounts/sessions/"),
        *("/accounts/reauthenticate/", "/accounts/logout/"),
    ):
        page.goto(f"{site}{path}")
        look()
    page.get_by_role("button", name="Sign out").last.click()
    for path in (
        *("/accounts/login/", "/accounts/signup/", "/accounts/confirm-email/"),
        *("/accounts/confirm-email/nothing/", "/accounts/inactive/"),
        *("/accounts/password/reset/", "/accounts/password/reset/done/"),
        "/accounts/password/reset/key/1-nothing/",
        "/accounts/password/reset/key/done/",
    ):
        page.goto(f"{site}{path}")
        look()
    assert found == []
    assert widths == {360}
