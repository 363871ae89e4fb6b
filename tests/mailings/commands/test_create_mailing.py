from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import time_machine

from mailings.models import Mailing, Message
from tests import recipes
from tests.support.commands import Called, call
from users.models import User

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _now() -> object:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def owner(alice: User) -> User:
    alice.timezone = ZoneInfo("Europe/Berlin")
    alice.save()
    recipes.client_list(alice, recipes.client(alice), name="Friends")
    return alice


@pytest.fixture
def body(tmp_path: Path) -> Path:
    path = tmp_path / "body.txt"
    path.write_text("Привет, {{ full_name }}!\r\n", encoding="utf-8")
    return path


def create(owner: User, body: Path, *more: str) -> Called:
    to = () if "--all-clients" in more or "--list" in more else ("--list", "friends")
    return call(
        *("create_mailing", "--owner", owner.email, "--subject", "Hi {{ full_name }}"),
        *("--body-file", body, "--json", *to, *more),
    )


def test_a_mailing_to_a_list_is_sent_once_from_now_for_a_day(
    owner: User, body: Path
) -> None:
    called = create(owner, body)
    mailing = Mailing.objects.get()
    assert called.data == {"mailing": mailing.pk}
    assert mailing.owner == owner
    assert mailing.title == "Hi {{ full_name }}"
    assert mailing.message.subject == "Hi {{ full_name }}"
    assert mailing.message.body == "Привет, {{ full_name }}!\n"
    assert [each.name for each in mailing.lists.all()] == ["Friends"]
    assert (mailing.start_at, mailing.end_at) == (NOW, NOW + timedelta(hours=24))
    assert (mailing.periodicity, mailing.status) == ("once", "created")
    assert mailing.timezone == ZoneInfo("Europe/Berlin")


def test_a_repeating_mailing_goes_on_for_a_year(owner: User, body: Path) -> None:
    create(owner, body, "--all-clients", "--periodicity", "weekly")
    mailing = Mailing.objects.get()
    assert mailing.all_clients
    assert mailing.end_at == NOW + timedelta(days=365)


@pytest.mark.parametrize(
    ("start", "instant"),
    [
        ("2026-03-10T09:00", datetime(2026, 3, 10, 8, 0, tzinfo=UTC)),
        ("2026-03-10T09:00+03:00", datetime(2026, 3, 10, 6, 0, tzinfo=UTC)),
        ("2026-03-10T09:00Z", datetime(2026, 3, 10, 9, 0, tzinfo=UTC)),
        # The clocks of Berlin skip this hour: the first instant after the gap.
        ("2026-03-29T02:30", datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
    ],
)
def test_a_time_without_offset_is_the_owners_time(
    owner: User, body: Path, start: str, instant: datetime
) -> None:
    create(owner, body, "--start", start, "--end", "2026-04-30T00:00")
    assert Mailing.objects.get().start_at == instant


def test_html_is_cleaned_and_gets_a_plain_text(owner: User, tmp_path: Path) -> None:
    body = tmp_path / "body.HTML"
    body.write_text(
        "<h1>Привет, {{ full_name }}</h1><p onclick='x()'>See "
        "<a href='https://example.com/a'>this</a></p><script>alert(1)</script>",
        encoding="cp1251",
    )
    create(owner, body)
    message = Message.objects.get()
    assert message.body_html == (
        "<h1>Привет, {{ full_name }}</h1>"
        '<p>See <a href="https://example.com/a">this</a></p>'
    )
    assert message.body == (
        "Привет, {{ full_name }}\n\nSee this (https://example.com/a)"
    )


@pytest.mark.parametrize(
    ("more", "failure"),
    [
        (["--owner", "no@example.com"], "There is no user no@example.com."),
        (["--list", "Enemies"], "alice@example.com has no list “Enemies”."),
        (
            ["--subject", "Hi {{ name }}"],
            "--subject: Unknown placeholder: name. Known are: ",
        ),
        (["--subject", "two\nlines"], "--subject: Line breaks and control characters"),
        (["--subject", ""], "--subject: This field cannot be blank."),
        (["--subject", "x" * 256], "--subject: Ensure this value has at most 255"),
        (
            ["--start", "2026-03-10T09:00", "--end", "2026-03-10T09:00"],
            "The end must be after the start.",
        ),
        (["--start", "2026-02-01T09:00"], "The end (2026-02-02 08:00 UTC) is in the"),
        (["--start", "9999-12-31T23:00"], "--start: there is no time left after that."),
        (["--start", "0001-01-01T00:00"], "0001-01-01T00:00:00 is no time to send"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_made(
    owner: User, body: Path, more: list[str], failure: str
) -> None:
    called = create(owner, body, *more)
    assert called.failure.startswith(failure)
    assert called.data == {"error": called.failure}
    assert not Message.objects.exists()
    assert not Mailing.objects.exists()


def test_a_list_without_clients_is_refused(owner: User, body: Path) -> None:
    recipes.client_list(owner, name="Nobody")
    called = create(owner, body, "--list", "nobody")
    assert called.failure == "The list “nobody” has no clients."
    assert not Message.objects.exists()


def test_an_owner_without_clients_is_refused(bob: User, body: Path) -> None:
    called = create(bob, body, "--all-clients")
    assert called.failure == "bob@example.com has no clients."


def test_a_blocked_owner_is_refused(owner: User, body: Path) -> None:
    owner.is_active = False
    owner.save()
    assert create(owner, body).failure == "alice@example.com is blocked."


@pytest.mark.parametrize(
    ("content", "failure"),
    [
        (b"", "--body-file: This field cannot be blank."),
        (b"a\0b", "is not a text file."),
        (b"\x98", "is not a text file."),
        (b"x" * 200_001, "--body-file: at most 200000 characters are allowed."),
        (b"x" * 2_000_001, "is too large."),
        (b"{{ full name }}", "--body-file: Unknown placeholder: full name. Known"),
    ],
)
def test_an_impossible_body_is_refused(
    owner: User, body: Path, content: bytes, failure: str
) -> None:
    body.write_bytes(content)
    assert failure in create(owner, body).failure


def test_a_missing_body_file_is_a_failure_in_words(owner: User, body: Path) -> None:
    body.unlink()
    assert create(owner, body).failure == (
        f"--body-file: {body}: No such file or directory"
    )


@pytest.mark.parametrize(
    "more", [["--start", "tomorrow"], ["--periodicity", "yearly"], ["--end", ""]]
)
def test_wrong_use_is_no_mailing(owner: User, body: Path, more: list[str]) -> None:
    assert create(owner, body, *more).failure.startswith("Error: argument ")
    assert not Mailing.objects.exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "It starts at once, if a worker is running."),
        (
            ["--periodicity", "weekly"],
            "It starts at once, if a worker is running, and is sent again weekly, "
            "next at 2026-03-08 13:00 (Europe/Berlin).",
        ),
        (
            ["--start", "2026-03-10T09:00"],
            "It starts at 2026-03-10 09:00 (Europe/Berlin).",
        ),
        (
            ["--start", "2026-03-10T09:00", "--periodicity", "daily"],
            "It starts at 2026-03-10 09:00 (Europe/Berlin), and is sent again daily, "
            "next at 2026-03-11 09:00 (Europe/Berlin).",
        ),
    ],
)
def test_people_are_told_when_it_starts(
    owner: User, body: Path, options: list[str], words: str
) -> None:
    called = call(
        *("create_mailing", "--owner", owner.email, "--subject", "Hi"),
        *("--body-file", body, "--list", "Friends", *options),
    )
    assert called.out == f"Mailing {Mailing.objects.get().pk} created. {words}\n"
