import pytest
from django.utils import translation

from mailsvc.numbers import grouped


@pytest.mark.parametrize(
    ("language", "words"), [("en", "1,234,567"), ("ru", "1\xa0234\xa0567")]
)
def test_thousands_are_marked_as_the_language_does(language: str, words: str) -> None:
    with translation.override(language):
        assert grouped(1_234_567) == words
