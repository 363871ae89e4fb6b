"""smtp-source: a C program of Postfix's that knows no database. The yardstick."""

import os
import resource
import subprocess
import time
from dataclasses import dataclass
from statistics import median

from benchmarks import work
from benchmarks.results import Result
from benchmarks.servers import OwnSink, SmtpSink, tool


@dataclass
class SmtpSource:
    """So many connections, kept open, lock-step on each."""

    recipients: int
    connections: int
    name: str = "smtp-source"

    def prepare(self) -> None:
        pass

    def run(self, port: int, *, limit: float) -> Result:
        program = tool("smtp-source")
        assert program is not None
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        begun = time.monotonic()
        subprocess.run(
            [
                *(program, "-d", "-s", str(self.connections)),
                *("-m", str(self.recipients), "-l", str(work.WIRE_BYTES)),
                f"127.0.0.1:{port}",
            ],
            check=True,
            timeout=limit,
            env={"PATH": os.environ.get("PATH", "")},
        )
        seconds = time.monotonic() - begun
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Result(self.name, self.recipients, seconds, cpu)


def compare_sinks(messages: int, repeats: int) -> str:
    """How fast each mail server takes in what smtp-source sends, side by side."""
    lines = ["| connections | smtp-sink, msg/s | own sink, msg/s |", "|---|---|---|"]
    for connections in (1, 16, 64):
        rates: dict[str, list[float]] = {"smtp-sink": [], "own sink": []}
        for _ in range(repeats):
            for kind in (SmtpSink, OwnSink):
                with kind() as server:
                    result = SmtpSource(messages, connections).run(
                        server.port, limit=600
                    )
                rates[kind.name].append(result.rate)
        row = (f"{median(rates[name]):,.0f}" for name in rates)
        lines.append(f"| {connections} | {' | '.join(row)} |")
    return "\n".join(lines)
