"""The domain on the admin site: to look at. Changes go through the service's pages."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from mailings.models import (
    Attempt,
    Circuit,
    Client,
    ClientList,
    Delivery,
    Mailing,
    Message,
    Run,
)


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Client)
class ClientAdmin(ReadOnlyAdmin):
    list_display = ("full_name", "email", "owner")
    search_fields = ("full_name", "email", "owner__email")


@admin.register(ClientList)
class ClientListAdmin(ReadOnlyAdmin):
    list_display = ("name", "owner")
    search_fields = ("name", "owner__email")
    exclude = ("clients",)


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    list_display = ("subject", "owner", "updated_at")
    search_fields = ("subject", "owner__email")


@admin.register(Mailing)
class MailingAdmin(ReadOnlyAdmin):
    list_display = ("title", "owner", "status", "periodicity", "start_at", "end_at")
    list_filter = ("status", "periodicity")
    search_fields = ("title", "owner__email")
    exclude = ("clients", "lists")


@admin.register(Run)
class RunAdmin(ReadOnlyAdmin):
    list_display = ("mailing", "scheduled_for", "state", "planned", "accepted")
    list_filter = ("state",)
    list_select_related = ("mailing",)


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = ("full_name", "email", "state", "reason", "attempt_count")
    list_filter = ("state",)
    search_fields = ("email",)


@admin.register(Attempt)
class AttemptAdmin(ReadOnlyAdmin):
    list_display = ("delivery_id", "number", "started_at", "outcome", "code", "reply")
    list_filter = ("outcome",)


@admin.register(Circuit)
class CircuitAdmin(ReadOnlyAdmin):
    list_display = ("server", "state", "failures", "reason", "opened_at", "probe_at")
