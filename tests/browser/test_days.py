"""A user's day and a manager's through a real browser, in both languages."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.utils import timezone, translation
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from mailings.models import Client, ClientList, Mailing, Run
from tests import recipes
from tests.conftest import PASSWORD
from users.models import User

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Words = Callable[[str], str]


def _in(language: str) -> Words:
    """What a text of ours is in this language."""

    def words(text: str) -> str:
        with translation.override(language):
            return translation.gettext(text)

    return words


def _speak(page: Page, language: str) -> None:
    page.get_by_role("button", name=language.upper(), exact=True).click()
    expect(page.locator("html")).to_have_attribute("lang", language)


def _press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).first.click()


def _follow(page: Page, name: str) -> None:
    page.get_by_role("link", name=name, exact=True).first.click()


@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_users_day(
    signed_in: Page, live_server: LiveServer, alice: User, language: str
) -> None:
    page, say = signed_in, _in(language)
    _speak(page, language)

    # A file of clients, looked at before it is saved; one of them goes on a list.
    recipes.client_list(alice, name="VIP")
    page.goto(f"{live_server.url}/clients/import/")
    rows = "Имя;Почта\nПётр;peter@example.com\nНикто;nobody\n".encode("cp1251")
    file = {"name": "clients.csv", "mimeType": "text/csv", "buffer": rows}
    page.set_input_files("input[type=file]", [file])  # type: ignore[list-item]
    _press(page, say("Check the file"))
    expect(page.get_by_role("cell", name="peter@example.com")).to_be_visible()
    assert not Client.objects.exists()
    page.locator("form[action$='/start/'] button").click()
    expect(page.locator("main")).to_contain_text("1")
    _follow(page, say("Clients"))
    page.get_by_role("checkbox", name="Пётр").check()
    page.locator("#picked-clients [name=list]").select_option(label="VIP")
    _press(page, say("Add to it"))
    expect(page.locator("td a.badge")).to_have_text("VIP")
    assert ClientList.objects.get().clients.get().email == "peter@example.com"

    # A message, and a mailing with it that is seen ahead, checked and started.
    recipes.message(alice, subject="Привет")
    page.goto(f"{live_server.url}/mailings/new/")
    page.locator("[name=message]").select_option(label="Привет")
    page.locator("[name=title]").fill("Day")
    page.get_by_label("VIP").check()
    year = timezone.now().year + 1
    page.locator("[name=start_at]").fill(f"{year}-01-31T09:00")
    page.locator("[name=end_at]").fill(f"{year}-12-31T09:00")
    page.locator("[name=periodicity]").select_option("monthly")
    expect(page.locator("#foreseen ol li")).to_have_count(5)
    expect(page.locator("#foreseen ol li").nth(1)).to_contain_text("28")
    _press(page, say("Next: check and start"))
    expect(page.get_by_role("heading", name=say("Check and start"))).to_be_visible()
    page.locator("main form button").first.dblclick()
    expect(page.get_by_role("heading", name="Day", exact=True)).to_be_visible()
    mailing = Mailing.objects.get()
    assert (mailing.title, mailing.periodicity) == ("Day", "monthly")

    # In the list it is paused and goes on.
    _follow(page, say("Mailings"))
    page.get_by_role("button", name=f"{say('Pause')}: Day").click()
    expect(page.get_by_role("button", name=f"{say('Resume')}: Day")).to_be_visible()
    assert page.url == f"{live_server.url}/mailings/"
    page.get_by_role("button", name=f"{say('Resume')}: Day").click()
    expect(page.get_by_role("button", name=f"{say('Pause')}: Day")).to_be_visible()

    # The calendar; a dry run; a copy; the end.
    Mailing.objects.update(start_at=timezone.now() + timedelta(days=1))
    _follow(page, say("Calendar"))
    expect(page.locator(".agenda-row").first).to_contain_text("Day")
    _follow(page, "Day")
    _follow(page, say("Dry run"))
    expect(page.locator("main")).to_contain_text("Привет")
    page.goto(f"{live_server.url}{mailing.get_absolute_url()}duplicate/")
    expect(page.locator("[name=message]")).to_have_value(str(mailing.message_id))
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(f"{live_server.url}{mailing.get_absolute_url()}")
    _press(page, say("Stop"))
    over = say("The mailing is over. To send again, duplicate it.")
    expect(page.locator("#why-not-send")).to_contain_text(over)
    expect(page.locator("[aria-disabled=true]")).to_have_count(2)


@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_managers_day(
    chromium: Browser,
    live_server: LiveServer,
    alice: User,
    manager: User,
    signed_in: Page,
    language: str,
) -> None:
    say = _in(language)
    EmailAddress.objects.create(
        user=manager, email=manager.email, verified=True, primary=True
    )
    mailing = recipes.mailing(alice, title="Loud", status="running")
    context = chromium.new_context(locale="en-GB")
    page = context.new_page()
    page.goto(live_server.url)
    page.get_by_label("Email").fill(manager.email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{live_server.url}/")
    _speak(page, language)

    # A mailing is held, and its owner reads why.
    _follow(page, say("Management"))
    _follow(page, "Loud")
    _follow(page, say("Hold"))
    page.locator("[name=reason]").fill("Жалобы")
    page.locator("main form button").first.click()
    _speak(signed_in, language)
    signed_in.goto(f"{live_server.url}{mailing.get_absolute_url()}")
    expect(signed_in.locator(".alert-danger")).to_contain_text("Жалобы")
    send = signed_in.get_by_role("button", name=say("Send now"))
    expect(send).to_have_attribute("aria-disabled", "true")

    # It is released; the owner is blocked, and out; all of it is on the audit log.
    page.goto(f"{live_server.url}/manage/mailings/{mailing.pk}/release/")
    page.locator("[name=reason]").fill("Исправлено")
    page.locator("main form button").first.click()
    page.goto(f"{live_server.url}/manage/users/")
    page.locator("main a", has_text=alice.email).click()
    _follow(page, say("Block"))
    page.locator("[name=reason]").fill("Спам")
    page.locator("main form button").first.click()
    signed_in.reload()
    assert "/login/" in signed_in.url
    page.goto(f"{live_server.url}/manage/audit/")
    for reason in ("Жалобы", "Исправлено", "Спам"):
        expect(page.locator("table")).to_contain_text(reason)
    context.close()


def test_rows_of_the_list_are_live_while_they_run(
    signed_in: Page, live_server: LiveServer, alice: User
) -> None:
    run = recipes.run(recipes.mailing(alice, title="Live"), accepted=1, sending=1)
    page, asked = signed_in, []
    page.goto(f"{live_server.url}/mailings/")
    page.on("request", lambda request: asked.append(request.url))
    bar = page.locator(f"#progress-{run.mailing_id}")
    expect(bar).to_contain_text("1 of 2")
    run.deliveries.update(state="accepted", lease=None)
    Run.objects.update(sending=0, accepted=2, state="finished")
    Mailing.objects.update(status="finished")
    expect(bar).to_contain_text("2 of 2", timeout=10_000)
    expect(page.locator(f"#status-{run.mailing_id}")).to_contain_text("Finished")
    expect(page.locator("#live[hx-get]")).to_have_count(0)
    asked.clear()
    page.wait_for_timeout(3_500)
    assert asked == []


def test_the_keyboard_alone_will_do(
    signed_in: Page, live_server: LiveServer, alice: User
) -> None:
    recipes.message(alice, subject="Hello")
    recipes.client(alice, full_name="Anna")
    page = signed_in

    def go_to(selector: str) -> None:
        """By Tab, as many times as it takes; where one is can be seen."""
        for _ in range(80):
            page.keyboard.press("Tab")
            if page.evaluate(f"document.activeElement.matches({selector!r})"):
                seen = (
                    "(style => style.outlineStyle !== 'none' || "
                    "style.boxShadow !== 'none')"
                    "(getComputedStyle(document.activeElement))"
                )
                assert page.evaluate(seen), selector
                return
        raise AssertionError(f"not reached by Tab: {selector}")

    page.goto(f"{live_server.url}/mailings/")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # skips to the content
    go_to("a[href='/mailings/new/']")
    page.keyboard.press("Enter")
    expect(page.locator("#foreseen")).to_contain_text("Recipients now")
    go_to("[name=message]")
    page.keyboard.press("ArrowDown")
    go_to("[name=title]")
    page.keyboard.type("By keyboard")
    go_to("[name=clients]")
    page.keyboard.press("Space")
    go_to("main form button.btn-primary")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Check and start")).to_be_visible()
    go_to("main form button.btn-primary")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="By keyboard")).to_be_visible()
    assert Mailing.objects.get().title == "By keyboard"
    page.goto(f"{live_server.url}/clients/")
    go_to("td input[type=checkbox]")
    page.keyboard.press("Space")
    go_to("[name=do][value=delete]")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Delete 1 client?")).to_be_visible()
    go_to("main form .btn-danger")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 client is deleted.")).to_be_visible()
    assert not Client.objects.exists()
