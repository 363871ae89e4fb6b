"""What tests that fetch pages need. A conftest imports these fixtures by name."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import translation


@pytest.fixture(scope="session", autouse=True)
def collected_files() -> None:
    """Empty is enough; WhiteNoise warns, and so fails a test, if it is not there."""
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)


@pytest.fixture(autouse=True)
def own_language() -> Iterator[None]:
    """A page's language stays switched on in its thread: no other test shall see it."""
    with translation.override(settings.LANGUAGE_CODE):
        yield
