import pytest
from django.core.exceptions import ValidationError

from mailings.models import Message
from users.models import User

pytestmark = pytest.mark.django_db


def test_a_placeholder_that_nobody_would_fill_is_told_at_its_field(
    alice: User,
) -> None:
    message = Message(
        owner=alice,
        subject="Hello {{ name }}",
        body="{{ full_name }} {{ x|upper }}",
        body_html="<p>{{ email }} {{ 7*7 }}</p>",
    )
    with pytest.raises(ValidationError) as refusal:
        message.full_clean()

    known = "Known are: {{ full_name }}, {{ email }}"
    errors = refusal.value.message_dict
    assert {field: error.split(".")[0] for field, (error,) in errors.items()} == {
        "subject": "Unknown placeholder: name",
        "body": "Unknown placeholder: x|upper",
        "body_html": "Unknown placeholder: 7*7",
    }
    assert all(known in error for (error,) in errors.values())


def test_a_subject_is_one_line(alice: User) -> None:
    with pytest.raises(ValidationError) as refusal:
        Message(owner=alice, subject="Hi\x0bBcc: x@example.com", body="x").full_clean()
    assert refusal.value.message_dict.keys() == {"subject"}


def test_a_good_message_passes(alice: User) -> None:
    Message(owner=alice, subject="Hi {{ full_name }}", body="{{ date }}").full_clean()
