"""Writing a message: the rich text editor, placeholders, and both without scripts."""

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from mailings.models import Message
from tests import recipes
from tests.conftest import PASSWORD
from users.models import User

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

DROP = """(editor) => {
  const files = new DataTransfer();
  files.items.add(new File(["x"], "x.png", { type: "image/png" }));
  editor.editor.insertFiles(files.files);
  editor.editor.insertHTML("<b>pasted</b><img src='data:image/png;base64,AAAA'>");
}"""


def test_a_message_is_written_in_the_editor_with_placeholders(
    signed_in: Page, live_server: LiveServer
) -> None:
    page, said = signed_in, []
    page.on("console", lambda each: said.append(each.text))
    page.goto(f"{live_server.url}/messages/new/")
    page.get_by_label("Subject").fill("Hi, ")
    page.get_by_role("button", name="{{ full_name }}").click()
    editor = page.get_by_role("textbox", name="HTML version")
    editor.click()
    page.get_by_role("button", name="Bold").press("Enter")  # by the keyboard, too
    page.keyboard.type("Dear ")
    page.get_by_role("button", name="{{ email }}").click()
    editor.evaluate(DROP)
    editor.press("Control+a")
    page.get_by_role("button", name="Link", exact=True).first.click()
    page.get_by_label("Address of the link").fill("{{ unsubscribe_url }}")
    page.get_by_label("Address of the link").press("Enter")
    page.get_by_role("button", name="Save").click()
    page.wait_for_load_state("networkidle")
    message = Message.objects.get()
    assert message.subject == "Hi, {{ full_name }}"
    assert message.body_html == (
        '<div><a href="{{ unsubscribe_url }}"><strong>Dear {{ email }}pasted'
        "</strong></a></div>"
    )
    assert message.body == "Dear {{ email }}pasted ({{ unsubscribe_url }})"
    assert said == []


def test_a_placeholder_goes_where_the_cursor_was_last(
    signed_in: Page, live_server: LiveServer
) -> None:
    page = signed_in
    page.goto(f"{live_server.url}/messages/new/")
    body = page.get_by_label("Text", exact=True)
    body.fill("ab")
    body.press("ArrowLeft")
    page.get_by_role("button", name="{{ date }}").click()
    page.keyboard.type("!")
    expect(body).to_have_value("a{{ date }}!b")


def test_html_that_the_editor_would_lose_is_left_as_it_is(
    signed_in: Page, live_server: LiveServer, alice: User
) -> None:
    page = signed_in
    for markup, is_rich in (
        ("<table><tbody><tr><td>1</td></tr></tbody></table>", False),
        ('<p style="color:red">Red</p>', False),
        ("<p>One</p><ul><li>Two</li></ul>", True),
    ):
        message = recipes.message(alice, body="Text", body_html=markup)
        page.goto(f"{live_server.url}{message.get_absolute_url()}edit/")
        source = page.get_by_label("HTML version").and_(page.locator("textarea"))
        expect(page.locator("trix-editor")).to_be_visible(visible=is_rich)
        if not is_rich:
            expect(page.get_by_text("which the editor would lose")).to_be_visible()
            page.get_by_role("button", name="Editor").click()
            expect(source).to_be_visible()
        page.get_by_role("button", name="Save").click()
        page.wait_for_load_state("networkidle")
        message.refresh_from_db()
        assert message.body_html == markup


def test_the_source_may_be_written_by_hand(
    signed_in: Page, live_server: LiveServer
) -> None:
    page = signed_in
    page.goto(f"{live_server.url}/messages/new/")
    page.get_by_role("button", name="HTML source").click()
    page.locator("textarea[name=body_html]").fill("<h1>Hi</h1>")
    page.get_by_role("button", name="Editor", exact=True).click()
    expect(page.locator("trix-editor h1")).to_have_text("Hi")


def test_all_of_it_works_without_scripts(
    signed_in: Page, chromium: Browser, live_server: LiveServer, alice: User
) -> None:
    recipes.client(alice, full_name="Anna")
    boris = recipes.client(alice, full_name="Boris")
    context = chromium.new_context(java_script_enabled=False)
    context.add_cookies(signed_in.context.cookies())  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{live_server.url}/messages/new/")
    expect(page.get_by_text("{{ unsubscribe_url }}")).to_be_visible()
    page.get_by_label("Subject").fill("For {{ full_name }}")
    page.get_by_label("HTML version").fill("<p>Dear {{ full_name }}</p>")
    page.get_by_role("button", name="Save").click()
    page.get_by_label("As this client reads it").select_option(str(boris))
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("For Boris", exact=True)).to_be_visible()
    frame = page.frame_locator("iframe.html-frame")
    expect(frame.get_by_text("Dear Boris")).to_be_visible()
    page.get_by_role("link", name="Phone").click()
    box = page.locator("iframe.html-frame").bounding_box()
    assert box is not None
    assert box["width"] < 380
    context.close()


def test_what_was_written_outlives_a_lost_session(
    signed_in: Page, live_server: LiveServer, alice: User
) -> None:
    page = signed_in
    page.goto(f"{live_server.url}/messages/new/")
    page.get_by_label("Subject").fill("News of a long night")
    page.get_by_role("textbox", name="HTML version").click()
    page.keyboard.type("Dear all")
    lose_session_at(page, "Save", alice)
    put_back = page.get_by_text("What you had written before")
    expect(put_back).to_be_visible()
    expect(page.get_by_label("Subject")).to_have_value("News of a long night")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/messages/*/")
    page.goto(f"{live_server.url}/messages/new/")
    expect(page.get_by_label("Subject")).to_have_value("")
    expect(put_back).to_be_hidden()
    message = Message.objects.get()
    assert (message.subject, message.body) == ("News of a long night", "Dear all")


def test_ticks_come_back_to_those_that_had_them_and_others_saves_are_seen(
    signed_in: Page, live_server: LiveServer, alice: User
) -> None:
    page = signed_in
    recipes.message(alice, subject="News")
    recipes.client(alice, full_name="Aaron")
    zoe = recipes.client(alice, full_name="Zoe")
    page.goto(f"{live_server.url}/mailings/new/")
    page.get_by_label("Zoe").check()
    lose_session_at(page, "Check", alice)
    expect(page.get_by_text("What you had written before")).to_be_visible()
    expect(page.get_by_label("Zoe")).to_be_checked()
    expect(page.get_by_label("Aaron")).not_to_be_checked()

    page.goto(f"{live_server.url}/clients/{zoe.pk}/edit/")
    page.get_by_label("Full name").fill("Zoe Z.")
    type(zoe).objects.filter(pk=zoe.pk).update(comment="By a colleague")
    lose_session_at(page, "Save", alice)
    expect(page.get_by_label("Full name")).to_have_value("Zoe Z.")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("changed")).to_be_visible()
    zoe.refresh_from_db()
    assert (zoe.full_name, zoe.comment) == ("Zoe", "By a colleague")
    page.get_by_role("button", name="Save").click()  # knowing it
    page.wait_for_url("**/clients/*/")
    zoe.refresh_from_db()
    assert zoe.full_name == "Zoe Z."


def lose_session_at(page: Page, button: str, user: User) -> None:
    Session.objects.all().delete()
    page.get_by_role("button", name=button).click()
    page.get_by_label("Email").fill(user.email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def test_what_is_typed_and_never_saved_is_there_again(
    signed_in: Page, live_server: LiveServer
) -> None:
    page = signed_in
    page.goto(f"{live_server.url}/messages/new/")
    page.get_by_label("Subject").fill("Half a subject")
    editor = page.get_by_role("textbox", name="HTML version")
    editor.click()
    page.keyboard.type("Half a text")
    expect(page.get_by_text("Draft kept at")).to_be_visible()
    page.goto(f"{live_server.url}/")
    page.goto(f"{live_server.url}/messages/new/")
    expect(page.get_by_text("This is your draft of")).to_be_visible()
    expect(page.get_by_label("Subject")).to_have_value("Half a subject")
    expect(page.get_by_role("textbox", name="HTML version")).to_have_text("Half a text")
    page.get_by_role("button", name="Discard the draft").click()
    expect(page.get_by_label("Subject")).to_have_value("")


def test_a_long_subject_is_counted_and_told(
    signed_in: Page, live_server: LiveServer
) -> None:
    page = signed_in
    page.goto(f"{live_server.url}/messages/new/")
    hint = page.get_by_text("Mail programs often show no more than 60.")
    page.get_by_label("Subject").fill("x" * 60)
    expect(page.get_by_text("Characters: 60")).to_be_visible()
    expect(hint).to_be_hidden()
    page.get_by_label("Subject").fill("x" * 61)
    expect(page.get_by_text("Characters: 61")).to_be_visible()
    expect(hint).to_be_visible()
