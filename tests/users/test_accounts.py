"""Accounts from the outside: sign-up, confirmation, reset, limits; nothing told."""

import re
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ
from pytest_django.fixtures import Settings

from users import blocking, mails
from users.models import AccountMail, AuditEntry, User

pytestmark = pytest.mark.django_db

PASSWORD = "quite long 1"
_addresses = count(1)


@pytest.fixture
def visitor() -> Client:
    """Somebody from an address of their own: limits count by it."""
    number = next(_addresses)
    return Client(REMOTE_ADDR=f"10.{number // 250}.{number % 250}.7")


@pytest.fixture(autouse=True)
def _by_smtp(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"


@pytest.fixture
def known(alice: User) -> User:
    alice.vouch()
    return alice


def sign_up(client: Client, email: str = "new@example.com") -> Any:
    data = {"email": email, "password1": PASSWORD, "password2": PASSWORD}
    return client.post(reverse("account_signup"), data)


def sign_in(client: Client, email: str, password: str = PASSWORD) -> Any:
    data = {"login": email, "password": password}
    return client.post(reverse("account_login"), data)


def link_in_mail(to: str) -> str:
    mail = AccountMail.objects.filter(to=to).latest("pk")
    return re.findall(r"http\S+/accounts/\S+", mail.text)[0]


def path_of(link: str, settings: Settings) -> str:
    assert link.startswith(f"{settings.SITE_URL}/")
    return link.removeprefix(settings.SITE_URL)


# --- signing up ---


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("Asia/Yekaterinburg", "Asia/Yekaterinburg"),
        ("Europe/Kiev", "Europe/Kiev"),  # some browsers use the older names
        ("", "UTC"),  # no JavaScript
        ("Mars/Olympus", "UTC"),
        ("../../etc/passwd", "UTC"),
        ("\0", "UTC"),
    ],
)
def test_a_new_account_lives_in_the_zone_of_its_browser(
    visitor: Client, sent: str, kept: str
) -> None:
    data = {"email": "new@example.com", "timezone": sent}
    data |= {"password1": PASSWORD, "password2": PASSWORD}
    visitor.post(reverse("account_signup"), data)
    assert str(User.objects.get(email="new@example.com").timezone) == kept


def test_the_form_asks_the_browser_for_its_zone(visitor: Client) -> None:
    page = visitor.get(reverse("account_signup")).content.decode()
    assert '<input type="hidden" name="timezone" data-time-zone>' in page
    assert 'js/time-zone.js" defer' in page


def test_who_signs_up_confirms_the_address_and_is_in(
    visitor: Client, settings: Settings
) -> None:
    answer = sign_up(visitor)
    assert answer["Location"] == reverse("account_email_verification_sent")
    assert sign_in(visitor, "new@example.com").status_code == 302
    assert visitor.get("/").status_code == 302  # not yet
    link = path_of(link_in_mail("new@example.com"), settings)
    assert b"Yes, confirm" in visitor.get(link).content
    assert not EmailAddress.objects.get().verified  # opening it changes nothing
    visitor.post(link)
    assert EmailAddress.objects.get().verified
    sign_in(visitor, "new@example.com")
    assert visitor.get("/").status_code == 200
    assert not AuditEntry.objects.exclude(action="signed_in").exists()


def test_a_new_user_has_no_power(visitor: Client) -> None:
    data = {
        "email": "new@example.com",
        "password1": PASSWORD,
        "password2": PASSWORD,
        "is_staff": "1",
        "is_superuser": "1",
        "groups": "1",
    }
    visitor.post(reverse("account_signup"), data)
    user = User.objects.get()
    assert not user.is_staff
    assert not user.is_superuser
    assert not user.groups.exists()
    assert not user.user_permissions.exists()


def test_the_language_of_the_page_is_that_of_the_user_and_of_the_mail(
    visitor: Client,
) -> None:
    visitor.cookies["django_language"] = "ru"
    sign_up(visitor)
    assert User.objects.get().language == "ru"
    assert "Подтвердите" in AccountMail.objects.get().subject


def test_the_link_is_good_for_a_day_and_once(
    visitor: Client, settings: Settings
) -> None:
    sign_up(visitor)
    link = path_of(link_in_mail("new@example.com"), settings)
    with time_machine.travel(timezone.now() + timedelta(hours=25)):
        visitor.post(link)
        assert b"too old" in visitor.get(link).content
    assert not EmailAddress.objects.get().verified
    visitor.post(link)
    assert EmailAddress.objects.get().verified
    assert b"Yes, confirm" not in visitor.get(link).content


def test_a_closed_installation_says_so(visitor: Client, settings: Settings) -> None:
    assert b"Sign up" in visitor.get(reverse("account_login")).content
    settings.SIGNUP_OPEN = False
    assert b"Sign up" not in visitor.get(reverse("account_login")).content
    assert b"made by administrators" in visitor.get(reverse("account_signup")).content
    sign_up(visitor)
    assert not User.objects.exists()


def test_an_account_whose_mail_cannot_be_kept_is_not_made(
    visitor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(mails, "async_task", refuse)
    with pytest.raises(ConnectionError):
        sign_up(visitor)
    assert not User.objects.exists()


# --- nothing is told about who has an account ---


@pytest.mark.parametrize("name", ["account_signup", "account_reset_password"])
def test_known_and_unknown_addresses_get_the_same_answer(
    visitor: Client, known: User, name: str, settings: Settings
) -> None:
    settings.EMAIL_PORT = 9  # a request that talked to the server would fail
    pictures = []
    for email in (known.email, "nobody@example.com"):
        data = {"email": email, "password1": PASSWORD, "password2": PASSWORD}
        before = AccountMail.objects.count(), OrmQ.objects.count()
        answer = visitor.post(reverse(name), data)
        page = visitor.get(answer["Location"]).content.decode()
        after = AccountMail.objects.count(), OrmQ.objects.count()
        page = re.sub(r'(name="csrfmiddlewaretoken" value|nonce)="[^"]*"', "", page)
        pictures.append(
            (
                answer.status_code,
                answer["Location"],
                page.replace(email, "…"),
                [b - a for a, b in zip(before, after, strict=True)],
            )
        )
    assert pictures[0] == pictures[1]
    assert pictures[0][3] == [1, 1]


def test_links_name_our_site_whatever_host_was_asked(
    visitor: Client, known: User, settings: Settings
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    settings.SITE_URL = "https://mail.example.com"
    for name, email in (
        ("account_reset_password", known.email),
        ("account_reset_password", "nobody@example.com"),
        ("account_signup", "new@example.com"),
        ("account_signup", known.email),
    ):
        data = {"email": email, "password1": PASSWORD, "password2": PASSWORD}
        visitor.post(reverse(name), data, HTTP_HOST="evil.example.net")
    assert AccountMail.objects.count() == 4
    for mail in AccountMail.objects.all():
        assert "evil" not in f"{mail.subject} {mail.text}"
        links = re.findall(r"http\S+", mail.text)
        assert links
        assert all(link.startswith("https://mail.example.com") for link in links)


# --- passwords ---


def test_a_forgotten_password_is_set_anew_once_within_the_hour(
    visitor: Client, known: User, settings: Settings
) -> None:
    visitor.post(reverse("account_reset_password"), {"email": known.email})
    link = path_of(link_in_mail(known.email), settings)
    words = {"password1": PASSWORD, "password2": PASSWORD}
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        assert "password1" not in visitor.get(link, follow=True).content.decode()
    form = visitor.get(link, follow=True)
    visitor.post(form.redirect_chain[-1][0], words)
    sign_in(visitor, known.email)
    assert visitor.get("/").status_code == 200
    again = Client().get(link, follow=True)
    assert "password1" not in again.content.decode()


def test_a_new_password_ends_all_other_sessions(known: User) -> None:
    here, there = Client(), Client()
    for client in (here, there):
        client.force_login(known)
    data = {
        "oldpassword": "correct horse",
        "password1": PASSWORD,
        "password2": PASSWORD,
    }
    here.post(reverse("account_change_password"), data)
    assert here.get("/").status_code == 200
    assert there.get("/").status_code == 302
    assert AuditEntry.objects.filter(action="password_changed").count() == 1


# --- the address ---


def test_a_new_address_counts_once_it_is_confirmed(
    known: User, settings: Settings
) -> None:
    client = Client()
    sign_in(client, known.email, "correct horse")
    client.post(reverse("account_reauthenticate"), {"password": "correct horse"})
    data = {"email": "alice@example.org", "action_add": ""}
    client.post(reverse("account_email"), data)
    known.refresh_from_db()
    assert known.email == "alice@example.com"
    client.post(path_of(link_in_mail("alice@example.org"), settings))
    known.refresh_from_db()
    assert known.email == "alice@example.org"
    assert EmailAddress.objects.get(user=known).email == "alice@example.org"
    assert AuditEntry.objects.get(action="email_changed").reason == "alice@example.org"


def test_whoever_has_an_administrator_account_can_sign_in(visitor: Client) -> None:
    call_command("createsuperuser", email="root@example.com", interactive=False)
    root = User.objects.get()
    root.set_password(PASSWORD)
    root.save()
    sign_in(visitor, root.email)
    assert visitor.get("/").status_code == 200


def test_the_admin_site_has_no_door_of_its_own(visitor: Client) -> None:
    answer = visitor.get("/admin/", follow=True)
    assert answer.redirect_chain[-1][0].startswith(reverse("account_login"))
    assert visitor.post("/admin/login/").status_code == 302


# --- limits ---


def test_who_fails_too_often_waits_and_nobody_else_does(known: User) -> None:
    bad, good = Client(REMOTE_ADDR="10.9.0.1"), Client(REMOTE_ADDR="10.9.0.2")
    for _ in range(5):
        sign_in(bad, known.email, "wrong")
    words = sign_in(bad, known.email, "correct horse").context["form"].errors
    assert "Too many failed login attempts" in str(words)
    assert sign_in(good, known.email, "correct horse").status_code == 302


def test_too_many_sign_ups_get_a_page_in_words() -> None:
    client = Client(REMOTE_ADDR="10.9.0.3")
    answers = [sign_up(client, f"u{n}@example.com") for n in range(21)]
    assert answers[-1].status_code == 429
    assert "Wait a few minutes" in answers[-1].content.decode()


def test_behind_a_proxy_visitors_are_told_apart(
    known: User, settings: Settings
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    client = Client(REMOTE_ADDR="127.0.0.1", HTTP_X_FORWARDED_FOR="1.1.1.1, 10.9.1.9")
    sign_in(client, known.email, "wrong")
    assert AuditEntry.objects.get().ip_address == "10.9.1.9"


# --- the audit log ---


def test_sign_ins_and_failures_are_put_down(visitor: Client, known: User) -> None:
    sign_in(visitor, "alice@example.com\n\x0bx", "secret-word")
    sign_in(visitor, known.email, "secret-word")
    sign_in(visitor, known.email, "correct horse")
    entries = list(AuditEntry.objects.order_by("pk"))
    assert [entry.action for entry in entries][-2:] == ["sign_in_failed", "signed_in"]
    assert entries[-2].reason == known.email
    assert entries[-1].actor == known
    assert entries[-1].ip_address == visitor.defaults["REMOTE_ADDR"]
    assert "secret-word" not in str([vars(entry) for entry in entries])


def test_the_blocked_are_told_by_whom_and_why_if_they_know_the_password(
    visitor: Client, known: User, manager: User
) -> None:
    blocking.block(known, by=manager, reason="Too many complaints")
    wrong = sign_in(visitor, known.email, "secret-word")
    assert "Too many complaints" not in wrong.content.decode()
    answer = sign_in(visitor, known.email, "correct horse")
    assert answer["Location"] == reverse("account_inactive")
    page = visitor.get(answer["Location"]).content.decode()
    assert "Your account is blocked" in page
    assert "by manager@example.com: Too many complaints" in page
    # Once: who sits down at the same browser later reads nothing of it.
    assert "complaints" not in visitor.get(answer["Location"]).content.decode()


def test_who_is_switched_off_without_a_block_is_told_so(
    visitor: Client, known: User
) -> None:
    User.objects.filter(pk=known.pk).update(is_active=False)
    answer = sign_in(visitor, known.email, "correct horse")
    assert answer["Location"] == reverse("account_inactive")
    assert b"Your account is blocked" in visitor.get(answer["Location"]).content


def test_a_link_to_a_new_password_dies_with_a_block(
    visitor: Client, known: User, manager: User, settings: Settings
) -> None:
    visitor.post(reverse("account_reset_password"), {"email": known.email})
    link = path_of(link_in_mail(known.email), settings)
    blocking.block(known, by=manager, reason="Spam")
    blocking.unblock(known, by=manager, reason="Sorry")
    page = visitor.get(link, follow=True)
    assert "password1" not in page.content.decode()


@pytest.mark.parametrize(
    "target", ["https://evil.example.net/", "//evil.example.net", "javascript:alert(1)"]
)
def test_nobody_is_led_to_another_site(
    visitor: Client, known: User, target: str
) -> None:
    data = {"login": known.email, "password": "correct horse", "next": target}
    answer = visitor.post(f"{reverse('account_login')}?next={target}", data)
    assert answer["Location"] == "/"
    answer = visitor.post(reverse("account_logout"), {"next": target})
    assert "evil" not in answer["Location"]
    assert "alert" not in answer["Location"]
