"""Static files are named after what is in them, and kept by browsers for ever."""

from pathlib import Path

import pytest
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command
from django.test import Client
from django.test.utils import override_settings

from tests.support import icons


@pytest.mark.django_db  # at the end of an answer its connections are looked at
def test_a_file_with_a_hash_in_its_name_is_immutable(tmp_path: Path) -> None:
    hashed = "whitenoise.storage.CompressedManifestStaticFilesStorage"
    files = "django.core.files.storage.InMemoryStorage"
    with override_settings(
        STATIC_ROOT=tmp_path,
        STORAGES={"default": {"BACKEND": files}, "staticfiles": {"BACKEND": hashed}},
        WHITENOISE_KEEP_ONLY_HASHED_FILES=False,
        STATICFILES_DIRS=[Path(__file__).parents[2] / "static" / "css"],
        STATICFILES_FINDERS=["django.contrib.staticfiles.finders.FileSystemFinder"],
    ):
        call_command("collectstatic", interactive=False, verbosity=0)
        url = staticfiles_storage.url("app.css")
        with override_settings(ROOT_URLCONF="mailsvc.urls"):
            named = Client().get(url)
            plain = Client().get("/static/app.css")
            for answer in (named, plain):
                b"".join(answer.streaming_content)
                answer.close()
    assert url != "/static/app.css"
    assert named.status_code == plain.status_code == 200
    assert "max-age=315360000" in named["Cache-Control"]
    assert "immutable" in named["Cache-Control"]
    assert "immutable" not in plain["Cache-Control"]


def test_every_icon_that_a_page_uses_is_in_our_font() -> None:
    """If not: python -m tests.support.icons"""
    assert set(icons.used()) <= set(icons.known(icons.OURS / "icons.css"))
