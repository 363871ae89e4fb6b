"""The addresses of the domain's pages."""

from django.urls import URLPattern, path

from mailings.views import (
    acting,
    attachments,
    calendar,
    clients,
    drafting,
    duplicating,
    foreseeing,
    history,
    imports,
    lists,
    mailing_list,
    mailings,
    messages,
    outbox,
    pickers,
    rehearsing,
    runs,
    sharing,
    suppressions,
    ticking,
    trying,
    unsubscribing,
)

app_name = "mailings"


def _sharing(of: str) -> list[URLPattern]:
    """The two addresses of sharing below the one of an object."""
    kind = {"of": of, "model": sharing.KINDS[of]}
    return [
        path(
            f"{of}s/<int:pk>/share/",
            sharing.SharePage.as_view(**kind),
            name=f"{of}-share",
        ),
        path(
            f"{of}s/<int:pk>/share/remove/",
            sharing.Unshare.as_view(**kind),
            name=f"{of}-unshare",
        ),
    ]


urlpatterns = [
    path("clients/", clients.ClientListPage.as_view(), name="client-list"),
    path("clients/new/", clients.ClientCreatePage.as_view(), name="client-create"),
    path("clients/options/", pickers.ClientOptions.as_view(), name="client-options"),
    path("clients/ticked/", ticking.TickedClients.as_view(), name="client-ticked"),
    path("clients/import/", imports.UploadPage.as_view(), name="import-create"),
    path(
        "clients/import/<int:pk>/", imports.ImportPage.as_view(), name="import-detail"
    ),
    path(
        "clients/import/<int:pk>/live/",
        imports.ImportLivePart.as_view(),
        name="import-live",
    ),
    path(
        "clients/import/<int:pk>/columns/",
        imports.ChooseColumns.as_view(),
        name="import-columns",
    ),
    path(
        "clients/import/<int:pk>/start/", imports.Start.as_view(), name="import-start"
    ),
    path(
        "clients/import/<int:pk>/discard/",
        imports.Discard.as_view(),
        name="import-discard",
    ),
    path(
        "clients/import/<int:pk>/undo/", imports.UndoPage.as_view(), name="import-undo"
    ),
    path(
        "clients/import/<int:pk>/rejected/",
        imports.RejectedRows.as_view(),
        name="import-rejected",
    ),
    path("clients/<int:pk>/", clients.ClientDetailPage.as_view(), name="client-detail"),
    path(
        "clients/<int:pk>/edit/",
        clients.ClientUpdatePage.as_view(),
        name="client-update",
    ),
    path(
        "clients/<int:pk>/delete/",
        clients.ClientDeletePage.as_view(),
        name="client-delete",
    ),
    path("suppressed/", suppressions.ListPage.as_view(), name="suppression-list"),
    path(
        "suppressed/new/", suppressions.CreatePage.as_view(), name="suppression-create"
    ),
    path(
        "suppressed/<int:pk>/allow/",
        suppressions.AllowAgainPage.as_view(),
        name="suppression-allow",
    ),
    # Short: it stands in every letter.
    path(
        unsubscribing.UnsubscribePage.route,
        unsubscribing.UnsubscribePage.as_view(),
        name="unsubscribe",
    ),
    path("lists/", lists.ListListPage.as_view(), name="list-list"),
    path("lists/new/", lists.ListCreatePage.as_view(), name="list-create"),
    path("lists/options/", pickers.ListOptions.as_view(), name="list-options"),
    path("lists/<int:pk>/", lists.MembersPage.as_view(), name="list-detail"),
    path("lists/<int:pk>/edit/", lists.ListUpdatePage.as_view(), name="list-update"),
    path("lists/<int:pk>/delete/", lists.ListDeletePage.as_view(), name="list-delete"),
    path(
        "lists/<int:pk>/clients/",
        lists.NonMembersPage.as_view(),
        name="list-candidates",
    ),
    path("lists/<int:pk>/add/", lists.MembersAdd.as_view(), name="list-add"),
    path("lists/<int:pk>/remove/", lists.MembersRemove.as_view(), name="list-remove"),
    path("messages/", messages.MessageListPage.as_view(), name="message-list"),
    path("messages/new/", messages.MessageCreatePage.as_view(), name="message-create"),
    path("messages/draft/", drafting.NewDraft.as_view(), name="message-new-draft"),
    path(
        "messages/<int:pk>/draft/",
        drafting.MessageDraft.as_view(),
        name="message-draft",
    ),
    path(
        "messages/<int:pk>/",
        messages.MessageDetailPage.as_view(),
        name="message-detail",
    ),
    path(
        "messages/<int:pk>/edit/",
        messages.MessageUpdatePage.as_view(),
        name="message-update",
    ),
    path(
        "messages/<int:pk>/attachments/",
        attachments.Attach.as_view(),
        name="message-attach",
    ),
    path(
        "messages/<int:pk>/attachments/<int:attachment>/",
        attachments.MessageAttachment.as_view(),
        name="message-attachment",
    ),
    path(
        "messages/<int:pk>/attachments/<int:attachment>/remove/",
        attachments.Detach.as_view(),
        name="message-detach",
    ),
    path(
        "runs/<int:pk>/attachments/<int:attachment>/",
        attachments.RunAttachment.as_view(),
        name="run-attachment",
    ),
    path(
        "messages/<int:pk>/test/",
        trying.MessageTestPage.as_view(),
        name="message-test",
    ),
    path(
        "messages/<int:pk>/delete/",
        messages.MessageDeletePage.as_view(),
        name="message-delete",
    ),
    path("mailings/", mailing_list.MailingListPage.as_view(), name="mailing-list"),
    path("mailings/new/", mailings.MailingCreatePage.as_view(), name="mailing-create"),
    path(
        "mailings/calendar/",
        calendar.CalendarPage.as_view(),
        name="mailing-calendar",
    ),
    path(
        "mailings/progress/",
        mailing_list.MailingProgressPart.as_view(),
        name="mailing-progress",
    ),
    path("mailings/foresee/", foreseeing.Foresee.as_view(), name="mailing-foresee"),
    path(
        "mailings/<int:pk>/",
        mailings.MailingDetailPage.as_view(),
        name="mailing-detail",
    ),
    path(
        "mailings/<int:pk>/live/",
        mailings.MailingLivePart.as_view(),
        name="mailing-live",
    ),
    path(
        "mailings/<int:pk>/edit/",
        mailings.MailingUpdatePage.as_view(),
        name="mailing-update",
    ),
    path(
        "mailings/<int:pk>/duplicate/",
        duplicating.MailingDuplicatePage.as_view(),
        name="mailing-duplicate",
    ),
    path(
        "mailings/<int:pk>/dry-run/",
        rehearsing.MailingDryRunPage.as_view(),
        name="mailing-dry-run",
    ),
    path(
        "mailings/<int:pk>/delete/",
        mailings.MailingDeletePage.as_view(),
        name="mailing-delete",
    ),
    path(
        "mailings/<int:pk>/pause/",
        acting.MailingPause.as_view(),
        name="mailing-pause",
    ),
    path(
        "mailings/<int:pk>/resume/",
        acting.MailingResume.as_view(),
        name="mailing-resume",
    ),
    path("mailings/<int:pk>/stop/", acting.MailingStop.as_view(), name="mailing-stop"),
    path(
        "mailings/<int:pk>/send/",
        acting.MailingSendNow.as_view(),
        name="mailing-send",
    ),
    path(
        "mailings/<int:pk>/history/",
        history.MailingHistoryPage.as_view(),
        name="mailing-history",
    ),
    path("runs/", runs.RunListPage.as_view(), name="run-list"),
    path("runs/<int:pk>/", runs.RunDetailPage.as_view(), name="run-detail"),
    path("runs/<int:pk>/live/", runs.RunLivePart.as_view(), name="run-live"),
    path(
        "deliveries/<int:pk>/",
        runs.DeliveryDetailPage.as_view(),
        name="delivery-detail",
    ),
    path("outbox/", outbox.OutboxPage.as_view(), name="outbox"),
    path("outbox/<slug:name>/html/", outbox.OutboxHtml.as_view(), name="outbox-html"),
    path(
        "messages/<int:pk>/html/", messages.MessageHtml.as_view(), name="message-html"
    ),
    path("runs/<int:pk>/html/", runs.RunHtml.as_view(), name="run-html"),
    path("outbox/<slug:name>/", outbox.OutboxMailPage.as_view(), name="outbox-mail"),
    *_sharing("mailing"),
    *_sharing("message"),
    *_sharing("list"),
]
