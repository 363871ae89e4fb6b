"""Puts the apps together: the one module of the frame that knows them."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

from mailings.views.home import HomePage
from users.views import SignUpPage, switch_language

# One door for all: its limits and second factors hold for the admin site, too.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

handler500 = "mailsvc.views.server_error"

urlpatterns = [
    path("", HomePage.as_view(), name="home"),
    path("", include("mailings.urls")),
    path("", include("reports.urls")),
    path("profile/", include("users.urls")),
    path("accounts/signup/", SignUpPage.as_view(), name="account_signup"),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("i18n/setlang/", switch_language, name="set_language"),
]
