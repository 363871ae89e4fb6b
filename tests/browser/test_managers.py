"""A manager blocks a user while a mailing of theirs is being sent."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from allauth.account.models import EmailAddress
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from mailings import lifecycle
from mailings.models import Delivery, Mailing
from tests import recipes
from tests.conftest import PASSWORD
from tests.crash.conftest import Workers, judge, until
from tests.support.smtp_server import SmtpProcess
from users import blocking
from users.models import User

pytestmark = [
    pytest.mark.browser,
    pytest.mark.process,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        not Path("/proc/self/task").exists(), reason="needs Linux's /proc"
    ),
]

RECIPIENTS = 100


@pytest.fixture
def mail_server(
    tmp_path: Path, point_mail_at: Callable[[int], None]
) -> Iterator[SmtpProcess]:
    """Slow: with two connections, about eight mails a second."""
    with SmtpProcess(tmp_path / "taken.txt", delay_ms=250) as server:
        point_mail_at(server.port)
        yield server


@pytest.fixture
def workers(mail_server: SmtpProcess, process_env: dict[str, str]) -> Iterator[Workers]:
    few = {"DELIVERY_PUMPS": "1", "DELIVERY_CONNECTIONS": "2"}
    made = Workers(process_env | few)
    yield made
    made.end()


@pytest.fixture
def managers_page(
    chromium: Browser, live_server: LiveServer, manager: User
) -> Iterator[Page]:
    """Another browser, in which the manager is signed in."""
    EmailAddress.objects.create(
        user=manager, email=manager.email, verified=True, primary=True
    )
    context = chromium.new_context(locale="en-GB")
    page = context.new_page()
    page.goto(live_server.url)
    page.get_by_label("Email").fill(manager.email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{live_server.url}/")
    yield page
    context.close()


def _settled(mailing: Mailing) -> bool:
    """Nothing is being handed over any more."""
    sending = Delivery.objects.filter(run__mailing=mailing, state="sending")
    return not sending.exists()


def _finished(mailing: Mailing) -> bool:
    mailing.refresh_from_db()
    return mailing.status == Mailing.Status.FINISHED


def test_a_block_ends_session_and_sending_and_unblocking_goes_on(
    signed_in: Page,
    managers_page: Page,
    workers: Workers,
    mail_server: SmtpProcess,
    alice: User,
) -> None:
    clients = recipes.clients(alice, RECIPIENTS)
    mailing = recipes.mailing(alice, clients=clients, title="Too much")
    lifecycle.launch(mailing, by=alice)

    page = managers_page
    page.get_by_role("link", name="Management").click()
    page.get_by_role("link", name="Users").click()
    page.get_by_role("link", name="alice@example.com").click()
    page.get_by_role("link", name="Block", exact=True).click()
    expect(page.get_by_text("1 mailing stops.")).to_be_visible()
    page.get_by_label("Reason").fill("Complaints")
    workers.start()
    until(lambda: len(mail_server.taken()) >= 10)
    page.get_by_role("button", name="Block").click()
    expect(page.get_by_text("The user is blocked.")).to_be_visible()

    signed_in.get_by_role("link", name="Clients").first.click()
    expect(signed_in.get_by_role("button", name="Sign in")).to_be_visible()

    until(lambda: _settled(mailing), seconds=10)
    stopped_at = len(mail_server.taken())
    time.sleep(2)  # that nothing happens takes a while to see
    assert 10 <= stopped_at < RECIPIENTS
    assert len(mail_server.taken()) == stopped_at
    assert not _finished(mailing)

    page.get_by_role("link", name="Unblock").click()
    page.get_by_label("Reason").fill("They have apologised")
    page.get_by_role("button", name="Unblock").click()
    expect(page.get_by_text("The user is unblocked.")).to_be_visible()
    signed_in.reload()
    expect(signed_in.get_by_role("button", name="Sign in")).to_be_visible()
    until(lambda: _finished(mailing), seconds=75)
    judge(mailing.runs.get(), mail_server)
    assert len(mail_server.taken()) == RECIPIENTS


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_managers_pages_have_no_violations(
    managers_page: Page, live_server: LiveServer, alice: User, manager: User, theme: str
) -> None:
    mailing = recipes.mailing(alice, title="News", status="running")
    recipes.run(mailing, accepted=2, refused=1)
    held = recipes.mailing(alice, title="Spam")
    lifecycle.hold(held, by=manager, reason="Complaints")
    blocked = User.objects.create_user("blocked@example.com")
    blocking.block(blocked, by=manager, reason="Spam")
    user = f"/manage/users/{alice.pk}/"
    page, axe, found = managers_page, Axe(), {}
    page.evaluate(f"localStorage.setItem('theme', '{theme}')")
    for path in (
        *("/manage/", "/manage/users/", "/manage/users/new/", "/manage/audit/"),
        *(user, f"{user}edit/", f"{user}block/", f"{user}delete/"),
        f"/manage/mailings/{mailing.pk}/hold/",
        f"/manage/mailings/{held.pk}/release/",
        *(f"{user}history/", f"/mailings/{held.pk}/history/"),
    ):
        page.goto(f"{live_server.url}{path}")
        expect(page.locator("h1")).to_have_count(1)
        for violation in axe.run(page).response["violations"]:
            nodes = [node["html"][:200] for node in violation["nodes"]]
            found[path, violation["id"]] = nodes
    assert found == {}
