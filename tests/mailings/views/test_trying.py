"""A test of a message: what goes out, what the author is told, what is refused."""

import time
from contextlib import ExitStack
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client as Browser
from django.utils import timezone
from pytest_django.fixtures import Settings

from mailings import lifecycle, trying
from mailings.delivery import single
from mailings.delivery.server import configured_server, fingerprint
from mailings.models import Attempt, Circuit, Delivery, Installation, Message, Run
from mailings.outbox import Mail, named
from tests import recipes
from tests.support.smtp_script import HANG
from tests.support.smtp_server import SmtpServer
from users import permissions
from users.models import AuditEntry, User
from users.permissions import Level


@pytest.fixture
def message(alice: User) -> Message:
    return recipes.message(
        alice, subject="News for {{ full_name }}", body_html="<p>{{ email }}</p>"
    )


def send(browser: Browser, message: Message, to: str, **asked: Any) -> list[str]:
    """What the page says after it: of each address, or the errors of the form."""
    url = f"{message.get_absolute_url()}test/?{urlencode(asked)}"
    answer = browser.post(url, {"to": to})
    if answer.status_code == 302:
        answer = browser.get(answer["Location"])
        return [str(each) for each in answer.context["messages"]]
    return [text for texts in answer.context["form"].errors.values() for text in texts]


def test_it_is_the_letter_of_a_run_with_a_mark(
    alice: User, alice_client: Browser, message: Message, smtp_server: SmtpServer
) -> None:
    client = recipes.client(alice, full_name="Анна")
    said = send(alice_client, message, "a@example.com, b@example.com", client=client.pk)
    accepted = "The mail server has accepted it. 250 2.0.0 Ok: queued as"
    assert [words.rpartition(" ")[0] for words in said] == [
        f"{name}@example.com: {accepted}" for name in "ab"
    ]
    letters = [
        message_from_bytes(each.data, policy=policy.default)
        for each in smtp_server.received
    ]
    assert [each["Subject"] for each in letters] == ["[Test] News for Анна"] * 2
    first, second = (each.get_body(("html",)) for each in letters)
    assert first is not None
    assert second is not None
    assert first.get_content().startswith("<p>a@example.com</p>")
    assert second.get_content().startswith("<p>b@example.com</p>")
    assert len({each["Message-ID"] for each in letters}) == 2
    assert smtp_server.connections == 1


def test_the_files_go_along(
    alice_client: Browser, message: Message, smtp_server: SmtpServer
) -> None:
    recipes.attachment(message, content=b"the plan")
    send(alice_client, message, "a@example.com b@example.com")
    for each in smtp_server.received:
        letter: Any = message_from_bytes(each.data, policy=policy.default)
        assert [part.get_content() for part in letter.iter_attachments()] == [
            b"the plan"
        ]


def test_it_is_in_no_statistics_and_on_the_audit_log(
    alice: User, alice_client: Browser, message: Message, smtp_server: SmtpServer
) -> None:
    send(alice_client, message, "a@example.com")
    for model in (Run, Delivery, Attempt, Circuit):
        assert not model._default_manager.exists()
    entry = AuditEntry.objects.get(action=AuditEntry.Action.TEST_SENT)
    assert (entry.actor, entry.object_id) == (alice, message.pk)
    assert entry.reason == "a@example.com"


def test_its_link_unsubscribes_nobody(
    alice: User, alice_client: Browser, message: Message, smtp_server: SmtpServer
) -> None:
    run = recipes.run(recipes.mailing(alice), pending=1)
    Delivery.objects.filter(run=run).update(id=alice.pk)
    send(alice_client, message, "a@example.com")
    letter = message_from_bytes(smtp_server.received[0].data, policy=policy.default)
    link = "/u/" + letter["List-Unsubscribe"].strip("<>").rpartition("/u/")[2]
    assert Browser().post(link).status_code == 200
    assert not alice.suppressions.exists()


def test_what_the_server_says_is_told_of_each_address(
    alice_client: Browser, message: Message, smtp_server: SmtpServer
) -> None:
    smtp_server.script["rcpt"] = {
        "bad@example.com": b"550 5.1.1 No such user\r\n",
        "grey@example.com": b"451 4.7.1 Greylisted\r\n",
    }
    said = send(alice_client, message, "bad@example.com grey@example.com c@example.com")
    assert said[:2] == [
        "bad@example.com: The mail server refuses it for good. 550 5.1.1 No such user",
        "grey@example.com: The mail server does not take it now; try again later. "
        "451 4.7.1 Greylisted",
    ]
    assert said[2].startswith("c@example.com: The mail server has accepted it.")


def test_a_server_that_is_away_is_told_in_words(
    alice_client: Browser, message: Message, smtp_server: SmtpServer
) -> None:
    smtp_server.stop()
    said = send(alice_client, message, "a@example.com b@example.com")
    why = f"127.0.0.1:{smtp_server.port} refuses connections."
    assert said == [
        f"{name}@example.com: The mail server takes no mail just now. {why}"
        for name in "ab"
    ]


@pytest.mark.parametrize("stage", ["connect", "rcpt", "dot"])
def test_a_server_that_hangs_holds_nobody_up(
    alice_client: Browser,
    message: Message,
    smtp_server: SmtpServer,
    monkeypatch: pytest.MonkeyPatch,
    stage: str,
) -> None:
    monkeypatch.setattr(trying, "PATIENCE", 0.5)
    smtp_server.script[stage] = HANG
    began = time.monotonic()
    said = send(alice_client, message, "a@example.com b@example.com c@example.com")
    assert time.monotonic() - began < 5
    assert len(said) == 3
    assert all("did not answer in time." in words for words in said)
    assert ("it may arrive or not" in said[0]) == (stage == "dot")


def opened(*, probe_at: datetime, **values: Any) -> Circuit:
    """The circuit, after the mail server has been away for an hour."""
    server = configured_server()
    values = {"fingerprint": fingerprint(server), "failures": 3} | values
    return Circuit.objects.create(
        server=str(server),
        state="open",
        reason="It refuses connections.",
        opened_at=timezone.now() - timedelta(hours=1),
        probe_at=probe_at,
        **values,
    )


def test_while_the_circuit_is_open_nobody_waits_for_the_server(
    alice_client: Browser, message: Message, smtp_server: SmtpServer, settings: Settings
) -> None:
    rates = settings.DELIVERY["rates"] | {"tests": "1/minute"}
    settings.DELIVERY = settings.DELIVERY | {"rates": rates}
    circuit = opened(probe_at=timezone.now() + timedelta(seconds=30))
    for _ in range(2):  # it is none of the tests that are allowed
        assert send(alice_client, message, "a@example.com") == [
            "The mail server does not work at the moment: It refuses connections."
        ]
    assert smtp_server.connections == 0
    circuit.delete()
    assert "accepted" in send(alice_client, message, "a@example.com")[0]


def test_a_test_is_as_good_a_probe_as_any(
    alice_client: Browser, message: Message, smtp_server: SmtpServer
) -> None:
    """Else nobody would find out that the server is back, with nothing else to send."""
    circuit = opened(probe_at=timezone.now() - timedelta(seconds=1))
    assert "accepted" in send(alice_client, message, "a@example.com")[0]
    circuit.refresh_from_db()
    assert (circuit.state, circuit.failures) == ("closed", 0)


def test_a_probe_that_fails_leaves_the_circuit_open(
    alice_client: Browser, message: Message, smtp_server: SmtpServer
) -> None:
    smtp_server.stop()
    circuit = opened(probe_at=timezone.now() - timedelta(seconds=1))
    said = send(alice_client, message, "a@example.com b@example.com")
    assert all("refuses connections" in each for each in said)
    circuit.refresh_from_db()
    assert (circuit.state, circuit.failures) == ("open", 4)
    assert circuit.probe_at is not None
    assert circuit.probe_at > timezone.now()
    assert "does not work" in send(alice_client, message, "a@example.com")[0]


def test_other_settings_are_tried_at_once(
    alice_client: Browser, message: Message, smtp_server: SmtpServer
) -> None:
    opened(probe_at=timezone.now() + timedelta(hours=1), fingerprint="of others")
    assert "accepted" in send(alice_client, message, "a@example.com")[0]


def test_few_wait_for_the_server_at_the_same_time(
    alice_client: Browser,
    message: Message,
    smtp_server: SmtpServer,
    settings: Settings,
) -> None:
    """The others have the threads that answer everybody's pages."""
    rates = settings.DELIVERY["rates"] | {"tests": f"{single.AT_ONCE + 1}/minute"}
    settings.DELIVERY = settings.DELIVERY | {"rates": rates}
    with ExitStack() as stack:
        for _ in range(single.AT_ONCE):
            stack.enter_context(single.a_place())
        assert send(alice_client, message, "a@example.com") == [
            "Other tests are under way. Try again in a few seconds."
        ]
        assert not AuditEntry.objects.filter(action="test_sent").exists()
    for _ in range(single.AT_ONCE + 1):  # each leaves its place to the next
        assert "accepted" in send(alice_client, message, "a@example.com")[0]


def test_a_suppressed_address_gets_nothing_and_it_is_said(
    alice: User, alice_client: Browser, message: Message, smtp_server: SmtpServer
) -> None:
    recipes.suppression(alice, email="gone@example.com", kind="unsubscribed")
    said = send(alice_client, message, "Gone@example.com\nb@example.com")
    assert said[0] == (
        "Gone@example.com: Nothing was sent, the address is suppressed: Unsubscribed."
    )
    assert [each.recipient for each in smtp_server.received] == ["b@example.com"]


@pytest.mark.parametrize(
    ("to", "errors"),
    [
        (" , ", ["This field is required."]),
        ("a@b,c@example.com", ["“a@b” is not an e-mail address."]),
        (" ".join(f"c{n}@example.com" for n in range(6)), ["At most 5 addresses."]),
    ],
)
def test_addresses_are_looked_at(
    alice_client: Browser, message: Message, to: str, errors: list[str]
) -> None:
    assert send(alice_client, message, to) == errors


def test_five_in_a_row_of_whatever_case_are_one_each(
    alice_client: Browser, message: Message, smtp_server: SmtpServer
) -> None:
    send(alice_client, message, "A@example.com; a@example.com;\n" * 5)
    assert [each.recipient for each in smtp_server.received] == ["a@example.com"]


def test_the_limit_of_tests_is_each_users_own(
    alice: User,
    bob: User,
    alice_client: Browser,
    bob_client: Browser,
    message: Message,
    smtp_server: SmtpServer,
    settings: Settings,
) -> None:
    rates = settings.DELIVERY["rates"] | {"tests": "1/minute"}
    settings.DELIVERY = settings.DELIVERY | {"rates": rates}
    permissions.share(message, to=bob, level=Level.CHANGE, by=alice)
    send(alice_client, message, "a@example.com")
    said = send(alice_client, message, "a@example.com")
    assert said[0].startswith("That was the last test for now.")
    assert "accepted" in send(bob_client, message, "b@example.com")[0]
    assert len(smtp_server.received) == 2


def test_the_installations_limit_counts_tests(
    alice_client: Browser,
    message: Message,
    smtp_server: SmtpServer,
    settings: Settings,
) -> None:
    rates = settings.DELIVERY["rates"] | {"all": "1/hour"}
    settings.DELIVERY = settings.DELIVERY | {"rates": rates}
    said = send(alice_client, message, "a@example.com b@example.com")
    assert "accepted" in said[0]
    assert said[1].endswith("the limit of letters is reached for now.")


def test_while_sending_is_held_no_test_goes_out(
    alice_client: Browser, message: Message, smtp_server: SmtpServer
) -> None:
    Installation.objects.create(pk=1, held_at=timezone.now(), held_by_host="web")
    said = send(alice_client, message, "a@example.com")
    assert said[0].startswith("The database is older than what was sent with it")
    assert smtp_server.received == []


def test_nothing_of_somebody_blocked_goes_out(
    alice: User,
    bob: User,
    bob_client: Browser,
    message: Message,
    smtp_server: SmtpServer,
) -> None:
    permissions.share(message, to=bob, level=Level.CHANGE, by=alice)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    said = send(bob_client, message, "b@example.com")
    assert said == ["The owner of the message is blocked."]
    assert smtp_server.received == []


def test_who_only_sees_a_message_is_offered_no_test(
    alice: User, bob: User, bob_client: Browser, message: Message
) -> None:
    permissions.share(message, to=bob, level=Level.VIEW, by=alice)
    page = bob_client.get(message.get_absolute_url()).content.decode()
    assert "Send a test" not in page
    assert bob_client.get(f"{message.get_absolute_url()}test/").status_code == 403


def test_the_outbox_shows_a_test_to_who_has_sent_it(alice: User, bob: User) -> None:
    mail = named(f"1700000000000000000-t{alice.pk}")
    assert isinstance(mail, Mail)
    assert (mail.tester_id, mail.delivery_id) == (alice.pk, 0)


def test_a_hold_of_its_mailing_stops_no_test_and_the_page_says_so(
    alice: User,
    admin: User,
    alice_client: Browser,
    message: Message,
    smtp_server: SmtpServer,
) -> None:
    mailing = recipes.mailing(alice, message=message)
    page = f"{message.get_absolute_url()}test/"
    words = "A test goes out all the same"
    assert words not in alice_client.get(page).content.decode()
    lifecycle.hold(mailing, by=admin, reason="Complaints")
    assert words in alice_client.get(page).content.decode()
    send(alice_client, message, "a@example.com")
    assert [each.recipient for each in smtp_server.received] == ["a@example.com"]


def test_the_form_of_a_test_is_not_put_back_as_if_it_had_been_lost(
    alice_client: Browser, message: Message
) -> None:
    page = alice_client.get(f"{message.get_absolute_url()}test/").content.decode()
    assert "data-keep" not in page
