"""Management commands, called as cron calls them but in this process."""

import json
from dataclasses import dataclass
from io import StringIO
from typing import Any

from django.core.management import call_command
from django.core.management.base import CommandError


@dataclass(frozen=True)
class Called:
    """What a command printed; `failure` is what it said on exiting with 1."""

    out: str
    err: str
    failure: str

    @property
    def data(self) -> Any:
        """The JSON object in the last line."""
        return json.loads(self.out.splitlines()[-1])


def call(name: str, *arguments: Any) -> Called:
    out, err, failure = StringIO(), StringIO(), ""
    try:
        call_command(name, *map(str, arguments), stdout=out, stderr=err)
    except CommandError as error:
        failure = str(error)
    return Called(out.getvalue(), err.getvalue(), failure)
