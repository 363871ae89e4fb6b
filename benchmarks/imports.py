"""
How long does it take to import many clients, and how much memory?

    python benchmarks/imports.py --rows 100000

`manage.py import_clients` reads a file of ten rows, and then one of so many. One line
of figures; exit code 1 if it takes more than 10 seconds (`--within`), or 100 MB more,
or a row is missing. Needs Linux.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import meter  # noqa: E402
from benchmarks.installation import MANAGE, environment  # noqa: E402

SECONDS, MEGABYTES = 10.0, 100.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--within", type=float, default=SECONDS, help="seconds")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mailsvc-imports-") as name:
        folder = Path(name)
        env = environment(folder, "", 9, settings="mailsvc.settings")
        for words in (["migrate", "-v0"], ["shell", "-v0", "-c", _OWNER]):
            subprocess.run([*MANAGE, *words], env=env, cwd=ROOT, check=True)
        _, few, _ = imported(10, folder, env)
        seconds, many, rows = imported(options.rows, folder, env)
    in_time, is_small = seconds <= options.within, many - few <= MEGABYTES
    good = in_time and is_small and rows == options.rows
    print(
        f"{'good' if good else 'BAD'}: {rows} of {options.rows} rows in {seconds:.1f} s"
        f", {many - few:+.0f} MB against ten rows"
    )
    return 0 if good else 1


_OWNER = """
from users.models import User
User.objects.create_user("owner@example.com", "not signed in with")
"""


def imported(rows: int, folder: Path, env: dict[str, str]) -> tuple[float, float, int]:
    """Seconds, MB at the peak, and clients that are new."""
    path = folder / f"{rows}.csv"
    with path.open("w") as file:
        file.write("email,full name,comment\n")
        for n in range(rows):
            file.write(f"r{rows}c{n}@example.com,Иван Петров-{n},из файла\n")
    began, peak = time.monotonic(), 0.0
    command = subprocess.Popen(
        [
            *MANAGE,
            "import_clients",
            str(path),
            "--owner",
            "owner@example.com",
            "--json",
        ],
        env=env,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    while command.poll() is None:
        peak = max(peak, meter.peak_mb([command.pid]))
        time.sleep(0.05)
    assert command.stdout is not None
    seconds, said = time.monotonic() - began, command.stdout.read()
    return seconds, peak, int(json.loads(said.splitlines()[-1])["created"])


if __name__ == "__main__":
    sys.exit(main())
