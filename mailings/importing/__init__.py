"""
Clients from a file (CSV, XLSX): file -> rows -> verdicts -> saved in chunks.

`texts` finds out the encoding, `workbook` and `reading` cut the file into rows,
`columns` tells which column is which, `verdicts` judges a row (these know no
database); `saving` compares with what the owner has and saves. `jobs` does all that for
a file that was uploaded, in steps that survive a crash, and `undoing` takes it back.
Nothing here prints: a command or a page shows the `ImportReport`, or the `Import`.
"""

from mailings.importing.reading import read_rows
from mailings.importing.saving import (
    ImportReport,
    RowError,
    import_clients,
    put_on_record,
)
from mailings.importing.sheets import UnreadableFile
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
