"""
All settings, from the environment (docs/settings.md lists them).

With nothing set, mailsvc runs on one machine: SQLite, a file cache and the
built-in mail catcher, all under var/.
"""

import contextlib
import os
import secrets
from pathlib import Path

import environ
from csp.constants import NONCE, NONE, SELF
from django.templatetags.static import static
from django.utils.functional import lazy
from django.utils.translation import gettext_lazy as _

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
env.read_env(BASE_DIR / ".env")

# Everything that mailsvc writes lives here, unless a setting says otherwise.
VAR_DIR = Path(env.str("VAR_DIR", str(BASE_DIR / "var"))).resolve()
VAR_DIR.mkdir(parents=True, exist_ok=True)


def _own_secret_key() -> str:
    """A key of this installation's own, made once, readable by its user only."""
    path = VAR_DIR / "secret_key"
    if not path.exists():
        # Whole from the first moment: several processes may start at once.
        fresh = VAR_DIR / f"secret_key.{os.getpid()}"
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(50))
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
        fresh.unlink()
    return path.read_text().strip()


def _port(name: str, default: int) -> int:
    """What is no number is left to `serve`, which has words for it."""
    value = env.str(name, "")
    return int(value) if value.isascii() and value.isdigit() else default


# --- The installation ---------------------------------------------------------

SITE_URL = env.str("SITE_URL", f"http://127.0.0.1:{_port('PORT', 8000)}").rstrip("/")
HTTPS = SITE_URL.startswith("https://")
DEBUG = env.bool("DEBUG", False)
SECRET_KEY = env.str("SECRET_KEY", "") or _own_secret_key()
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = [SITE_URL]

INSTALLED_APPS = [
    "mailsvc",  # before django_q: our qcluster command stops cleanly
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "users",
    "mailings",
    "reports",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "guardian",
    "django_bootstrap5",
    "django_filters",
    "django_htmx",
    "django_q",
    "django_tables2",
    "simple_history",
]

MIDDLEWARE = [
    "mailsvc.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "mailsvc.middleware.PrivatePagesMiddleware",
    "mailsvc.middleware.MethodsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "mailsvc.middleware.BodyLimitMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "mailsvc.middleware.UserPreferencesMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "mailsvc.urls"
WSGI_APPLICATION = "mailsvc.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Database and cache -------------------------------------------------------

DATABASES = {
    "default": env.db_url("DATABASE_URL", f"sqlite:///{VAR_DIR / 'db.sqlite3'}")
}
DATABASES["default"]["CONN_MAX_AGE"] = 600
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # WAL lets the pages read while the worker writes. IMMEDIATE is what keeps
    # "database is locked" away: a reader that turns writer is refused at once.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;",
    }
    # In a file, so that the tests' own worker processes see it, too.
    DATABASES["default"]["TEST"] = {"NAME": str(VAR_DIR / "test.sqlite3")}
else:
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
if DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
    # A server that has gone without a word is noticed within half a minute; by default
    # that takes hours. What DATABASE_URL says comes first.
    DATABASES["default"]["OPTIONS"] = {
        "connect_timeout": 10,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 25_000,
        **DATABASES["default"].get("OPTIONS", {}),
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Web and worker are processes of their own: a cache in memory would not do.
CACHES = {"default": env.cache_url("CACHE_URL", f"filecache://{VAR_DIR / 'cache'}")}
if CACHES["default"]["BACKEND"] == "django_redis.cache.RedisCache":
    CACHES["default"]["BACKEND"] = "mailsvc.patient_redis.Cache"
    CACHES["default"]["OPTIONS"] = {
        "IGNORE_EXCEPTIONS": True,  # without Redis the pages are slower, not broken
        "REDIS_CLIENT_CLASS": "mailsvc.patient_redis.Connection",
        "SOCKET_CONNECT_TIMEOUT": 1,
        "SOCKET_TIMEOUT": 1,
    }
else:
    # By default files are so few that reports would push out the limits of sign-ins.
    CACHES["default"]["OPTIONS"] = {"MAX_ENTRIES": 2000}

# --- Users --------------------------------------------------------------------

AUTH_USER_MODEL = "users.User"
AUTHENTICATION_BACKENDS = [
    # allauth's alone: with Django's, too, each try would hash the password twice.
    "users.backends.OneQueryBackend",
    "guardian.backends.ObjectPermissionBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_LOGIN_METHODS = {"email"}
SIGNUP_OPEN = env.bool("SIGNUP_OPEN", True)
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_CONFIRMATION_EXPIRE_DAYS = 1
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_REAUTHENTICATION_REQUIRED = True  # the password again before it changes
ACCOUNT_CHANGE_EMAIL = True  # one address; a new one counts once it is confirmed
ACCOUNT_ADAPTER = "users.adapter.AccountAdapter"
ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR = "users.tokens.ResetTokens"  # noqa: S105
ALLAUTH_TRUSTED_PROXY_COUNT = int(env.bool("BEHIND_PROXY", False))
PASSWORD_RESET_TIMEOUT = 3600  # seconds
MFA_TOTP_ISSUER = "mailsvc"
MFA_TOTP_TOLERANCE = 1  # telephones' clocks are not quite right
MFA_ALLOW_UNVERIFIED_EMAIL = True  # who has a second factor may change the address
ANONYMOUS_USER_NAME = None  # guardian: no user row for nobody
GUARDIAN_MONKEY_PATCH_USER = False

# --- Language, time, static files ---------------------------------------------

LANGUAGE_CODE = env.str("LANGUAGE_CODE", "en")
LANGUAGES = [("en", _("English")), ("ru", _("Russian"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = env.str("TIME_ZONE", "UTC")
USE_TZ = True
# Counts in groups of three: 1,000,000. Keys in addresses go through stringformat.
USE_THOUSAND_SEPARATOR = True

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = VAR_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# Everything a page loads comes from this host: Bootstrap is vendored.
_static = lazy(static, str)
BOOTSTRAP5 = {
    "css_url": _static("vendor/bootstrap/bootstrap.min.css"),
    "javascript_url": _static("vendor/bootstrap/bootstrap.bundle.min.js"),
    "required_css_class": "required",
    "success_css_class": "",  # no ticks beside fields that nobody touched
}
DJANGO_TABLES2_TEMPLATE = "django_tables2/bootstrap5-responsive.html"

# --- Browser security ---------------------------------------------------------

# Who asks from this machine needs no TLS.
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)$"]
SESSION_ENGINE = "users.sessions"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
if env.bool("BEHIND_PROXY", False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = HTTPS
LANGUAGE_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
# Nothing on any page comes from elsewhere, and nothing is inline.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-src": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "object-src": [NONE],
    }
}
# Bytes of a request; beyond it there is a 413 before anything is read.
DATA_UPLOAD_MAX_MEMORY_SIZE = env.int("MAX_UPLOAD_MB", 10) * 2**20

# Bytes of the files that go along with a message: of one, and of all together.
ATTACHMENTS = {
    "file": int(
        env.float("ATTACHMENT_MB", min(5, DATA_UPLOAD_MAX_MEMORY_SIZE / 2**20)) * 2**20
    ),
    "total": int(env.float("ATTACHMENTS_MB", 7) * 2**20),
}

# --- Mail ---------------------------------------------------------------------

DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "mailsvc@localhost.localdomain")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
# The mail server, for Django's own mails and for the delivery engine alike.
EMAIL_URL = env.str("EMAIL_URL", f"smtp://127.0.0.1:{_port('MAILCATCHER_PORT', 2525)}")
vars().update(env.email_url_config(EMAIL_URL))
EMAIL_TIMEOUT = 15  # seconds

# The built-in mail catcher writes what it receives here; the Outbox page shows it.
MAILCATCHER_DIR = VAR_DIR / "outbox"
MAILCATCHER_ENABLED = env.bool("MAILCATCHER", "EMAIL_URL" not in env.ENVIRON)

DELIVERY = {
    "pumps": env.int("DELIVERY_PUMPS", 2),  # worker processes that send at once
    "connections": env.int("DELIVERY_CONNECTIONS", 8),  # per pump
    "pipelining": env.bool("DELIVERY_PIPELINING", True),  # where it is announced
    "per_domain": env.int("DELIVERY_CONNECTIONS_PER_DOMAIN", 0),  # 0: no number
    "rates": {  # like "100/minute; 2000/hour"; "" is none
        "all": env.str("DELIVERY_RATE", ""),
        "per_user": env.str("DELIVERY_RATE_PER_USER", ""),
        "per_domain": env.str("DELIVERY_RATE_PER_DOMAIN", ""),
        "tests": env.str("TEST_SEND_RATE", "3/minute; 30/hour"),  # of each user
    },
    "batch": 500,  # deliveries per claim, and per commit of outcomes, at the most
    "budget": 60.0,  # seconds that one pump goes on claiming
    "lease": 60.0,  # seconds without a heartbeat until a pump counts as dead
    "journal_dir": VAR_DIR / "journal",
    "identity_dir": VAR_DIR / "identity",
    # Seconds until each retry, +-20 %: 12 tries in about 24 hours.
    "retry_delays": [60, 300, 900, 1800, 3600, 7200, *[14400] * 5],
    # Seconds until a connection that was given up is tried again; the last repeats.
    "rests": [5.0, 10.0, 20.0, 60.0],
    "timeouts": {  # seconds; RFC 5321 4.5.3.2 says what is decent
        "connect": 15.0,
        "banner": 60.0,
        "hello": 30.0,
        "envelope": 60.0,
        "data": 60.0,
        "body": 180.0,
        "dot": env.float("DELIVERY_DOT_TIMEOUT", 300.0),
        "quit": 2.0,
    },
}

# --- Worker -------------------------------------------------------------------

# Django-Q2 is the alarm clock and the wake-up bell; the truth is in our tables.
# timeout is longer than the longest wait for a reply (mailsvc.E011), and
# retry > (timeout + 3) x (1 + (queue_limit + 1) / workers), counted from dequeue.
Q_CLUSTER = {
    "name": "mailsvc",
    "orm": "default",  # the alias of our tables: a second one fires schedules for ever
    "workers": 4,
    "queue_limit": 4,
    "timeout": 1500,
    "retry": 3600,
    "max_attempts": 1,
    "ack_failures": True,
    "catch_up": False,
    "save_limit": 100,
    "poll": 0.1,  # a mailing takes two tasks to begin: each waits for half of it
    "recycle": 500,
    "time_zone": TIME_ZONE,
    "log_level": "INFO",
}

# --- Being watched ------------------------------------------------------------

# Who names it may read /metrics, and the details of /readyz, from anywhere.
METRICS_TOKEN = env.str("METRICS_TOKEN", "")

LOG_FORMAT = env.str("LOG_FORMAT", "text")  # or json

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "class": "mailsvc.logs.OneLineFormatter",
            "format": "{asctime} {levelname} {name} {context}{message}",
            "style": "{",
        },
        "json": {"class": "mailsvc.logs.JsonFormatter"},
    },
    "filters": {"refusals": {"()": "mailsvc.logs.WithoutTraces"}},
    "handlers": {
        "stderr": {
            "class": "mailsvc.logs.PatientHandler",
            "filters": ["refusals"],
            "formatter": "json" if LOG_FORMAT == "json" else "line",
        }
    },
    "loggers": {
        name: {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", "WARNING")}
        for name in ("mailsvc", "users", "mailings", "reports", "django-q", "django")
    },
}
