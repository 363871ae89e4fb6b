"""Attachments on their way: frozen with the run, read in pieces, not in memory."""

import tracemalloc
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from django.utils import timezone

from mailings import attaching, lifecycle, removing
from mailings.delivery.enclosures import Enclosures
from mailings.delivery.letter import BLOCK
from mailings.models import Attachment, Mailing, Message, Run
from tests import recipes
from tests.mailings.delivery.conftest import Pump
from tests.support.smtp_server import SmtpServer
from tests.support.smtp_talk import Received
from users.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def message(alice: User) -> Message:
    return recipes.message(alice, body="Text", body_html="<p>HTML</p>")


@pytest.fixture
def mailing(alice: User, message: Message) -> Mailing:
    recipes.clients(alice, 3)
    return recipes.mailing(alice, message=message, all_clients=True)


def files_of(letter: Received) -> list[tuple[str | None, bytes]]:
    parsed = message_from_bytes(letter.data, policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    assert next(part.get_content_type() for part in parsed.iter_parts()) == (
        "multipart/alternative"
    )
    return [
        (part.get_filename(), part.get_content()) for part in parsed.iter_attachments()
    ]


def test_each_recipient_gets_every_file_as_it_is(
    message: Message, mailing: Mailing, smtp_server: SmtpServer, pump: Pump
) -> None:
    large = bytes(range(256)) * 4 * (BLOCK // 256)  # several blocks
    recipes.attachment(message, name="Счёт №1.bin", content=large)
    recipes.attachment(message, name="b.pdf", content=b"small")
    lifecycle.send_now(mailing, now=timezone.now())
    pump()
    assert len(smtp_server.received) == 3
    for letter in smtp_server.received:
        assert files_of(letter) == [("Счёт №1.bin", large), ("b.pdf", b"small")]
    assert smtp_server.complaints == []


def test_a_run_keeps_the_files_that_it_began_with(
    message: Message, mailing: Mailing, smtp_server: SmtpServer, pump: Pump
) -> None:
    file = recipes.attachment(message, name="old.pdf", content=b"old")
    run = lifecycle.send_now(mailing, now=timezone.now())
    attaching.detach(file)
    recipes.attachment(message, name="new.pdf", content=b"new")
    pump()
    assert [files_of(each) for each in smtp_server.received] == [
        [("old.pdf", b"old")]
    ] * 3
    assert [each.name for each in run.attachments.all()] == ["old.pdf"]
    assert [each.name for each in message.attachments.all()] == ["new.pdf"]


def test_a_file_of_no_run_is_gone_when_it_is_taken_off(message: Message) -> None:
    attaching.detach(recipes.attachment(message))
    assert not Attachment.objects.exists()


def test_a_letter_in_which_a_file_breaks_off_is_not_handed_over(
    message: Message,
    mailing: Mailing,
    smtp_server: SmtpServer,
    pump: Pump,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipes.attachment(message, content=b"x" * BLOCK)
    run = lifecycle.send_now(mailing, now=timezone.now())
    monkeypatch.setattr("mailings.delivery.letter.os.pread", lambda *_: b"")
    pump()
    assert smtp_server.received == []
    books = Run.objects.get(pk=run.pk).ledger()
    assert (books["accepted"], books["unknown"]) == (0, 0)


def test_a_server_that_refuses_in_the_middle_is_heard(
    message: Message, mailing: Mailing, smtp_server: SmtpServer, pump: Pump
) -> None:
    recipes.attachment(message, content=b"x" * 4 * BLOCK)
    smtp_server.script["dot"] = b"552 5.3.4 Too large\r\n"
    run = lifecycle.send_now(mailing, now=timezone.now())
    pump()
    assert Run.objects.get(pk=run.pk).refused == 3


def test_what_is_larger_than_the_server_takes_is_not_sent(
    message: Message, mailing: Mailing, smtp_server: SmtpServer, pump: Pump
) -> None:
    smtp_server.extensions[:] = ["SIZE 50000"]
    recipes.attachment(message, content=b"x" * 50_000)
    run = lifecycle.send_now(mailing, now=timezone.now())
    pump()
    assert Run.objects.get(pk=run.pk).refused == 3
    assert smtp_server.received == []


def test_many_letters_have_one_copy_and_that_is_not_in_memory(
    alice: User, message: Message
) -> None:
    size = 3 * 2**20
    key = recipes.attachment(message, content=b"x" * size).pk
    enclosures = Enclosures()
    pieces = enclosures.pieces([key])
    assert enclosures.pieces([key]) == pieces
    tracemalloc.start()
    try:
        for _ in range(20):
            assert sum(map(len, pieces[0].blocks())) > size
        assert tracemalloc.get_traced_memory()[1] < 4 * BLOCK
    finally:
        tracemalloc.stop()
        enclosures.close()


def test_a_deleted_message_leaves_its_files_to_the_runs(
    alice: User, message: Message, mailing: Mailing
) -> None:
    recipes.attachment(message, name="sent.pdf")
    run = lifecycle.send_now(mailing, now=timezone.now())
    recipes.attachment(message, name="later.pdf")
    lifecycle.delete(mailing, by=alice)
    removing.delete_message(message, by=alice)
    assert [each.name for each in Attachment.objects.all()] == ["sent.pdf"]
    assert run.attachments.count() == 1
