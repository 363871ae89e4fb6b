"""States as words, icons and colours: the same on every page."""

from django.utils.translation import gettext_lazy as _

from mailings.models import Attempt, Delivery, Import, Mailing, Run, Suppression
from mailsvc.badges import Badge

_MAILING = {
    Mailing.Status.CREATED: ("clock", "secondary"),
    Mailing.Status.RUNNING: ("play-circle", "primary"),
    Mailing.Status.FINISHED: ("check-circle", "success"),
}
_RUN = {
    Run.State.PLANNING: ("people", "primary"),
    Run.State.SENDING: ("send", "primary"),
    Run.State.FINISHED: ("check-circle", "success"),
    Run.State.MISSED: ("calendar-x", "warning"),
}
_DELIVERY = {
    Delivery.State.PENDING: ("hourglass", "secondary"),
    Delivery.State.SENDING: ("send", "primary"),
    Delivery.State.DEFERRED: ("arrow-repeat", "info"),
    Delivery.State.ACCEPTED: ("check-circle", "success"),
    Delivery.State.REFUSED: ("x-circle", "danger"),
    Delivery.State.UNKNOWN: ("question-circle", "warning"),
    Delivery.State.EXPIRED: ("hourglass-bottom", "warning"),
    Delivery.State.SUPPRESSED: ("slash-circle", "secondary"),
    Delivery.State.CANCELLED: ("dash-circle", "secondary"),
}
_SUPPRESSION = {
    Suppression.Kind.UNSUBSCRIBED: ("envelope-slash", "warning"),
    Suppression.Kind.ADDRESS_REFUSED: ("x-circle", "danger"),
    Suppression.Kind.BY_HAND: ("slash-circle", "secondary"),
}


_IMPORT = {
    Import.State.COLUMNS: ("question-circle", "warning"),
    Import.State.CHECKING: ("hourglass", "primary"),
    Import.State.CHECKED: ("clipboard-check", "info"),
    Import.State.SAVING: ("hourglass", "primary"),
    Import.State.DONE: ("check-circle", "success"),
    Import.State.UNDOING: ("hourglass", "primary"),
    Import.State.UNDONE: ("arrow-counterclockwise", "secondary"),
    Import.State.FAILED: ("exclamation-circle", "danger"),
}


def of_mailing(mailing: Mailing) -> list[Badge]:
    """The status, and what holds the mailing up."""
    status = Mailing.Status(mailing.status)
    badges = [Badge(status.label, *_MAILING[status])]
    if mailing.is_held:
        badges.append(Badge(_("Held"), "lock", "danger", mailing.hold_reason))
    if mailing.is_paused and status != Mailing.Status.FINISHED:
        badges.append(
            Badge(_("Paused"), "pause-circle", "warning", mailing.pause_reason)
        )
    return badges


def deleted() -> Badge:
    return Badge(_("Deleted"), "trash", "secondary")


def of_run(run: Run) -> list[Badge]:
    state = Run.State(run.state)
    if state is Run.State.FINISHED and run.has_errors:
        return [Badge(_("Finished with errors"), "exclamation-circle", "warning")]
    badges = [Badge(state.label, *_RUN[state])]
    if run.is_waiting:
        badges.append(Badge(_("Waits"), "hourglass", "warning", run.waits_because))
    return badges


def of_delivery(delivery: Delivery) -> list[Badge]:
    return [of_delivery_state(delivery.state)]


def of_delivery_state(name: str) -> Badge:
    state = Delivery.State(name)
    return Badge(state.label, *_DELIVERY[state])


def of_attempt(attempt: Attempt) -> list[Badge]:
    label = Attempt.Outcome(attempt.outcome).label
    return [Badge(label, *_DELIVERY[Delivery.State(attempt.outcome)])]


def of_suppression(kind: str) -> Badge:
    found = Suppression.Kind(kind)
    return Badge(found.label, *_SUPPRESSION[found])


def of_import(job: Import) -> list[Badge]:
    state = Import.State(job.state)
    return [Badge(state.label, *_IMPORT[state])]


def of(
    row: Mailing | Run | Delivery | Attempt | Suppression | Import,
) -> list[Badge]:
    match row:
        case Mailing():
            return of_mailing(row)
        case Run():
            return of_run(row)
        case Delivery():
            return of_delivery(row)
        case Attempt():
            return of_attempt(row)
        case Import():
            return of_import(row)
        case Suppression():
            return [of_suppression(row.kind)]
