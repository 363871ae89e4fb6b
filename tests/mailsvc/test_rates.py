"""A rate in words says something true, however slow it is, in both languages."""

import pytest
from django.utils import translation

from mailsvc.rates import in_words


@pytest.mark.parametrize(
    ("per_minute", "english", "russian"),
    [
        (12_345.6, "12,346 a minute", "12\u00a0346 в минуту"),
        (10, "10 a minute", "10 в минуту"),
        (9.96, "10 a minute", "10 в минуту"),
        (2.54, "2.5 a minute", "2,5 в минуту"),
        (1, "1 a minute", "1 в минуту"),
        (0.4, "24 an hour", "24 в час"),
        (0.1, "6 an hour", "6 в час"),
        (1 / 40, "1.5 an hour", "1,5 в час"),
        (10 / 1440, "10 a day", "10 в день"),
        (1.5 / 1440, "1.5 a day", "1,5 в день"),
        (0.1 / 1440, "less than one a day", "меньше одного в день"),
    ],
)
def test_a_rate_is_told_in_the_unit_that_suits_it(
    per_minute: float, english: str, russian: str
) -> None:
    with translation.override("en"):
        assert in_words(per_minute) == english
    with translation.override("ru"):
        assert in_words(per_minute) == russian
