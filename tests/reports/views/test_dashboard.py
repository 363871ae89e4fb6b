import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from mailings import lifecycle
from mailings.models import Mailing
from tests import recipes
from users.models import AuditEntry, User

DASHBOARD = "/manage/"
# Session and user; how the installation does; rights.
FRAME = 4


def titles(client: Client, query: str = "") -> list[str]:
    table = client.get(f"{DASHBOARD}{query}").context["table"]
    return [row.record.title for row in table.rows]


def address(verb: str, mailing: Mailing) -> str:
    return reverse(f"reports:manage-mailing-{verb}", args=[mailing.pk])


@pytest.fixture
def mailing(alice: User) -> Mailing:
    return recipes.mailing(alice, title="Greetings", status="running")


def test_all_mailings_are_there_with_the_figures_of_all_their_runs(
    manager_client: Client, mailing: Mailing, bob: User
) -> None:
    recipes.run(mailing, accepted=3, refused=1)
    later = recipes.moment("2026-01-02 09:00")
    recipes.run(mailing, values={"scheduled_for": later}, accepted=2, unknown=1)
    recipes.mailing(bob, title="Bob's")
    gone = recipes.mailing(bob, title="Gone")
    recipes.run(gone, accepted=1)
    lifecycle.delete(gone, by=bob)
    rows = manager_client.get(DASHBOARD).context["table"].rows
    figures = [
        [row.get_cell_value(f"total_{name}") for name in names]
        for names in [("planned", "accepted", "refused", "unknown")]
        for row in rows
    ]
    assert [(row.record.title, row.record.owner) for row in rows] == [
        ("Bob's", bob),
        ("Greetings", mailing.owner),
    ]
    assert figures == [[0, 0, 0, 0], [7, 5, 1, 1]]


@pytest.mark.parametrize(
    "words", ["ALICE@exam", "alice", "greet", "cheap", "watches", "evil.example.com"]
)
def test_what_somebody_complains_about_is_found_by_the_owner_and_the_message(
    manager_client: Client, alice: User, bob: User, words: str
) -> None:
    message = recipes.message(
        alice,
        subject="Cheap things",
        body="Buy watches now",
        body_html='<a href="https://evil.example.com/">here</a>',
    )
    recipes.mailing(alice, title="Greetings", message=message)
    recipes.mailing(bob, title="Bob's")
    assert titles(manager_client, f"?q={words}") == ["Greetings"]


@pytest.fixture
def deleted(alice: User, mailing: Mailing) -> Mailing:
    """A mailing that went out; then its owner has got rid of it."""
    gone = recipes.mailing(alice, title="Gone")
    recipes.run(gone, values={"body": "Buy cheap watches"}, accepted=2)
    lifecycle.delete(gone, by=alice)
    gone.refresh_from_db()
    return gone


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["Greetings"]),
        ("?deleted=yes", ["Gone"]),
        ("?deleted=all&sort=title", ["Gone", "Greetings"]),
        ("?deleted=maybe", []),
        ("?q=WATCHES", []),
        ("?q=WATCHES&deleted=all", ["Gone"]),
        ("?q=alice&deleted=yes&sort=-total_accepted", ["Gone"]),
    ],
)
@pytest.mark.usefixtures("deleted")
def test_deleted_mailings_are_there_for_who_asks(
    manager_client: Client, query: str, found: list[str]
) -> None:
    assert titles(manager_client, query) == found


def test_a_deleted_mailing_leads_to_its_report_which_managers_read(
    manager_client: Client, alice_client: Client, deleted: Mailing
) -> None:
    report = reverse("reports:mailing", args=[deleted.pk])
    for path in (f"{DASHBOARD}?deleted=yes", f"/manage/users/{deleted.owner.pk}/"):
        page = manager_client.get(path).content.decode()
        assert f'href="{report}"' in page
        assert "Deleted" in page
        assert f'href="{deleted.get_absolute_url()}"' not in page
        assert address("hold", deleted) not in page
    names = ["mailing", "mailing-chart", "mailing-attempts", "mailing-recipients"]
    for name in names:
        url = reverse(f"reports:{name}", args=[deleted.pk])
        answers = [it.get(url) for it in (manager_client, alice_client)]
        assert [answer.status_code for answer in answers] == [200, 404]
        assert f'href="{deleted.get_absolute_url()}"' not in answers[0].content.decode()


def test_how_many_unsubscribed_because_of_a_mailing_is_told(
    manager_client: Client, mailing: Mailing, bob: User
) -> None:
    recipes.mailing(bob, title="Bob's")
    run = recipes.run(mailing, accepted=3)
    for delivery in run.deliveries.all()[:2]:
        recipes.suppression(mailing.owner, kind="unsubscribed", delivery=delivery)
    recipes.suppression(mailing.owner, delivery=run.deliveries.last())
    for page in (DASHBOARD, f"{DASHBOARD}?sort=-title"):
        rows = manager_client.get(page).context["table"].rows
        shown = {it.record.title: it.get_cell("unsubscribed") for it in rows}
        assert shown == {"Greetings": 2, "Bob's": 0}
    answer = manager_client.get(f"{DASHBOARD}?export=csv")
    text = b"".join(answer.streaming_content).decode()
    assert [line.split(",")[-1] for line in text.splitlines()] == [
        "Unsubscribed",
        "0",
        "2",
    ]


@pytest.mark.parametrize("rows", [1, 3])
def test_the_page_costs_the_same_with_one_row_and_with_three(
    manager_client: Client,
    django_assert_num_queries: DjangoAssertNumQueries,
    rows: int,
) -> None:
    for number in range(rows):
        owner = User.objects.create_user(f"u{number}@example.com")
        mailing = recipes.mailing(owner)
        recipes.run(mailing, accepted=1)
        if number:
            lifecycle.hold(mailing, by=owner, reason="Spam")
    with django_assert_num_queries(FRAME + 3):
        assert manager_client.get(DASHBOARD).status_code == 200


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?q=b", ["Bb", "Ba", "Ab"]),
        ("?owner=BOB", ["Bb", "Ba"]),
        ("?owner=alice@", ["Ab", "Aa"]),
        ("?status=running", ["Ab"]),
        ("?status=held", ["Ba"]),
        ("?stopped=yes", ["Ba"]),
        ("?stopped=no", ["Bb", "Ab", "Aa"]),
        ("?sort=title", ["Aa", "Ab", "Ba", "Bb"]),
        ("?sort=-total_accepted", ["Ab", "Aa", "Ba", "Bb"]),
        ("?sort=owner", ["Aa", "Ab", "Ba", "Bb"]),
        ("?status=nonsense", []),
    ],
)
def test_mailings_are_found_and_sorted(
    manager: User,
    manager_client: Client,
    alice: User,
    bob: User,
    query: str,
    found: list[str],
) -> None:
    recipes.mailing(alice, title="Aa")
    recipes.run(recipes.mailing(alice, title="Ab", status="running"), accepted=2)
    lifecycle.hold(recipes.mailing(bob, title="Ba"), by=manager, reason="Spam")
    recipes.mailing(bob, title="Bb")
    assert titles(manager_client, query) == found


def test_mailings_of_blocked_owners_are_marked_and_found(
    manager_client: Client, mailing: Mailing
) -> None:
    User.objects.filter(pk=mailing.owner_id).update(
        is_active=False, blocked_at=timezone.now(), block_reason="Spam"
    )
    assert titles(manager_client, "?stopped=yes") == ["Greetings"]
    assert "Blocked" in manager_client.get(DASHBOARD).content.decode()


def test_a_mailing_is_held_with_a_reason_that_its_owner_sees(
    manager: User, manager_client: Client, alice_client: Client, mailing: Mailing
) -> None:
    answer = manager_client.post(address("hold", mailing), {"reason": " Spam <b> "})
    assert answer["Location"] == DASHBOARD
    mailing.refresh_from_db()
    assert (mailing.held_by, mailing.hold_reason) == (manager, "Spam <b>")
    assert mailing.held_at is not None
    assert not mailing.is_live
    page = alice_client.get(mailing.get_absolute_url()).content.decode()
    assert "Spam &lt;b&gt;" in page
    entry = AuditEntry.objects.get(action="mailing_held")
    assert (entry.actor, entry.object_id, entry.reason) == (
        manager,
        mailing.pk,
        "Spam <b>",
    )


def test_a_double_click_on_hold_is_one_hold(
    manager_client: Client, mailing: Mailing
) -> None:
    for _click in range(2):
        answer = manager_client.post(address("hold", mailing), {"reason": "Spam "})
        assert answer["Location"] == DASHBOARD
    assert AuditEntry.objects.filter(action="mailing_held").count() == 1


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501, "a\x00b"])
def test_a_hold_wants_a_reason_at_its_field(
    manager_client: Client, mailing: Mailing, reason: str
) -> None:
    answer = manager_client.post(address("hold", mailing), {"reason": reason})
    assert answer.status_code == 200
    assert list(answer.context["form"].errors) == ["reason"]
    mailing.refresh_from_db()
    assert not mailing.is_held


def test_what_can_not_be_held_says_why(
    manager: User, manager_client: Client, mailing: Mailing
) -> None:
    lifecycle.hold(mailing, by=manager, reason="Spam")
    answer = manager_client.post(address("hold", mailing), {"reason": "Again"})
    assert answer.context["form"].non_field_errors() == ["The mailing is held already."]
    mailing.refresh_from_db()
    assert mailing.hold_reason == "Spam"


def test_a_mailing_is_released_by_post_and_with_a_reason(
    manager: User, manager_client: Client, mailing: Mailing
) -> None:
    lifecycle.hold(mailing, by=manager, reason="Spam")
    url = address("release", mailing)
    assert manager_client.get(url).status_code == 200
    mailing.refresh_from_db()
    assert mailing.is_held
    blank = manager_client.post(url, {"reason": " "})
    assert list(blank.context["form"].errors) == ["reason"]
    mailing.refresh_from_db()
    assert mailing.is_held
    assert manager_client.post(url, {"reason": "Checked"})["Location"] == DASHBOARD
    mailing.refresh_from_db()
    assert mailing.is_live
    again = manager_client.post(url, {"reason": "Checked"})
    assert again.context["form"].non_field_errors() == ["The mailing is not held."]


def test_managers_touch_no_mailing_of_an_administrator(
    manager_client: Client, admin: User, admin_client: Client
) -> None:
    mailing = recipes.mailing(admin)
    for verb in ("hold", "release"):
        url = address(verb, mailing)
        assert manager_client.get(url).status_code == 403
        assert manager_client.post(url, {"reason": "Spam"}).status_code == 403
        for page in (DASHBOARD, mailing.get_absolute_url()):
            assert url not in manager_client.get(page).content.decode()
    hold = address("hold", mailing)
    assert admin_client.post(hold, {"reason": "A test"}).status_code == 302
    mailing.refresh_from_db()
    assert mailing.is_held


def test_a_manager_lifts_no_hold_that_another_put_on_their_own_mailing(
    manager: User, manager_client: Client, bob: User, admin: User
) -> None:
    bob.groups.set(manager.groups.all())
    mailing = recipes.mailing(manager)
    lifecycle.hold(mailing, by=bob, reason="Spam")
    release = address("release", mailing)
    assert manager_client.post(release, {"reason": "Mine"}).status_code == 403
    for page in (DASHBOARD, mailing.get_absolute_url()):
        assert release not in manager_client.get(page).content.decode()
    with pytest.raises(lifecycle.NotPossible, match="can't lift"):
        lifecycle.release(mailing, by=manager, reason="Mine")
    lifecycle.release(mailing, by=admin, reason="Checked")
    lifecycle.hold(mailing, by=manager, reason="A break")
    lifecycle.release(mailing, by=manager, reason="Go on")


def test_the_page_offers_what_is_possible(
    manager: User, manager_client: Client, mailing: Mailing
) -> None:
    hold, release = address("hold", mailing), address("release", mailing)
    page = manager_client.get(DASHBOARD).content.decode()
    assert (hold in page, release in page) == (True, False)
    lifecycle.hold(mailing, by=manager, reason="Spam")
    page = manager_client.get(DASHBOARD).content.decode()
    assert (hold in page, release in page) == (False, True)
    Mailing.objects.update(
        status="finished", held_at=None, held_by=None, hold_reason=""
    )
    page = manager_client.get(DASHBOARD).content.decode()
    assert (hold in page, release in page) == (False, False)


def test_a_manager_does_not_change_contents(
    manager_client: Client, mailing: Mailing
) -> None:
    for name in ("update", "delete", "pause", "resume", "stop", "send"):
        url = reverse(f"mailings:mailing-{name}", args=[mailing.pk])
        assert manager_client.post(url).status_code == 403
    assert manager_client.get(mailing.get_absolute_url()).status_code == 200
