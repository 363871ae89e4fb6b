"""What one pump did, and why it gave up if it did."""

from dataclasses import dataclass

from mailings.delivery.journal import Result


@dataclass
class PumpReport:
    """What one pump did."""

    accepted: int = 0
    refused: int = 0
    deferred: int = 0
    unknown: int = 0
    server_error: str | None = None  # why it gave up, in the server's words
    objection: str = ""  # why nothing may be sent from here
    failure: str = ""  # why it gave up, where the server is not to blame

    def count(self, result: Result) -> None:
        name = result.outcome.verdict.value
        setattr(self, name, getattr(self, name) + 1)

    def in_words(self) -> str:
        names = ("accepted", "refused", "deferred", "unknown")
        return ", ".join(f"{name} {getattr(self, name)}" for name in names)

    @property
    def attempts(self) -> int:
        return self.accepted + self.refused + self.deferred + self.unknown

    @property
    def trouble(self) -> str:
        """Why it gave up, in a sentence; "" if it did not."""
        if self.objection:
            return self.objection
        if self.server_error is not None:
            return f"The mail server does not take mail: {self.server_error}"
        return f"Nothing can be sent from here: {self.failure}" if self.failure else ""
