"""What the two users of the demo do: their messages and mailings."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from mailings import lifecycle, recurrence, suppressing
from mailings.demo.history import add_history
from mailings.demo.people import make_clients, make_list
from mailings.models import ClientList, Mailing, Message, Suppression
from users.models import User

_DAY = timedelta(days=1)

_CATALOGUE_HTML = """\
<h1>Осенний каталог</h1>
<p>Здравствуйте, {{ full_name }}!</p>
<p>Каталог на осень <a href="https://shop.example.com/autumn">уже здесь</a>.</p>
<p>Ваша {{ sender_name }}</p>
"""
_CATALOGUE = """\
Здравствуйте, {{ full_name }}!

Каталог на осень уже здесь: https://shop.example.com/autumn

Ваша {{ sender_name }}
"""
_OFFER = """\
{{ full_name }}, только сегодня, {{ date }}, скидка 10 % на всё.

{{ sender_name }}
"""
_THANKS = """\
{{ full_name }}, спасибо за этот год!

{{ sender_name }}, {{ sender_email }}
"""
_NEWS = """\
Dear {{ full_name }},

this is what happened up to {{ date }}.

{{ sender_name }}

You get this at {{ email }}.
"""
_BETA = """\
Hello {{ full_name }},

there is a new version to try. Tell {{ sender_email }} what you think of it.
"""


@dataclass(frozen=True)
class Plan:
    """A mailing to be made."""

    title: str
    message: Message
    to: ClientList
    start: datetime
    length: timedelta
    periodicity: str = "once"


def make_shop(owner: User, now: datetime) -> None:
    """A finished, a daily and a coming mailing, and one that begins at once."""
    clients = make_clients(owner, "ru", 140)
    customers = make_list(owner, "Покупатели", clients)
    regulars = make_list(owner, "Постоянные покупатели", clients[::4])
    catalogue = _message(
        owner, "{{ full_name }}, осенний каталог готов", _CATALOGUE, _CATALOGUE_HTML
    )
    offer = _message(owner, "Предложение дня, {{ date }}", _OFFER)
    thanks = _message(owner, "Спасибо, что вы с нами", _THANKS)
    _past(Plan("Спасибо", thanks, regulars, _at(now, owner, -12, 11), _DAY), now)
    daily = _at(now, owner, -5, 9)
    _past(Plan("Предложение дня", offer, regulars, daily, 90 * _DAY, "daily"), now)
    weekly = _at(now, owner, 3, 10)
    _new(Plan("Предложение недели", offer, customers, weekly, 365 * _DAY, "weekly"))
    # The worker begins this one as soon as there is a worker.
    _new(Plan("Осенний каталог", catalogue, customers, now, _DAY))


def make_newsletter(owner: User, manager: User, now: datetime) -> None:
    """A paused mailing, one that the manager holds, and a coming one."""
    clients = make_clients(owner, "en", 60)
    readers = make_list(owner, "Readers", clients[:45])
    testers = make_list(owner, "Beta testers", clients[40:])
    news = _message(owner, "News of the month", _NEWS)
    beta = _message(owner, "{{ full_name }}, a new version to try", _BETA)
    prize = _message(owner, "You have won!!!", "Dear {{ full_name }},\n\nclick now.")
    monthly = _at(now, owner, -40, 8)
    paused = _past(
        Plan("Monthly news", news, readers, monthly, 400 * _DAY, "monthly"), now
    )
    lifecycle.pause(paused, by=owner)
    by_phone = Suppression(
        owner=owner, email=clients[50].email, words="Asked by phone, 12 May"
    )
    suppressing.suppress(by_phone, by=owner)
    held = _new(Plan("Prize", prize, readers, _at(now, owner, 1, 12), 2 * _DAY))
    lifecycle.hold(held, by=manager, reason="This looks like spam. Please call me.")
    _new(Plan("Beta test", beta, testers, _at(now, owner, 7, 14), _DAY))


def _message(owner: User, subject: str, body: str, body_html: str = "") -> Message:
    message = Message(owner=owner, subject=subject, body=body, body_html=body_html)
    message.full_clean()
    message.save()
    return message


def _at(now: datetime, owner: User, days: int, hour: int) -> datetime:
    """So many days from now, at this hour by the owner's clock."""
    day = (now + timedelta(days=days)).astimezone(owner.timezone)
    wall = day.replace(hour=hour, minute=0, second=0, microsecond=0, tzinfo=None)
    return recurrence.instant(wall, owner.timezone)


def _new(plan: Plan) -> Mailing:
    mailing = _make(plan)
    lifecycle.launch(mailing, by=mailing.owner)
    return mailing


def _past(plan: Plan, now: datetime) -> Mailing:
    """A mailing that began long ago, with the runs that it has had since."""
    mailing = _make(plan)
    add_history(mailing, now)
    lifecycle.launch(mailing, by=mailing.owner)
    return mailing


def _make(plan: Plan) -> Mailing:
    owner = plan.message.owner
    mailing = Mailing(
        owner=owner,
        title=plan.title,
        message=plan.message,
        start_at=plan.start,
        end_at=plan.start + plan.length,
        periodicity=plan.periodicity,
        timezone=owner.timezone,
    )
    mailing.full_clean()
    mailing.save()
    mailing.lists.set([plan.to])
    return mailing
