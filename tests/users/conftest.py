"""Pages need the directory of static files."""

from tests.support.static_files import collected_files

__all__ = ["collected_files"]
