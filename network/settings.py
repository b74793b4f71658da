"""Every setting of the project, read from the environment; what is wrong is refused at once."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from network import zones
from network.consumers import Consumer
from network.env import (
    env_bool,
    env_database,
    env_file,
    env_int,
    env_keyring,
    env_keys,
    env_list,
    env_networks,
    env_secret,
    env_str,
    refuse_problems,
)
from network.logs import configure_structlog, logging_config

ROOT = Path(__file__).resolve().parent.parent


# --- What kind of place this is ------------------------------------------------------------------

# A test needs no environment at all; the demo and production must be told their secrets.
MODE = env_str("MODE", "production", choices=("demo", "production", "test"))
DEBUG = env_bool("DEBUG", False)
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", None if MODE == "production" else "*")
WEB_URL = env_str("WEB_URL", "http://127.0.0.1:8000").rstrip("/")
TRACKER_URL = env_str("TRACKER_URL", "http://127.0.0.1:8001").rstrip("/")
CLOCK_FILE = env_str("CLOCK_FILE", "")
# What `make run` keeps beside its servers' data, such as the demo's log-ins.
STATE_DIR = Path(env_str("STATE_DIR", str(ROOT / "var")))
# Where a tracker puts clicks while PostgreSQL is away: a disk of this host that survives a restart.
SPOOL_DIR = Path(env_str("SPOOL_DIR", str(STATE_DIR / "spool")))
# All files there together. 0 switches the spool off: then clicks are answered 503 meanwhile.
SPOOL_BYTES_MAX = env_int("SPOOL_BYTES_MAX", 1_073_741_824)
# How long a click waits for its commit before it is spooled.
COMMIT_MAX_MS = env_int("COMMIT_MAX_MS", 250, least=1)


def _unless_test(default: str) -> str | None:
    """The default of what only a test may leave out."""
    return default if MODE == "test" else None


# --- Secrets -------------------------------------------------------------------------------------

SECRET_KEY = env_secret(
    "SECRET_KEY", _unless_test("a-test-needs-no-secret-but-django-wants-some-50")
)
# The first signs and encrypts, the others verify and decrypt.
CLICK_KEYS = tuple(env_keys("CLICK_KEYS", _unless_test("c1" * 32)))
FIELD_KEYS = env_keyring("FIELD_KEYS", _unless_test("t1:" + "f1" * 32))
BLIND_INDEX_KEY = b"".join(env_keys("BLIND_INDEX_KEY", _unless_test("b1" * 32)))


# --- Data ----------------------------------------------------------------------------------------

DB_POOL_MAX = env_int("DB_POOL_MAX", 8, least=1)
# A server that is gone without a word is noticed within half a minute; the address may say else.
DB_SILENCE = {
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}
# A statement that waits longer gives up and its caller tries again: nobody queues for ever.
DB_LOCK_TIMEOUT_S = env_int("DB_LOCK_TIMEOUT_S", 10)
DB_STATEMENT_TIMEOUT_S = env_int("DB_STATEMENT_TIMEOUT_S", 120)


def _application_database() -> dict[str, Any]:
    """The address that the application works with: pooled, and impatient."""
    database: dict[str, Any] = env_database(
        "DATABASE_URL", _unless_test("postgresql://peraction_app@/peraction")
    )
    timeouts = (
        f"-c lock_timeout={DB_LOCK_TIMEOUT_S}s -c statement_timeout={DB_STATEMENT_TIMEOUT_S}s"
        # The server notices a machine of ours that is gone, and frees the locks of its sessions.
        " -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
    )
    given = database["OPTIONS"].get("options", "")
    database["OPTIONS"] = DB_SILENCE | database["OPTIONS"]
    database["OPTIONS"] |= {
        "options": f"{timeouts} {given}".strip(),
        # A pool that gives up soon tries anew for the next request; one that does not would grow
        # its pauses while the server is away, and stay away after it.
        "pool": {"min_size": 0, "max_size": DB_POOL_MAX, "timeout": 5, "reconnect_timeout": 2},
    }
    database["CONN_MAX_AGE"] = 0
    # A connection that died in the pool is replaced before a request gets it.
    database["CONN_HEALTH_CHECKS"] = True
    return database


DATABASES: dict[str, dict[str, Any]] = {"default": _application_database()}
if env_secret("DATABASE_OWNER_URL", ""):
    DATABASES["owner"] = env_database("DATABASE_OWNER_URL")
DATABASE_ROUTERS = ["network.routers.OwnerMigrates"]
APP_ROLE: str = DATABASES["default"]["USER"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHE_URL = env_secret("CACHE_URL", "")
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": CACHE_URL}
    if CACHE_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}
CELERY_BROKER_URL = env_secret("CELERY_BROKER_URL", _unless_test("memory://"))

# The steps after conversions, which hear of their events by hand-off rows of their own.
CONSUMERS = {
    "payouts": Consumer(task="payouts.accrue", money_only=True),
    "postbacks": Consumer(task="tracking.consume_postbacks", money_only=False),
}

# Seconds between two runs of each sweeper.
BEAT_SCHEDULE = {
    "partners.finish_cap_changes": 30,
    "partners.prune_changes": 300,
    "tracking.match_reports": 1,
    "tracking.judge": 1,
    **{consumer.task: 1 for consumer in CONSUMERS.values()},
    "tracking.deliver_postbacks": 1,
    "tracking.give_room": 2,
    "tracking.flip_funded": 1,
    "tracking.alert_caps": 5,
    "tracking.prune_caps": 3600,
    "tracking.prune_nonces": 60,
    "tracking.make_partitions": 3600,
    "tracking.drop_partitions": 3600,
    "tracking.mark_repeats": 10,
    "tracking.learn_smart_links": 300,
    "payouts.release": 5,
    "network.heartbeat": 10,
    "network.prune_idempotency": 3600,
}

# Tasks that wait for the servers of others, and the queue that each has to itself: however slow
# those are, the worker that judges and posts never waits for them.
OWN_QUEUES = {"tracking.deliver_postbacks": "postbacks"}


# --- Business ------------------------------------------------------------------------------------

NETWORK_TIME_ZONE = env_str("NETWORK_TIME_ZONE", "UTC", choices=tuple(sorted(zones.names())))
# In the demo somebody sits and watches.
SETTLE_SECONDS = env_int("SETTLE_SECONDS", 5 if MODE == "demo" else 300)
WAIT_HOURS = env_int("WAIT_HOURS", 72)
# Days that clicks are kept, and longer where an offer's click window is longer; 0 keeps them all.
CLICK_RETENTION_DAYS = env_int("CLICK_RETENTION_DAYS", 400)
SIGNATURE_SKEW_S = env_int("SIGNATURE_SKEW_S", 300)
# What the network keeps of revenue where the operator has set no commission, parts per million.
NETWORK_MARGIN_PPM = env_int("NETWORK_MARGIN_PPM", 300_000)
# After so many days a visitor counts half of what a new one counts, when a smart link learns.
SMART_HALF_LIFE_DAYS = env_int("SMART_HALF_LIFE_DAYS", 7, least=1)
# How long a changed bank account is not paid to.
PAYEE_COOL_OFF_HOURS = env_int("PAYEE_COOL_OFF_HOURS", 72)
# The account that payouts leave from, as the bank knows it; without one no run can be built.
DEBTOR_NAME = env_str("DEBTOR_NAME", "" if MODE == "production" else "Peraction Demo Network")
DEBTOR_IBAN = env_str("DEBTOR_IBAN", "" if MODE == "production" else "DE89370400440532013000")
DEBTOR_BIC = env_str("DEBTOR_BIC", "")
OUTGOING_ALLOW = env_networks("OUTGOING_ALLOW")
TRUSTED_PROXIES = env_networks("TRUSTED_PROXIES")
# Where clicks go that fail, of offers without a fallback of their own.
NETWORK_FALLBACK_URL = env_str("NETWORK_FALLBACK_URL", "")
# Who may read the tracker's figures.
METRICS_NETWORKS = env_networks("METRICS_NETWORKS", "127.0.0.0/8,::1/128")


# --- Visitors ------------------------------------------------------------------------------------

# Without a database of one's own, the country is the registries' and there are no regions.
GEO_MMDB = env_file("GEO_MMDB")
CONNECTION_MMDB = env_file("CONNECTION_MMDB")
DATACENTRE_RANGES = env_file("DATACENTRE_RANGES")
# Whole by default: who clicks twice or for himself is found out by the address.
CLICK_IP = env_str("CLICK_IP", "full", choices=("full", "cut", "hashed", "none"))
CONSENT_ABSENT = env_str(
    "CONSENT_ABSENT", "minimal_in_eea", choices=("minimal_in_eea", "minimal", "full")
)
# Who we are in the IAB's Global Vendor List; 0 for nobody.
TCF_VENDOR_ID = env_int("TCF_VENDOR_ID", 0)


# --- Django --------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "network.apps.NetworkConfig",
    "network.portal",
    "partners.apps.PartnersConfig",
    "tracking.apps.TrackingConfig",
    "payouts.apps.PayoutsConfig",
]
MIDDLEWARE = [
    "network.middleware.forwarded_scheme",
    "network.middleware.request_id",
    "network.middleware.security_headers",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "network.urls"
WSGI_APPLICATION = "network.wsgi.application"
AUTH_USER_MODEL = "partners.User"
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
    }
]
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
LOGGING = logging_config(readable=MODE != "production", level=env_str("LOG_LEVEL", "INFO"))
configure_structlog()
STATIC_URL = "/static/"
# Production collects static files, with a fingerprint each; elsewhere they stay where they lie.
STATIC_ROOT = STATE_DIR / "static" if MODE == "production" else None
WHITENOISE_USE_FINDERS = MODE != "production"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if MODE == "production"
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}


# --- Edges ---------------------------------------------------------------------------------------

DATA_UPLOAD_MAX_MEMORY_SIZE = env_int("BODY_BYTES_MAX", 1_048_576)
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200
# Everything that people see in the browser comes over https in production, from us alone.
SECURE = MODE == "production"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = int(timedelta(hours=12).total_seconds())
CSRF_TRUSTED_ORIGINS = [WEB_URL] if WEB_URL.startswith("https://") else []
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_HSTS_SECONDS = int(timedelta(days=365).total_seconds()) if SECURE else 0
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# The proxy in front redirects to https; other hosts of its domain are not ours to speak for.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W008", "security.W021"]

API_RATE_PER_MINUTE = env_int("API_RATE_PER_MINUTE", 600, least=1)
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "partners.auth.KeyAuthentication",
        "partners.auth.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["partners.auth.Allowed"],
    "DEFAULT_PARSER_CLASSES": ["network.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_FILTER_BACKENDS": ["network.api.filters.StrictFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "network.api.pagination.NewestFirst",
    "DEFAULT_SCHEMA_CLASS": "network.api.schema.ProblemSchema",
    "EXCEPTION_HANDLER": "network.api.problems.problem_response",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Peraction",
    "DESCRIPTION": "An open affiliate and CPA network.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    # The tracker's addresses, which are in no URL map of Django's.
    "POSTPROCESSING_HOOKS": ["tracking.schema.with_the_tracker"],
}

refuse_problems()
