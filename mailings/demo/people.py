"""Users and clients of the demo."""

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group

from mailings.models import Client, ClientList
from users.models import User

PASSWORD = "demo"  # noqa: S105 - it is meant to be known
MANAGERS = "Managers"

_USERS = (
    ("admin", "Ада Админ", "UTC", ""),
    ("manager", "Марк Менеджер", "Europe/Moscow", "ru"),
    ("anna", "Анна Каренина", "Europe/Moscow", "ru"),
    ("ben", "Ben Carter", "Europe/London", "en"),
)
_FIRST_NAMES = {
    "ru": ("Анна", "Мария", "Ольга", "Елена", "Дарья", "Ирина", "Вера", "Нина"),
    "en": ("Emma", "Oliver", "Amelia", "Noah", "Zoë", "Jürgen", "Chloé", "Max"),
}
_LAST_NAMES = {
    "ru": (
        *("Иванова", "Смирнова", "Кузнецова", "Попова", "Соколова", "Лебедева"),
        *("Козлова", "Новикова", "Морозова", "Волкова", "Зайцева", "Орлова", "Белова"),
    ),
    "en": (
        *("Smith", "O'Brien", "Taylor", "Müller", "García", "Novák", "Jensen"),
        *("Dubois", "Rossi", "Kowalski", "Brown", "Silva", "Andersson"),
    ),
}
_COMMENTS = {
    "ru": ("", "", "Конференция, май", "", "VIP; звонить после 12:00"),
    "en": ("", "", "met at the fair", "", "VIP, likes phone calls"),
}
# Every so many clients the address is of a kind that the mail catcher plays with.
_MOODS = {17: "bad+", 13: "grey+", 53: "full."}


def make_users() -> tuple[User, User, User, User]:
    """An admin, a manager and two users, who can sign in at once."""
    password = make_password(PASSWORD)  # once for all: it is slow, as it should be
    admin, manager, anna, ben = (
        User.objects.create(
            email=f"{name}@example.org",
            full_name=full_name,
            timezone=zone,
            language=language,
            password=password,
            is_staff=name == "admin",
            is_superuser=name == "admin",
        )
        for name, full_name, zone, language in _USERS
    )
    for user in (admin, manager, anna, ben):
        user.vouch()
    manager.groups.add(Group.objects.get_or_create(name=MANAGERS)[0])
    return admin, manager, anna, ben


def make_clients(owner: User, language: str, count: int) -> list[Client]:
    firsts, lasts = _FIRST_NAMES[language], _LAST_NAMES[language]
    comments = _COMMENTS[language]
    return Client.objects.bulk_create(
        Client(
            owner=owner,
            email=f"{_mood(n)}client{n + 1:03}@{language}.example.com",
            full_name=f"{firsts[n % len(firsts)]} {lasts[n % len(lasts)]}",
            comment=comments[n % len(comments)],
        )
        for n in range(count)
    )


def _mood(n: int) -> str:
    return next((word for every, word in _MOODS.items() if n % every == 7), "")


def make_list(owner: User, name: str, clients: list[Client]) -> ClientList:
    client_list = ClientList.objects.create(owner=owner, name=name)
    client_list.clients.set(clients)
    return client_list
