from pathlib import Path

import pytest
from django.test import Client as Browser
from django.urls import reverse
from pytest_django.fixtures import Settings

from mailings import outbox
from tests.mailings.views.conftest import Things

LETTER = """\
From: a@example.com
To: =?utf-8?b?0J/RkdGC0YA=?= <peter@example.com>
Subject: =?utf-8?b?0J/RgNC40LLQtdGC?=
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary=x

--x
Content-Type: text/plain; charset=utf-8

The text
--x
Content-Type: text/html; charset=utf-8

<p>The <b>HTML</b></p><script>alert(1)</script>
--x--
"""
SECOND = 1_700_000_000_000_000_000


@pytest.fixture
def caught(settings: Settings) -> Path:
    """The catcher's directory."""
    directory = Path(settings.MAILCATCHER_DIR)
    directory.mkdir(parents=True)
    return directory


def put(directory: Path, delivery_id: int, *, at: int = SECOND) -> str:
    name = f"{at}-{delivery_id}"
    (directory / f"{name}.eml").write_text(LETTER)
    return name


def names(browser: Browser) -> list[str]:
    table = browser.get(reverse("mailings:outbox")).context["table"]
    return [row.record.name for row in table.rows]


def test_ones_own_mails_newest_first(
    alice_client: Browser, things: Things, caught: Path
) -> None:
    old = put(caught, things.delivery.pk)
    new = put(caught, things.delivery.pk, at=SECOND + 1_000_000_000)
    put(caught, 0)
    assert names(alice_client) == [new, old]


def test_strangers_see_nothing(
    charlie_client: Browser, things: Things, caught: Path
) -> None:
    name = put(caught, things.delivery.pk)
    url = reverse("mailings:outbox-mail", args=[name])
    assert names(charlie_client) == []
    assert charlie_client.get(url).status_code == 404


def test_an_administrator_sees_all(
    admin_client: Browser, things: Things, caught: Path
) -> None:
    mails = {put(caught, things.delivery.pk), put(caught, 0)}
    assert set(names(admin_client)) == mails


def test_a_mail_is_shown_with_its_parts(
    alice_client: Browser, things: Things, caught: Path
) -> None:
    name = put(caught, things.delivery.pk)
    url = reverse("mailings:outbox-mail", args=[name])
    page = alice_client.get(url).content.decode()
    for part in ("Привет", "Пётр", "The text", "multipart/alternative"):
        assert part in page
    assert "alert(1)" not in page
    frame = alice_client.get(reverse("mailings:outbox-html", args=[name]))
    assert "<p>The <b>HTML</b></p><script>" in frame.content.decode()
    assert frame["Content-Security-Policy"].startswith("sandbox; default-src 'none'")


def test_other_files_are_no_mails(
    admin_client: Browser, things: Things, caught: Path
) -> None:
    for name in ("x.eml", "1700000000000000000-1.part", "12-1.eml", "..eml"):
        (caught / name).write_text(LETTER)
    assert names(admin_client) == []


def test_an_id_that_no_database_can_have_does_no_harm(
    alice_client: Browser, caught: Path
) -> None:
    put(caught, 10**19 - 1)
    assert names(alice_client) == []


def test_without_a_directory_there_are_no_mails(alice_client: Browser) -> None:
    assert names(alice_client) == []


def test_a_mail_that_is_not_there_answers_404(
    admin_client: Browser, caught: Path
) -> None:
    for name in (f"{SECOND}-1", "secret"):
        url = reverse("mailings:outbox-mail", args=[name])
        assert admin_client.get(url).status_code == 404


def test_only_the_newest_are_looked_at(
    admin_client: Browser, caught: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "AT_MOST", 2)
    mails = [put(caught, 0, at=SECOND + n * 1_000_000_000) for n in range(3)]
    assert names(admin_client) == mails[:0:-1]


def test_a_broken_mail_breaks_no_page(admin_client: Browser, caught: Path) -> None:
    content = (
        b"To: \xff\xfe\nSubject: =?utf-8?b?!?=\n"
        b"Content-Type: text/plain; charset=nonsense\n\n\xff"
    )
    (caught / f"{SECOND}-0.eml").write_bytes(content)
    assert len(names(admin_client)) == 1
    url = reverse("mailings:outbox-mail", args=[f"{SECOND}-0"])
    assert admin_client.get(url).status_code == 200


def test_without_the_catcher_there_is_no_outbox(
    alice_client: Browser, things: Things, caught: Path, settings: Settings
) -> None:
    name = put(caught, things.delivery.pk)
    settings.MAILCATCHER_ENABLED = False
    for url in (
        reverse("mailings:outbox"),
        reverse("mailings:outbox-mail", args=[name]),
    ):
        assert alice_client.get(url).status_code == 404
    assert "/outbox/" not in alice_client.get(reverse("home")).content.decode()
