"""Puts the apps together: the one module of the frame that knows them."""

from django.contrib import admin
from django.urls import include, path

from mailings.views.home import HomePage
from users.views import switch_language

urlpatterns = [
    path("", HomePage.as_view(), name="home"),
    path("", include("mailings.urls")),
    path("", include("reports.urls")),
    path("profile/", include("users.urls")),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("i18n/setlang/", switch_language, name="set_language"),
]
