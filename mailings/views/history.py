"""What people decided about a mailing: who, when, what, and why."""

from django_tables2 import SingleTableMixin

from mailings.views.mailings import VisibleMailings
from mailsvc.views import DetailPage
from users import history
from users.history import Change
from users.tables import HistoryTable


class MailingHistoryPage(VisibleMailings, SingleTableMixin, DetailPage):  # type: ignore[misc]
    template_name = "mailings/history.html"
    table_class = HistoryTable

    def get_table_data(self) -> list[Change]:
        return history.of(self.object)
