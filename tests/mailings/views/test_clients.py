from datetime import timedelta

from django.test import Client as Browser
from django.urls import reverse
from model_bakery import baker

from mailings.models import Client, Delivery
from tests import recipes
from tests.mailings.views.conftest import Things
from users.models import User

NEW = "/clients/new/"


def test_a_new_client_belongs_to_who_is_signed_in(
    alice: User, alice_client: Browser, bob: User
) -> None:
    new = {"email": "new@example.com", "full_name": "New", "owner": bob.pk}
    answer = alice_client.post(NEW, new)
    client = Client.objects.get()
    assert answer["Location"] == client.get_absolute_url()
    assert (client.owner, client.email) == (alice, "new@example.com")


def test_a_client_goes_onto_lists(alice: User, alice_client: Browser) -> None:
    chosen, _other = recipes.client_list(alice), recipes.client_list(alice)
    new = {"email": "new@example.com", "full_name": "New", "lists": [chosen.pk]}
    alice_client.post(NEW, new)
    assert list(Client.objects.get().lists.all()) == [chosen]


def test_a_foreign_list_is_an_error_at_its_field(
    alice_client: Browser, bob: User
) -> None:
    foreign = recipes.client_list(bob)
    new = {"email": "new@example.com", "full_name": "New", "lists": [foreign.pk]}
    answer = alice_client.post(NEW, new)
    assert list(answer.context["form"].errors) == ["lists"]
    assert not Client.objects.exists()


def test_the_same_address_in_another_case_is_an_error_at_its_field(
    alice_client: Browser, things: Things
) -> None:
    answer = alice_client.post(NEW, {"email": "PETER@example.com", "full_name": "P"})
    assert answer.context["form"].errors == {
        "email": ["You already have a client with this e-mail address."]
    }


def test_two_owners_may_have_the_same_client(
    bob: User, bob_client: Browser, things: Things
) -> None:
    bob_client.post(NEW, {"email": things.client.email, "full_name": "Peter"})
    assert Client.objects.owned_by(bob).count() == 1


def test_an_address_that_is_none_is_an_error(alice_client: Browser) -> None:
    answer = alice_client.post(NEW, {"email": "nobody", "full_name": "P"})
    assert list(answer.context["form"].errors) == ["email"]


def test_an_edited_client_stays_its_owners(
    alice: User, alice_client: Browser, bob: User, things: Things
) -> None:
    url = reverse("mailings:client-update", args=[things.client.pk])
    changed = {"email": "p@example.com", "full_name": "Peter", "owner": bob.pk}
    alice_client.post(url, changed)
    things.client.refresh_from_db()
    assert (things.client.owner, things.client.email) == (alice, "p@example.com")
    assert not things.client.lists.exists()


def test_a_deleted_client_leaves_its_history(
    alice: User, alice_client: Browser
) -> None:
    run = recipes.run(recipes.mailing(alice), pending=1, accepted=1)
    waiting = run.deliveries.get(state="pending")
    assert waiting.client is not None
    url = reverse("mailings:client-delete", args=[waiting.client.pk])
    answer = alice_client.post(url)
    assert answer["Location"] == reverse("mailings:client-list")
    waiting.refresh_from_db()
    assert (waiting.state, waiting.client) == (Delivery.State.CANCELLED, None)


def test_search_finds_names_in_any_case(
    alice_client: Browser, alice: User, things: Things
) -> None:
    recipes.client(alice, full_name="Somebody else")
    for text in ("пётр", "ПЁТР", "peter@"):
        answer = alice_client.get(reverse("mailings:client-list"), {"q": text})
        assert list(answer.context["object_list"]) == [things.client]


def test_a_search_that_finds_nothing_says_so(
    alice_client: Browser, things: Things
) -> None:
    answer = alice_client.get(reverse("mailings:client-list"), {"q": "nobody"})
    assert "Nothing was found." in answer.content.decode()


def test_sizes_of_pages_are_ours(alice: User, alice_client: Browser) -> None:
    recipes.clients(alice, 30)
    shown = {}
    for size in ("10", "50", "100000", "-5", "x"):
        answer = alice_client.get(
            reverse("mailings:client-list"), {"per_page": size, "page": "999"}
        )
        shown[size] = answer.context["table"].paginator.per_page
    assert shown == {"10": 10, "50": 50, "100000": 25, "-5": 25, "x": 25}


def test_sorting_keeps_one_order_over_all_pages(
    alice: User, alice_client: Browser
) -> None:
    clients = recipes.clients(alice, 30, full_name="Same")
    seen = []
    for page in (1, 2):
        answer = alice_client.get(
            reverse("mailings:client-list"), {"sort": "full_name", "page": page}
        )
        seen += [row.record.pk for row in answer.context["table"].page.object_list]
    assert seen == [client.pk for client in clients]


def test_names_are_shown_as_text(alice: User, alice_client: Browser) -> None:
    recipes.client(alice, full_name="<script>alert(1)</script>")
    page = alice_client.get(reverse("mailings:client-list")).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_the_table_has_the_last_result_of_each_client(
    alice: User, alice_client: Browser
) -> None:
    anna, boris = recipes.client(alice), recipes.client(alice)
    mailing = recipes.mailing(alice, clients=[anna])
    for day, state in enumerate(("accepted", "refused")):
        at = mailing.start_at + timedelta(days=day)
        run = recipes.run(mailing, values={"scheduled_for": at})
        baker.make(Delivery, run=run, client=anna, email=anna.email, state=state)
    page = alice_client.get("/clients/").content.decode()
    assert "Refused" in page
    assert "Accepted" not in page
    assert reverse("reports:client", args=[anna.pk]) in page
    assert reverse("reports:client", args=[boris.pk]) not in page
