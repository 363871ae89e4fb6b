"""
The engine: models and SMTP. It knows no request, no form and no Django-Q2.

    plan      a due occurrence becomes a run and its deliveries
    claim     deliveries are leased in batches, fairly
    skeleton  texts with blanks, encoded but for the blanks, pure
    compose   a run's snapshot becomes the bytes for one recipient
    letter    one letter; its end, the same for many, is read as it leaves; pure
    enclosures  attachments as they go over the wire, in a file
    composers  of the runs that a pump sends
    waiting   a run whose files can't be read waits
    clock     the clock of leases
    courier   several connections at work, in a thread of their own
    threads   what comes after a thread
    loop      how an event loop waits: not before all is done
    tray      the letters between that thread and the pump's
    throttle  how many letters of one domain are under way at once
    rates     how many letters may leave in how long
    wire      the bytes of one connection, and the replies in them
    pipelining  envelopes in one flight; knows commands and replies, no socket
    smtp      one connection's conversation; says what happened, decides nothing
    troubles  what goes wrong on the way, in words
    replies   what a reply means: the table, pure
    grounds   which refusals are grounds to write to an address no more, pure
    suppress  such addresses, and what waits for them
    breaks    over whose letters do connections break? pure
    refusals  does the server refuse the message, whoever it is for? pure
    pausing   what follows from that
    journal   what was handed over, on disk, so that a kill leaves little doubt
    holdings  what a pump holds that is the database's, through outages
    outage    the database is away: which errors say so, and how to wait
    many      many rows by one statement with one parameter
    record    outcomes, attempts and books in one transaction, fenced by the lease
    retry     when to try again, pure
    circuit   is the mail server well?
    schema    is the database of this code's version?
    identity  is this our database, and as we left it?
    recover   what dead pumps left
    closing   what is over
    forecast  what would go out by itself
    reopen    what is tried once more because somebody asked
    work      what there is to do
    books     the figures of a run
    statistics  attempts by time and reply, ends by reason
    server    the mail server, from the settings
    single    a few letters at once, outside of any run
    report    what a pump did
    pump      the loop that joins them
"""

from mailings.delivery.claim import NoSeat, seat_is_free
from mailings.delivery.closing import cancel, close, end_waiting, finish
from mailings.delivery.forecast import Prospect, forecast
from mailings.delivery.identity import confirm, hold, objection
from mailings.delivery.plan import (
    begin_due_run,
    begin_run,
    closing_time,
    due_after,
)
from mailings.delivery.pump import pump
from mailings.delivery.rates import forget_windows
from mailings.delivery.recover import recover
from mailings.delivery.reopen import reopen
from mailings.delivery.report import PumpReport
from mailings.delivery.statistics import rebuild as rebuild_statistics
from mailings.delivery.work import has_work, next_due_at

__all__ = [
    "NoSeat",
    "Prospect",
    "PumpReport",
    "begin_due_run",
    "begin_run",
    "cancel",
    "close",
    "closing_time",
    "confirm",
    "due_after",
    "end_waiting",
    "finish",
    "forecast",
    "forget_windows",
    "has_work",
    "hold",
    "next_due_at",
    "objection",
    "pump",
    "rebuild_statistics",
    "recover",
    "reopen",
    "seat_is_free",
]
