"""How the commands write a moment: on a mailing's own clock, and saying which it is."""

from datetime import datetime

from mailings.models import Mailing


def shown(moment: datetime, mailing: Mailing) -> str:
    local = moment.astimezone(mailing.timezone)
    return f"{local:%Y-%m-%d %H:%M} ({mailing.timezone})"
