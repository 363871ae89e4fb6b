"""The door for web servers: `gunicorn mailsvc.wsgi`."""

import os
import sys

from django.core.checks import Tags, run_checks
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailsvc.settings")

application = get_wsgi_application()

# `manage.py` asks the same before each of its commands; web servers ask nobody.
_unsafe = [each for each in run_checks(tags=[Tags.security]) if each.is_serious()]
if _unsafe:
    sys.exit("mailsvc does not start like this:\n" + "\n".join(map(str, _unsafe)))
