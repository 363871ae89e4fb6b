import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from mailings.models import Attachment, Message
from tests import recipes
from users import permissions
from users.models import User
from users.permissions import Level


@pytest.fixture
def message(alice: User) -> Message:
    return recipes.message(alice)


def test_files_are_attached_shown_given_out_and_taken_off(
    alice_client: Browser, message: Message
) -> None:
    file = SimpleUploadedFile("Смета.html", b"<script>alert(1)</script>")
    url = f"{message.get_absolute_url()}attachments/"
    page = alice_client.post(url, {"files": [file]}, follow=True).content.decode()
    assert "1 file is attached." in page
    assert "Смета.html" in page
    kept = message.attachments.get()
    answer = alice_client.get(f"{url}{kept.pk}/")
    assert answer.content == b"<script>alert(1)</script>"
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"].startswith("attachment; filename*=utf-8''")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"].startswith("sandbox;")
    alice_client.post(f"{url}{kept.pk}/remove/")
    assert not Attachment.objects.exists()


def test_a_refusal_is_told_in_words(alice_client: Browser, message: Message) -> None:
    url = f"{message.get_absolute_url()}attachments/"
    empty = SimpleUploadedFile("a.txt", b"")
    page = alice_client.post(url, {"files": [empty]}, follow=True).content.decode()
    assert "“a.txt” is empty." in page
    assert (
        "Choose a file first." in alice_client.post(url, follow=True).content.decode()
    )


def test_who_only_sees_a_message_may_have_its_files_and_no_more(
    alice: User, bob: User, bob_client: Browser, charlie_client: Browser
) -> None:
    message = recipes.message(alice)
    file = recipes.attachment(message)
    permissions.share(message, to=bob, level=Level.VIEW, by=alice)
    url = f"{message.get_absolute_url()}attachments/"
    assert bob_client.get(f"{url}{file.pk}/").content == file.content
    assert bob_client.post(url).status_code == 403
    assert bob_client.post(f"{url}{file.pk}/remove/").status_code == 403
    assert charlie_client.get(f"{url}{file.pk}/").status_code == 404
    page = bob_client.get(message.get_absolute_url()).content.decode()
    assert "plan.pdf" in page
    assert "Add files" not in page


def test_taking_a_file_off_reads_nothing_of_what_is_in_it(
    alice_client: Browser, message: Message
) -> None:
    file = recipes.attachment(message)
    url = f"{message.get_absolute_url()}attachments/{file.pk}/remove/"
    with CaptureQueriesContext(connection) as queries:
        alice_client.post(url)
    assert not Attachment.objects.exists()
    assert not [each["sql"] for each in queries if '"content"' in each["sql"]]


def test_a_file_is_had_by_way_of_its_own_message_only(
    alice: User, bob: User, bob_client: Browser
) -> None:
    file = recipes.attachment(recipes.message(alice))
    his = recipes.message(bob)
    url = f"{his.get_absolute_url()}attachments/{file.pk}/"
    assert bob_client.get(url).status_code == 404
    assert bob_client.post(f"{url}remove/").status_code == 404


def test_a_run_shows_what_it_sent_when_the_message_has_it_no_more(
    alice: User, alice_client: Browser, charlie_client: Browser, message: Message
) -> None:
    file = recipes.attachment(message)
    run = recipes.run(recipes.mailing(alice, message=message), accepted=1)
    run.attachments.add(file)
    alice_client.post(f"{message.get_absolute_url()}attachments/{file.pk}/remove/")
    page = alice_client.get(run.get_absolute_url()).content.decode()
    assert "plan.pdf" in page
    url = f"{run.get_absolute_url()}attachments/{file.pk}/"
    assert alice_client.get(url).content == file.content
    assert charlie_client.get(url).status_code == 404
