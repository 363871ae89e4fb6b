"""Pages need the directory of static files."""

from tests.support.pages import collected_files, own_language

__all__ = ["collected_files", "own_language"]
