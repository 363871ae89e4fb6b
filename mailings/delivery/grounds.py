"""
Which refusals are grounds to write to an address no more. Pure.

Only what speaks of the address itself, for good (RFC 3463 3.2 and 3.3, RFC 7505). A
4yz, a policy (5.7.x), the message, our account or the server never do.
"""

from enum import Enum

from mailings.delivery.replies import Outcome, Phase, Verdict


class Grounds(Enum):
    NONE = 0
    IF_REPEATED = 1  # by the next run, too
    AT_ONCE = 2


# No such mailbox, no such system, bad syntax, moved, takes no mail, switched off.
_AT_ONCE = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"})
_FULL = "5.2.2"
# Where a server speaks of the recipient; RFC 5321 3.3 allows it as late as the dot.
_PHASES = frozenset({Phase.RCPT, Phase.DATA, Phase.DOT})


def grounds(outcome: Outcome) -> Grounds:
    if outcome.verdict is not Verdict.REFUSED or outcome.phase not in _PHASES:
        return Grounds.NONE
    if outcome.enhanced_code in _AT_ONCE:
        return Grounds.AT_ONCE
    is_bare = outcome.code == 550 and not outcome.enhanced_code
    if is_bare or outcome.enhanced_code == _FULL:
        return Grounds.IF_REPEATED
    return Grounds.NONE
