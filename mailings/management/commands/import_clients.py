"""Clients from a file."""

from pathlib import Path
from typing import Any, BinaryIO

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from mailings.importing import (
    ImportReport,
    UnreadableFile,
    import_clients,
    put_on_record,
)
from mailings.management.lookups import user_of
from mailsvc.commands import Outcome, ServiceCommand

SHOWN_ERRORS = 20  # the others are counted; --json has them all


class Command(ServiceCommand):
    help = (
        "Imports clients from a workbook (XLSX: its first sheet) or a CSV file: comma, "
        "semicolon or tab; UTF-8, UTF-16 or windows-1251. The first row names the "
        "columns, in any order: email (required), full_name, comment. A client that "
        "the owner has already (the same address, ignoring case) is updated; empty "
        "cells erase nothing. Rows "
        "that can't be imported are listed with their number (the row of the column "
        "names is row 1) and the reason, and stop nothing."
    )

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", type=Path, help="the file")
        parser.add_argument(
            "--owner",
            metavar="EMAIL",
            required=True,
            help="the user who gets the clients",
        )
        parser.add_argument(
            "--list",
            metavar="NAME",
            help="add all good rows to this list, which is made if need be",
        )
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="say what would be done, and change nothing",
        )

    def work(self, options: dict[str, Any]) -> Outcome:
        owner = user_of(options["owner"])
        path: Path = options["file"]
        try:
            with path.open("rb") as file, self.progress(path.name) as progress:
                size = path.stat().st_size if file.seekable() else 0
                report = import_clients(
                    owner,
                    file,
                    list_name=options["list"],
                    dry_run=options["dry_run"],
                    after_chunk=lambda report: progress.show(_position(file), size),
                )
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror or error}") from error
        except UnreadableFile as error:
            raise CommandError(f"{path}: {error}") from error
        except ValidationError as error:
            raise CommandError(f"--list: {' '.join(error.messages)}") from error
        if not options["dry_run"]:
            put_on_record(report, path.name, by=owner)
        return Outcome(
            data=report.as_dict(), text=_in_words(report, dry_run=options["dry_run"])
        )


def _position(file: BinaryIO) -> int:
    return file.tell() if file.seekable() else 0


def _in_words(report: ImportReport, *, dry_run: bool) -> str:
    lines = [f"row {e.row}: {e.reason}" for e in report.errors[:SHOWN_ERRORS]]
    if report.rejected > SHOWN_ERRORS:
        lines.append(f"… and {report.rejected - SHOWN_ERRORS} more rows")
    lines.append(
        f"{'Would be' if dry_run else 'Clients'} created: {report.created}, "
        f"updated: {report.updated}, unchanged: {report.unchanged}, "
        f"rejected: {report.rejected}"
    )
    return "\n".join(lines)
