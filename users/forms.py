"""Forms about users."""

from django import forms
from django.utils.translation import gettext_lazy as _

from users.models import User


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = ["full_name", "timezone", "language"]
        help_texts = {
            "full_name": _("Recipients see it as the sender's name."),
            "timezone": _(
                "All times are shown on this clock. Mailings that exist already keep "
                "theirs."
            ),
            "language": _("If left out, the language of your browser."),
        }
