"""
Clients from a CSV file: file -> rows -> verdicts -> saved in chunks.

`texts` finds out the encoding, `reading` cuts the file into rows, `verdicts` judges a
row (all three know no database), `saving` compares with what the owner has and saves.
Nothing here prints: a command or a page shows the `ImportReport`.
"""

from mailings.importing.reading import UnreadableFile, read_rows
from mailings.importing.saving import (
    ImportReport,
    RowError,
    import_clients,
    put_on_record,
)
from mailings.importing.texts import decode

__all__ = [
    "ImportReport",
    "RowError",
    "UnreadableFile",
    "decode",
    "import_clients",
    "put_on_record",
    "read_rows",
]
