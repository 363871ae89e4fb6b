"""The addresses of the reports, and of the managers' pages."""

from django.urls import path

from reports.views import (
    audit,
    dashboard,
    details,
    health,
    installation,
    mailing,
    overview,
    retry,
    story,
    users,
)

app_name = "reports"

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path("reports/", overview.OverviewPage.as_view(), name="overview"),
    path("reports/mailings/<int:pk>/", mailing.MailingReport.as_view(), name="mailing"),
    path(
        "reports/mailings/<int:pk>/chart/",
        mailing.MailingChart.as_view(),
        name="mailing-chart",
    ),
    path(
        "reports/mailings/<int:pk>/attempts/",
        details.MailingAttempts.as_view(),
        name="mailing-attempts",
    ),
    path(
        "reports/mailings/<int:pk>/recipients/",
        details.MailingRecipients.as_view(),
        name="mailing-recipients",
    ),
    path("reports/runs/<int:pk>/", mailing.RunReport.as_view(), name="run"),
    path("reports/runs/<int:pk>/chart/", mailing.RunChart.as_view(), name="run-chart"),
    path(
        "reports/runs/<int:pk>/attempts/",
        details.RunAttempts.as_view(),
        name="run-attempts",
    ),
    path("reports/runs/<int:pk>/retry/", retry.RetryPage.as_view(), name="run-retry"),
    path("reports/recipient/", story.StoryPage.as_view(), name="story"),
    path("reports/client/<int:pk>/", story.ClientStory.as_view(), name="client"),
    path("manage/", dashboard.AllMailingsPage.as_view(), name="manage-mailings"),
    path(
        "manage/mailings/<int:pk>/hold/",
        dashboard.HoldPage.as_view(),
        name="manage-mailing-hold",
    ),
    path(
        "manage/mailings/<int:pk>/release/",
        dashboard.ReleasePage.as_view(),
        name="manage-mailing-release",
    ),
    path("manage/users/", users.UserListPage.as_view(), name="manage-users"),
    path(
        "manage/users/new/", users.UserCreatePage.as_view(), name="manage-user-create"
    ),
    path("manage/users/<int:pk>/", users.UserDetailPage.as_view(), name="manage-user"),
    path(
        "manage/users/<int:pk>/edit/",
        users.UserUpdatePage.as_view(),
        name="manage-user-update",
    ),
    path(
        "manage/users/<int:pk>/delete/",
        users.UserDeletePage.as_view(),
        name="manage-user-delete",
    ),
    path(
        "manage/users/<int:pk>/block/",
        users.UserBlockPage.as_view(),
        name="manage-user-block",
    ),
    path(
        "manage/users/<int:pk>/unblock/",
        users.UserUnblockPage.as_view(),
        name="manage-user-unblock",
    ),
    path(
        "manage/users/<int:pk>/history/",
        users.UserHistoryPage.as_view(),
        name="manage-user-history",
    ),
    path(
        "manage/installation/",
        installation.InstallationPage.as_view(),
        name="manage-installation",
    ),
    path("manage/audit/", audit.AuditPage.as_view(), name="manage-audit"),
]
