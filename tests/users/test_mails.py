"""The queue of mails about accounts."""

from datetime import timedelta

import pytest
import time_machine
from django.core.mail import EmailMessage
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ, Success
from pytest_django.fixtures import Settings

from mailings import tasks
from tests.support.commands import call
from tests.support.smtp_server import SmtpServer
from users import mails
from users.models import AccountMail, User

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _by_smtp(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"


def _posted(to: str = "x@example.com", text: str = "Text") -> AccountMail:
    mails.post(EmailMessage("Hello", text, to=[to]))
    return AccountMail.objects.get(to=to)


def _after(minutes: float) -> time_machine.travel:
    return time_machine.travel(timezone.now() + timedelta(minutes=minutes))


def test_a_mail_is_sent_once_however_often_it_is_asked_for(
    smtp_server: SmtpServer,
) -> None:
    mail = _posted()
    assert mails.send(mail.pk)
    assert mails.send(mail.pk)
    assert len(smtp_server.received) == 1


def test_a_mail_waits_for_the_server_and_is_forgotten_when_it_is_sent(
    smtp_server: SmtpServer, settings: Settings
) -> None:
    port, settings.EMAIL_PORT = settings.EMAIL_PORT, 9
    mail = _posted()
    assert not mails.send(mail.pk)
    settings.EMAIL_PORT = port
    mails.send_due(timezone.now())
    assert smtp_server.received == []  # its pause is not over
    with _after(minutes=2):
        mails.send_due(timezone.now())
    assert [message.recipient for message in smtp_server.received] == ["x@example.com"]
    assert not AccountMail.objects.exists()


def test_a_server_that_is_away_for_hours_loses_nothing(
    smtp_server: SmtpServer, settings: Settings
) -> None:
    port, settings.EMAIL_PORT = settings.EMAIL_PORT, 9
    mail = _posted()
    for hour in range(20):
        with _after(minutes=hour * 60):
            mails.send_due(timezone.now())
    mail.refresh_from_db()
    assert mail.tries > 10
    settings.EMAIL_PORT = port
    with _after(minutes=22 * 60):
        mails.send_due(timezone.now())
    assert len(smtp_server.received) == 1


def test_the_sweep_finds_a_mail_whose_task_was_lost(smtp_server: SmtpServer) -> None:
    _posted()
    OrmQ.objects.all().delete()
    tasks.sweep()
    assert smtp_server.received == []  # its task may be about to begin
    with _after(minutes=1):
        tasks.sweep()
    assert len(smtp_server.received) == 1


@pytest.mark.django_db(transaction=True)
def test_without_a_worker_cron_sends_it(smtp_server: SmtpServer) -> None:
    _posted()
    with _after(minutes=1):
        call("send_due")
    assert len(smtp_server.received) == 1


def test_a_mail_too_old_is_forgotten_unsent(smtp_server: SmtpServer) -> None:
    _posted()
    with time_machine.travel(timezone.now() + mails.LIFETIME):
        mails.send_due(timezone.now())
    assert smtp_server.received == []
    assert not AccountMail.objects.exists()


def test_a_link_to_a_new_password_is_kept_no_longer_than_it_is_good_for(
    client: Client, alice: User, smtp_server: SmtpServer
) -> None:
    alice.vouch()
    client.post(reverse("account_reset_password"), {"email": alice.email})
    with _after(minutes=61):
        mails.send_due(timezone.now())
    assert smtp_server.received == []
    assert not AccountMail.objects.exists()


def test_a_recipient_who_is_refused_is_not_tried_for_ever(
    smtp_server: SmtpServer,
) -> None:
    smtp_server.script["rcpt"] = b"550 5.1.1 No such user\r\n"
    mails.send(_posted().pk)
    assert not AccountMail.objects.exists()


def test_who_is_put_off_holds_up_nobody_else(smtp_server: SmtpServer) -> None:
    smtp_server.script["rcpt"] = {"late@example.com": b"450 4.7.1 Later\r\n"}
    _posted("late@example.com")
    _posted("soon@example.com")
    with _after(minutes=1):
        mails.send_due(timezone.now())
    assert [mail.to for mail in AccountMail.objects.all()] == ["late@example.com"]


def test_a_mail_that_cannot_be_written_holds_up_nobody_else(
    smtp_server: SmtpServer,
) -> None:
    broken = _posted("broken@example.com")
    AccountMail.objects.filter(pk=broken.pk).update(subject="a\nb: c")
    _posted("fine@example.com")
    with _after(minutes=1):
        mails.send_due(timezone.now())
    assert [mail.to for mail in AccountMail.objects.all()] == ["broken@example.com"]
    assert len(smtp_server.received) == 1


def test_no_link_is_left_in_the_queues_tables(
    client: Client, alice: User, smtp_server: SmtpServer
) -> None:
    alice.vouch()
    client.post(reverse("account_reset_password"), {"email": alice.email})
    (task,) = [row.task for row in OrmQ.objects.all()]
    mail = AccountMail.objects.get()
    assert task["args"] == (mail.pk,)
    assert mails.send(mail.pk)
    assert not Success.objects.exists()
    assert not AccountMail.objects.exists()


@pytest.mark.parametrize(
    ("state", "words"), [("open", "/accounts/signup/"), ("closed", "ask one of them")]
)
def test_who_has_no_account_is_told_how_to_get_one(
    client: Client, settings: Settings, state: str, words: str
) -> None:
    settings.SIGNUP_OPEN = state == "open"
    client.post(reverse("account_reset_password"), {"email": "nobody@example.com"})
    assert words in AccountMail.objects.get().text
