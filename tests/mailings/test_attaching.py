import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from pytest_django.fixtures import Settings

from mailings import attaching, lifecycle
from mailings.models import Attachment, Message
from tests import recipes
from users.models import User


@pytest.fixture
def message(alice: User) -> Message:
    return recipes.message(alice)


def upload(name: str, size: int = 10) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, b"x" * size, content_type="text/html")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("plan.pdf", "plan.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\x\\Отчёт.docx", "Отчёт.docx"),
        ("a\r\nBcc: b@example.com.txt", "a Bcc_ b@example.com.txt"),
        ('a"b|c?.txt', "a_b_c_.txt"),
        (" ..hidden. ", "hidden"),
        ("bill\u202efdp.exe", "billfdp.exe"),  # a reader would see billexe.pdf
        ("\u2066a\u200bb\ufeff\x07c\u2028.txt", "ab c .txt"),
        ("\u202e", "file"),
        ("", "file"),
        ("...", "file"),
        (None, "file"),
    ],
)
def test_a_name_is_made_harmless(given: str | None, kept: str) -> None:
    assert attaching.safe_name(given) == kept


def test_a_long_name_keeps_its_ending_and_fits_a_header() -> None:
    kept = attaching.safe_name("щ🎉" * 200 + ".pdf")
    assert kept.endswith(".pdf")
    assert 170 < len(kept.encode()) <= 180


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.pdf", "application/pdf"),
        ("a.PNG", "image/png"),
        ("a", "application/octet-stream"),
        ("a.tar.gz", "application/octet-stream"),
        ("a.eml", "application/octet-stream"),
        ("a.nothing", "application/octet-stream"),
    ],
)
def test_the_type_is_told_by_the_name(name: str, kind: str) -> None:
    assert attaching.content_type(name) == kind


def test_a_file_is_kept_with_its_message(message: Message) -> None:
    attaching.attach(message, [upload("a.pdf"), upload("b.txt")])
    rows = message.attachments.values_list("name", "content_type", "size")
    assert list(rows) == [
        ("a.pdf", "application/pdf", 10),
        ("b.txt", "text/plain", 10),
    ]


@pytest.mark.parametrize(
    ("sizes", "why"),
    [
        ([101], "“f0.txt” is too large: a file may have 100\xa0bytes."),
        ([0], "“f0.txt” is empty."),
        ([90, 90, 90], "All files of a message together may have 250\xa0bytes."),
        ([1] * 11, "A message has at most 10 files."),
    ],
)
def test_what_is_too_much_is_refused_as_a_whole(
    message: Message, settings: Settings, sizes: list[int], why: str
) -> None:
    settings.ATTACHMENTS = {"file": 100, "total": 250}
    files = [upload(f"f{n}.txt", size) for n, size in enumerate(sizes)]
    with pytest.raises(attaching.NotAttached) as refusal:
        attaching.attach(message, files)
    assert str(refusal.value) == why
    assert not Attachment.objects.exists()


def test_what_is_there_already_counts(message: Message, settings: Settings) -> None:
    settings.ATTACHMENTS = {"file": 100, "total": 150}
    attaching.attach(message, [upload("a.txt", 100)])
    with pytest.raises(attaching.NotAttached):
        attaching.attach(message, [upload("b.txt", 60)])
    attaching.attach(message, [upload("c.txt", 50)])


def test_files_of_nothing_are_swept(alice: User) -> None:
    """However their message or their run went: nobody could find them any more."""
    gone, kept = recipes.message(alice), recipes.message(alice)
    recipes.attachment(gone, name="nobody's.pdf")
    in_run = recipes.attachment(gone, name="sent.pdf")
    in_message = recipes.attachment(kept, name="to be sent.pdf")
    in_run.runs.add(recipes.run(recipes.mailing(alice, message=kept), accepted=1))
    gone.delete()
    assert Attachment.objects.count() == 3
    lifecycle.sweep(timezone.now())
    assert set(Attachment.objects.all()) == {in_run, in_message}
