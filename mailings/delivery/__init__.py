"""
The engine: models and SMTP. It knows no request, no form and no Django-Q2.

    plan      a due occurrence becomes a run and its deliveries
    claim     deliveries are leased in batches, fairly
    skeleton  texts with blanks, encoded but for the blanks, pure
    compose   a run's snapshot becomes the bytes for one recipient
    courier   several connections at work, in a thread of their own
    wire      its bytes and its replies
    smtp      one connection's conversation; says what happened, decides nothing
    pipelining  envelopes in one flight; knows commands and replies, no socket
    replies   what a reply means: the table, pure
    journal   what was handed over, on disk, so that a kill leaves little doubt
    record    outcomes, attempts and books in one transaction, fenced by the lease
    retry     when to try again, pure
    circuit   is the mail server well?
    recover   what dead pumps left
    closing   what is over
    reopen    what is tried once more because somebody asked
    work      what there is to do
    books     the figures of a run
    statistics  attempts by time and reply, ends by reason
    server    the mail server, from the settings
    pump      the loop that joins them
"""

from mailings.delivery.closing import cancel, close, end_waiting, finish
from mailings.delivery.plan import begin_due_run, begin_run, closing_time
from mailings.delivery.pump import PumpReport, pump
from mailings.delivery.recover import recover
from mailings.delivery.reopen import reopen
from mailings.delivery.statistics import rebuild as rebuild_statistics
from mailings.delivery.work import has_work, next_due_at, seat_is_free

__all__ = [
    "PumpReport",
    "begin_due_run",
    "begin_run",
    "cancel",
    "close",
    "closing_time",
    "end_waiting",
    "finish",
    "has_work",
    "next_due_at",
    "pump",
    "rebuild_statistics",
    "recover",
    "reopen",
    "seat_is_free",
]
