"""
What a reply means in plain words, and what to do about it.

By the enhanced status code first (RFC 3463 section 3 and the registry of RFC 5248),
else by the reply code (RFC 5321 4.2.2), else by the point in the conversation.
"""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Words = str | Promise


@dataclass(frozen=True)
class Reason:
    words: Words
    advice: Words = ""


_ADDRESS = _("Remove or correct the address.")
_LATER = _("Nothing: it is tried again by itself while there is time.")
_OVER = _(
    "The time of the run is over, and nothing is tried by itself any more: have it "
    "sent in another run, or give the next ones more time."
)
_SETTLED = _("Nothing: each was tried again and came to an end; see the other rows.")
_SENDER = _("Ask who runs your mail server: the sender is not trusted there.")
_CONTENT = _("Look at the message: links, attachments and wording may look like spam.")

_NO_MAILBOX = Reason(_("The mailbox does not exist."), _ADDRESS)
_BAD_DOMAIN = Reason(_("The domain of the address does not take mail."), _ADDRESS)
_FULL = Reason(
    _("The mailbox is full."), _("Write to the recipient another way, or wait.")
)
_DISABLED = Reason(_("The mailbox is switched off."), _ADDRESS)
_TOO_LARGE = Reason(
    _("The message is too large for the recipient."),
    _("Make the message smaller."),
)
_OVERSIZED = Reason(
    _("The message is larger than the mail server takes; it was not even tried."),
    _("Make the message smaller."),
)
_POLICY = Reason(
    _("The recipient's server does not want this message."),
    _(
        "Look at the server's words; perhaps the sender's domain lacks SPF, DKIM or "
        "DMARC."
    ),
)
_BUSY = Reason(_("The recipient's server is busy or asks to come back later."), _LATER)
_GREY = Reason(_("The recipient's server lets unknown senders wait."), _LATER)
_UNKNOWN = Reason(
    _("The server had the message and gave no answer: nobody knows."),
    _("Ask the recipient, or try again and risk a second copy."),
)
_ACCEPTED = Reason(_("Accepted by the mail server."))

# Subject and detail of the enhanced code, whatever its class (4 or 5).
_ENHANCED: dict[str, Reason] = {
    "1.0": Reason(_("Something is wrong with the address."), _ADDRESS),
    "1.1": _NO_MAILBOX,
    "1.2": _BAD_DOMAIN,
    "1.3": Reason(_("The address is not written as an address."), _ADDRESS),
    "1.4": Reason(_("The address means several mailboxes."), _ADDRESS),
    "1.6": Reason(_("The mailbox has moved and left no new address."), _ADDRESS),
    "1.7": Reason(_("The sender's address is refused."), _SENDER),
    "1.8": Reason(_("The sender's domain is refused."), _SENDER),
    "1.9": Reason(_("The message was passed on to a system that is no mail system.")),
    "1.10": Reason(_("The domain says that it takes no mail at all."), _ADDRESS),
    "2.0": Reason(_("Something is wrong with the mailbox.")),
    "2.1": _DISABLED,
    "2.2": _FULL,
    "2.3": _TOO_LARGE,
    "2.4": Reason(_("A mailing list behind the address can't be expanded.")),
    "3.0": _BUSY,
    "3.1": Reason(_("The recipient's mail system is full."), _LATER),
    "3.2": _BUSY,
    "3.3": Reason(_("The recipient's system lacks something the message needs.")),
    "3.4": _TOO_LARGE,
    "4.0": _BUSY,
    "4.1": Reason(_("The recipient's server does not answer."), _LATER),
    "4.2": Reason(_("The connection to the recipient's server broke."), _LATER),
    "4.3": Reason(_("The recipient's domain can't be looked up now."), _LATER),
    "4.4": _BAD_DOMAIN,
    "4.5": _BUSY,
    "4.6": Reason(_("Mail to the recipient goes round in circles."), _ADDRESS),
    "4.7": Reason(_("The mail server gave up after trying for too long.")),
    "5.2": Reason(_("The server did not understand the address."), _ADDRESS),
    "5.3": Reason(_("Too many recipients at once for the server."), _LATER),
    "6.0": Reason(_("The server does not like the contents of the message."), _CONTENT),
    "7.0": _POLICY,
    "7.1": _POLICY,
    "7.2": Reason(_("The sender may not write to this mailing list."), _SENDER),
    "7.7": Reason(_("The message was changed on its way."), _SENDER),
    "7.20": Reason(_("The signature (DKIM) is missing."), _SENDER),
    "7.23": Reason(_("The sender's domain does not list your server (SPF)."), _SENDER),
    "7.25": Reason(_("Your server's address has no name (reverse DNS)."), _SENDER),
    "7.26": Reason(_("Neither SPF nor DKIM of the sender's domain holds."), _SENDER),
    "7.27": Reason(_("The sender's domain takes no mail."), _SENDER),
    "7.28": Reason(_("Too much mail from you at once."), _LATER),
}
_GREYLISTED = {"4.7.1": _GREY, "4.7.0": _BUSY}

_CODES: dict[int, Reason] = {
    421: _BUSY,
    450: _BUSY,
    451: _BUSY,
    452: Reason(_("The recipient's system has no room now."), _LATER),
    550: Reason(_("The server refuses this recipient or this message."), _ADDRESS),
    551: Reason(_("The recipient is not at this server."), _ADDRESS),
    552: _FULL,
    553: Reason(_("The server does not allow this address."), _ADDRESS),
    554: _POLICY,
}


def of_reply(outcome: str, phase: str, code: int, enhanced_code: str) -> Reason:
    """What attempts that ended like this have in common; `code` 0: no reply."""
    if outcome == "accepted":
        return _ACCEPTED
    if outcome == "unknown":
        return _UNKNOWN
    if phase == "size":
        return _OVERSIZED
    if phase == "compose":
        return Reason(
            _("The message could not be composed for this recipient."),
            _("Look at the server's words and correct the message or the client."),
        )
    kind, _dot, rest = enhanced_code.partition(".")
    if kind == str(code // 100):
        found = _GREYLISTED.get(enhanced_code) or _ENHANCED.get(rest)
        found = found or _ENHANCED.get(f"{rest.partition('.')[0]}.0")
        if found is not None:
            return _retried(found) if outcome == "deferred" else found
    if code in _CODES:
        return _CODES[code]
    if not code:
        return Reason(_("The connection broke before the message was sent."), _LATER)
    if outcome == "deferred":
        return _BUSY
    return Reason(_("The server refuses."), _("Look at the server's words."))


def _retried(reason: Reason) -> Reason:
    """A 4yz is tried again, whatever one might do about it."""
    return reason if reason.advice == _LATER else Reason(reason.words, _LATER)


def afterwards(reason: Reason, *, expired: int) -> Reason:
    """
    The same of a run that is over: nothing of it is tried again by itself. If nobody
    has `expired`, all who were to be tried again came to another end: most have got it.
    """
    if reason.advice != _LATER:
        return reason
    return Reason(reason.words, _OVER if expired else _SETTLED)


def of_end(state: str, label: Words) -> Reason:
    """Of deliveries that ended for a reason that no server gave."""
    return Reason(label, _OVER if state == "expired" else "")
