import random
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from mailings.delivery.retry import JITTER, next_attempt

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
DELAYS = [60, 300, 900]


@given(st.integers(1, 3), st.integers())
def test_a_retry_waits_its_delay_give_or_take_the_jitter(tries: int, seed: int) -> None:
    at = next_attempt(tries, now=NOW, delays=DELAYS, chance=random.Random(seed))
    assert at is not None
    delay = (at - NOW).total_seconds()
    assert abs(delay - DELAYS[tries - 1]) <= JITTER * DELAYS[tries - 1] + 1e-3


@pytest.mark.parametrize("tries", [0, 4, 100])
def test_after_the_last_delay_nothing_is_tried(tries: int) -> None:
    assert next_attempt(tries, now=NOW, delays=DELAYS, chance=random.Random(1)) is None


def test_the_default_delays_make_twelve_tries_in_about_a_day() -> None:
    delays = settings.DELIVERY["retry_delays"]
    assert len(delays) + 1 == 12
    assert timedelta(hours=20) < timedelta(seconds=sum(delays)) < timedelta(hours=26)
