"""The addresses of the managers' pages."""

from django.urls import path

from reports.views import audit, dashboard, users

app_name = "reports"

urlpatterns = [
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
    path("manage/audit/", audit.AuditPage.as_view(), name="manage-audit"),
]
