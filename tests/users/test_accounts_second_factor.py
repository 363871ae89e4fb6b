"""A second factor: an app that shows codes, and codes to recover with."""

from datetime import timedelta

import pytest
import time_machine
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.conftest import PASSWORD
from tests.support.totp import code_of
from users.models import AccountMail, AuditEntry, User

pytestmark = pytest.mark.django_db

ACTIVATE = reverse("mfa_activate_totp")


def sign_in(client: Client, user: User) -> str:
    data = {"login": user.email, "password": PASSWORD}
    answer = client.post(reverse("account_login"), data)
    return str(answer.headers["Location"])


def confirm(client: Client) -> None:
    """What concerns the way in asks for the password again, even after signing in."""
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})


@pytest.fixture
def secret(alice: User) -> str:
    """alice has switched it on, as she would."""
    alice.vouch()
    client = Client()
    sign_in(client, alice)
    confirm(client)
    secret: str = client.get(ACTIVATE).context["form"].secret
    answer = client.post(ACTIVATE, {"code": code_of(secret)})
    assert answer["Location"] == reverse("mfa_view_recovery_codes")
    return secret


def recovery_codes(user: User) -> list[str]:
    codes: list[str] = RecoveryCodes(user.authenticator_set.get(type="recovery_codes"))
    return codes.get_unused_codes()  # type: ignore[attr-defined,no-any-return]


def test_the_page_shows_a_picture_and_the_secret(alice: User) -> None:
    alice.vouch()
    client = Client()
    sign_in(client, alice)
    confirm(client)
    page = client.get(ACTIVATE)
    words = page.content.decode()
    assert 'src="data:image/svg+xml;base64,' in words
    assert page.context["form"].secret in words


def test_the_password_alone_no_longer_opens(alice: User, secret: str) -> None:
    client = Client()
    assert sign_in(client, alice) == reverse("mfa_authenticate")
    assert client.get("/").status_code == 302
    wrong = client.post(reverse("mfa_authenticate"), {"code": "000000"})
    assert wrong.context["form"].errors
    with time_machine.travel(timezone.now() + timedelta(minutes=1)):
        client.post(reverse("mfa_authenticate"), {"code": code_of(secret)})
        assert client.get("/").status_code == 200


@pytest.mark.parametrize("kind", ["of the app", "to recover"])
def test_a_code_opens_once(alice: User, secret: str, kind: str) -> None:
    code = code_of(secret) if kind == "of the app" else recovery_codes(alice)[0]
    outcomes = []
    for client in (Client(), Client()):
        sign_in(client, alice)
        client.post(reverse("mfa_authenticate"), {"code": code})
        outcomes.append(client.get("/").status_code)
    assert outcomes == [200, 302]


def test_it_holds_for_the_admin_site(alice: User, secret: str) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    client = Client()
    answer = client.post(
        "/admin/login/", {"username": alice.email, "password": PASSWORD}, follow=True
    )
    assert answer.redirect_chain[-1][0].startswith(reverse("account_login"))
    sign_in(client, alice)
    assert client.get("/admin/").status_code == 302


def test_recovery_codes_are_viewed_downloaded_and_made_anew(
    alice: User, secret: str
) -> None:
    client = Client()
    sign_in(client, alice)
    old = recovery_codes(alice)
    client.post(reverse("mfa_authenticate"), {"code": old.pop(0)})
    confirm(client)
    page = client.get(reverse("mfa_view_recovery_codes")).content.decode()
    file = client.get(reverse("mfa_download_recovery_codes"))
    assert all(code in page and code in file.content.decode() for code in old)
    assert "attachment" in file["Content-Disposition"]
    client.post(reverse("mfa_generate_recovery_codes"))
    assert not set(recovery_codes(alice)) & set(old)


def test_who_has_been_in_for_a_while_gives_the_password_again(
    alice: User, secret: str
) -> None:
    client = Client()
    sign_in(client, alice)
    client.post(reverse("mfa_authenticate"), {"code": recovery_codes(alice)[0]})
    with time_machine.travel(timezone.now() + timedelta(minutes=10)):
        answer = client.get(reverse("mfa_deactivate_totp"))
        assert answer["Location"].startswith(reverse("account_reauthenticate"))
        assert client.get(answer["Location"]).status_code == 200
        client.post(answer["Location"], {"password": "wrong"})
        assert client.get(reverse("mfa_deactivate_totp")).status_code == 302
        client.post(answer["Location"], {"password": PASSWORD})
        client.post(reverse("mfa_deactivate_totp"))
    assert not alice.authenticator_set.exists()


@pytest.mark.django_db(transaction=True)
def test_on_and_off_are_on_the_audit_log_and_told_by_mail(
    alice: User, secret: str
) -> None:
    client = Client()
    sign_in(client, alice)
    client.post(reverse("mfa_authenticate"), {"code": recovery_codes(alice)[0]})
    confirm(client)
    client.post(reverse("mfa_deactivate_totp"))
    done = AuditEntry.objects.filter(object_id=str(alice.pk)).values_list(
        "action", flat=True
    )
    assert {"second_factor_on", "second_factor_off"} <= set(done)
    assert not AuditEntry.objects.filter(reason__contains=secret).exists()
    subjects = " ".join(AccountMail.objects.values_list("subject", flat=True))
    assert "The second factor is on" in subjects
    assert "The second factor is off" in subjects


def test_a_wrong_code_is_on_the_audit_log(alice: User, secret: str) -> None:
    client = Client()
    sign_in(client, alice)
    client.post(reverse("mfa_authenticate"), {"code": "000000"})
    entry = AuditEntry.objects.get(action="sign_in_failed")
    assert entry.reason == f"{alice.email}, totp"
    assert "000000" not in str(vars(entry))


def test_it_does_not_keep_anybody_from_changing_the_address(
    alice: User, secret: str
) -> None:
    client = Client()
    sign_in(client, alice)
    client.post(reverse("mfa_authenticate"), {"code": recovery_codes(alice)[0]})
    confirm(client)
    data = {"email": "alice@example.org", "action_add": ""}
    client.post(reverse("account_email"), data)
    assert AccountMail.objects.filter(to="alice@example.org").exists()
