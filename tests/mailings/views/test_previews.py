"""The preview of a message: what one recipient would read."""

import re
from email import message_from_bytes, policy

from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from mailings import delivery, lifecycle
from mailings.models import Message, Run
from tests import recipes
from tests.support.smtp_server import SmtpServer
from users import permissions
from users.models import User
from users.permissions import Level


def html_url(message: Message) -> str:
    return reverse("mailings:message-html", args=[message.pk])


def test_it_is_filled_in_for_the_first_client(
    alice: User, alice_client: Browser
) -> None:
    recipes.client(alice, full_name="Анна", email="anna@example.com")
    message = recipes.message(alice, subject="Hi, {{ full_name }}", body="{{ email }}")
    preview = alice_client.get(message.get_absolute_url()).context["preview"]
    assert preview.read.subject == "Hi, Анна"
    assert preview.read.to == "Анна <anna@example.com>"
    assert preview.read.text.startswith("anna@example.com\n\n--\nYou no longer want")


def test_any_of_ones_own_clients_may_be_chosen(
    alice: User, alice_client: Browser
) -> None:
    recipes.clients(alice, 3)
    message = recipes.message(
        alice, body_html="<p>Dear {{ full_name }}</p>", body="{{ full_name }}"
    )
    boris = recipes.client(alice, full_name="Яков <b>")
    asked = {"client": boris.pk}
    page = alice_client.get(message.get_absolute_url(), asked)
    assert page.context["preview"].read.text.startswith("Яков <b>")
    assert f'src="{html_url(message)}?client={boris.pk}"' in page.content.decode()
    inside = alice_client.get(html_url(message), asked)
    assert "<p>Dear Яков &lt;b&gt;</p>" in inside.content.decode()
    assert inside["Content-Security-Policy"].startswith("sandbox;")


def test_a_search_finds_one_and_shows_what_they_read(
    alice: User, alice_client: Browser
) -> None:
    first = recipes.client(alice, full_name="Анна")
    boris = recipes.client(alice, full_name="Борис")
    message = recipes.message(alice)
    # As the form sends it: the client of before is still selected in it.
    asked = {"q": "борис", "client": first.pk}
    preview = alice_client.get(message.get_absolute_url(), asked).context["preview"]
    assert preview.recipient.picked == boris
    assert preview.recipient.options == [boris]
    page = alice_client.get(message.get_absolute_url(), {"q": "nobody"})
    assert "Nobody is found by “nobody”." in page.content.decode()


def test_without_clients_it_is_somebody_made_up(
    alice: User, alice_client: Browser
) -> None:
    message = recipes.message(alice, subject="Hi, {{ full_name }}")
    preview = alice_client.get(message.get_absolute_url()).context["preview"]
    assert preview.read.subject == "Hi, Maria Example"


def test_others_clients_do_not_exist(
    alice: User, bob: User, bob_client: Browser
) -> None:
    hers = recipes.client(alice, full_name="Hers")
    message = recipes.message(alice)
    permissions.share(message, to=bob, level=Level.VIEW, by=alice)
    assert bob_client.get(message.get_absolute_url()).status_code == 200
    for asked in (str(hers.pk), "0", "x", "9" * 30):
        for url in (message.get_absolute_url(), html_url(message)):
            assert bob_client.get(url, {"client": asked}).status_code == 404


def test_text_and_html_and_two_widths_are_links(
    alice: User, alice_client: Browser
) -> None:
    message = recipes.message(alice, body="The text", body_html="<p>The HTML</p>")
    url = message.get_absolute_url()
    page = alice_client.get(url).content.decode()
    assert "<iframe" in page
    links = re.findall(r'href="(\?[^"#]+)#preview"', page)
    assert links == ["?part=text", "?width=phone"]
    text = alice_client.get(url + links[0]).content.decode()
    assert "<iframe" not in text
    assert "The text" in text
    assert "preview-phone" in alice_client.get(url + links[1]).content.decode()


def test_an_unknown_placeholder_is_named(alice: User, alice_client: Browser) -> None:
    message = recipes.message(alice, body="{{ nmae }} {{ full_name }}")
    page = alice_client.get(message.get_absolute_url()).content.decode()
    assert "Nobody fills {{ nmae }}: it is sent as it stands." in page


def test_a_client_who_would_get_nothing_is_said_to(
    alice: User, alice_client: Browser
) -> None:
    client = recipes.client(alice)
    recipes.suppression(alice, email=client.email, kind="unsubscribed")
    page = alice_client.get(recipes.message(alice).get_absolute_url()).content.decode()
    assert "This client would get nothing: Unsubscribed." in page


def test_an_address_that_no_letter_can_have_is_said_in_words(
    alice: User, alice_client: Browser
) -> None:
    client = recipes.client(alice)
    type(client).objects.update(email="not an address")
    answer = alice_client.get(recipes.message(alice).get_absolute_url())
    assert "No message can be made for this client" in answer.content.decode()


def test_what_is_shown_is_what_is_sent(
    alice: User, alice_client: Browser, smtp_server: SmtpServer
) -> None:
    client = recipes.client(alice, full_name="Анна, в/ч")
    message = recipes.message(
        alice,
        subject="{{ full_name }}: {{ date }}",
        body="{{ sender_name }} {{ sender_email }} {{ unsubscribe_url }}",
        body_html="<p>{{ full_name }} <a href='{{ unsubscribe_url }}'>x</a></p>",
    )
    mailing = recipes.mailing(alice, message=message, clients=[client])
    lifecycle.send_now(mailing, now=timezone.now())
    delivery.pump(stop=lambda: False)
    sent = message_from_bytes(smtp_server.received[0].data, policy=policy.default)
    read = alice_client.get(message.get_absolute_url()).context["preview"].read
    assert (read.sender, read.to) == (sent["From"], sent["To"])
    assert read.subject == sent["Subject"]
    link = re.compile(r"/u/[^/]+/")
    for kind, ours in (("plain", read.text), ("html", read.html)):
        part = sent.get_body((kind,))
        assert part is not None
        theirs = part.get_content().replace("\r\n", "\n").rstrip()
        assert link.sub("/u/", ours) == link.sub("/u/", theirs)
    assert Run.objects.count() == 1


def test_pictures_that_are_not_loaded_here_are_said_to_be_elsewhere(
    alice: User, alice_client: Browser
) -> None:
    far = recipes.message(
        alice, body_html='<p><img alt="" src="https://x.example/a"></p>'
    )
    near = recipes.message(alice, body_html="<p>src=https: is no picture</p>")
    words = "Pictures from other hosts are not loaded here"
    assert words in alice_client.get(far.get_absolute_url()).content.decode()
    assert words not in alice_client.get(near.get_absolute_url()).content.decode()
