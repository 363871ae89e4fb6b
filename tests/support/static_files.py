"""What a test that fetches pages needs: the directory that WhiteNoise looks into."""

from pathlib import Path

import pytest
from django.conf import settings


@pytest.fixture(scope="session", autouse=True)
def collected_files() -> None:
    """Empty is enough; WhiteNoise warns, and so fails a test, if it is not there."""
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
