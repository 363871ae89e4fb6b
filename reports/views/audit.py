"""The audit log, to read."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from mailsvc.views import TablePage
from reports.filters import AuditFilter
from reports.tables import AuditTable
from reports.views.access import Permitted
from users.models import AuditEntry


class AuditPage(Permitted, TablePage):
    permission_required = "users.view_audit_log"
    template_name = "reports/table_page.html"
    table_class = AuditTable
    filterset_class = AuditFilter
    title = _("Audit log")
    lead = _("Who did what, and when. Nothing here can be changed.")

    def get_queryset(self) -> "QuerySet[Any]":
        return AuditEntry.objects.all()
