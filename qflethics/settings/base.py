"""Settings that hold everywhere. dev, test and prod only loosen or tighten them."""

from __future__ import annotations

import os
from pathlib import Path

from csp.constants import NONE, SELF

from federation.site.wire import broker
from qflethics.settings import env
from qflethics.settings.api import *  # noqa: F403
from qflethics.settings.identity import *  # noqa: F403

BASE_DIR = Path(__file__).resolve().parent.parent.parent
VAR = Path(os.environ.get("QFL_VAR", BASE_DIR / "var")).resolve()

SECRET_KEY = env.text("SECRET_KEY")
DEBUG = False
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "axes",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "pgtrigger",
    "core",
    "accounts",
    "provenance",
    "federation",
    "models_registry",
    "audits.predeployment",
    "audits.runtime",
    "audits.posthoc",
    "protection",
    "qflethics.home",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "audits.runtime.express.ExpressMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "core.middleware.RequestIdMiddleware",
    "audits.runtime.latency.TimingMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.SignInFirstMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.personal.PersonalMiddleware",
    "accounts.middleware.SecondFactorMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "core.middleware.ActorMiddleware",
    "core.middleware.ApplicationErrorMiddleware",
    "axes.middleware.AxesMiddleware",
    "core.api.middleware.ApiMiddleware",
]

ROOT_URLCONF = os.environ.get("QFL_ROOT_URLCONF", "qflethics.urls")
WSGI_APPLICATION = "qflethics.wsgi.application"
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
                "qflethics.home.context.chrome",
            ],
        },
    }
]

# The application role reads and writes; only the owner role changes the schema (DESIGN: two database roles).
DATABASE_ROLE = os.environ.get("DATABASE_ROLE", "app")
DATABASES = {"default": env.database("DATABASE_OWNER_URL" if DATABASE_ROLE == "owner" else "DATABASE_URL")}
DATABASE_APP_USER = env.database("DATABASE_URL")["USER"]
DATABASES["default"]["CONN_MAX_AGE"] = 60
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True  # else each thread answers one 500 after a restart of PostgreSQL
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
MIGRATION_MODULES: dict[str, str | None] = {}

REDIS_URL = env.text("REDIS_URL")
CELERY_BROKER_URL = broker(REDIS_URL)
GATE_URL = os.environ.get("QFL_GATE_URL", "")  # rediss://host:port, how hospitals on other hosts reach the broker
FLARE_ADDRESS = os.environ.get("QFL_FLARE", "")  # host:port, how hospitals reach FLARE's server (manage.py run_flare)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_DEFAULT_QUEUE = "coordinator"
# The job table is the truth, the message only a doorbell: acknowledged early, never retried by Celery, no time limit.
CELERY_TASK_ACKS_LATE = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "global_keyprefix": "coordinator.",
    "socket_timeout": 30,
    "socket_connect_timeout": 3,
    "socket_keepalive": True,
    "health_check_interval": 25,
}
WITNESS_SECONDS = env.number("WITNESS_SECONDS", 15)  # how often witnesses are asked for cosignatures
CELERY_BEAT_SCHEDULE = {
    "partitions": {"task": "audits.runtime.tasks.ensure_partitions_task", "schedule": 6 * 3600.0},
    # A round that nobody ran in time is not made up for: the next one asks for a newer checkpoint.
    "witness": {"task": "federation.tasks.witness_task", "schedule": WITNESS_SECONDS,
                "options": {"expires": WITNESS_SECONDS}},
    "approvals": {"task": "models_registry.tasks.expire_task", "schedule": 900.0, "options": {"expires": 600}},
    # Asked for every hour, done once a day.
    "retention": {"task": "protection.tasks.retention_task", "schedule": 3600.0, "options": {"expires": 1800}},
    # Asked for every hour, made once: who was down on the first day of a month makes up for it.
    "reports": {"task": "audits.posthoc.tasks.reports_task", "schedule": 3600.0, "options": {"expires": 1800}},
    # Digests go out in each person's own morning, so they are looked for every hour; so is what is overdue.
    "digests": {"task": "accounts.tasks.digests_task", "schedule": 3600.0, "options": {"expires": 1800}},
    "overdue": {"task": "audits.runtime.tasks.overdue_task", "schedule": 3600.0, "options": {"expires": 1800}},
    # The ledger's check and the measure of its completeness; one that is missed is not made up for.
    "verify": {"task": "provenance.tasks.verify_task", "schedule": 3600.0, "options": {"expires": 1800}},
}  # fmt: skip
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR / "beat-schedule")

LANGUAGE_CODE = "en-gb"
LANGUAGES = [("en-gb", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = ["qflethics.formats"]  # figures and days are written alike in every language, as in documents
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = VAR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# Live streams are served by ASGI under /live/. Behind a proxy that is the same origin; without one it is another port.
LIVE_PORT = os.environ.get("LIVE_PORT", "")

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [
            SELF,
            *([f"http://127.0.0.1:{LIVE_PORT}", f"http://localhost:{LIVE_PORT}"] if LIVE_PORT else []),
        ],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
CSRF_COOKIE_HTTPONLY = True
DATA_UPLOAD_MAX_MEMORY_SIZE = 32 * 2**20

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": os.environ.get("LOG_LEVEL", "INFO")},
    "loggers": {"celery.app.trace": {"level": "WARNING"}, "axes": {"level": "WARNING"}},
}

# Platform policy. Each number is policy of the founding framework, kept here once.
BIAS_THRESHOLD = 0.1
AUDIT_RISK_CLASS = os.environ.get("AUDIT_RISK_CLASS", "limited")  # whose policy an audit follows if nobody chose
CONTROL_FRAMEWORKS = os.environ.get("CONTROL_FRAMEWORKS", "")  # folder of .toml files: the house's own frameworks
# How long a site may take to answer one order of an audit, by how long such a check takes; waiting for its turn counts.
AUDIT_ANSWER_SECONDS = {
    "seconds": env.number("AUDIT_ANSWER_SECONDS", 2 * 3600),
    "minutes": env.number("AUDIT_ANSWER_SECONDS_MINUTES", 6 * 3600),
    "hours": env.number("AUDIT_ANSWER_SECONDS_HOURS", 24 * 3600),
}
INFERENCE_WORKERS = int(env.number("INFERENCE_WORKERS", 2))  # cases predicted at once by a web process, a thread each
INFERENCE_WAIT_SECONDS = env.number("INFERENCE_WAIT_SECONDS", 10)  # for a free one; then the caller is told to retry
REQUEST_TIMES_SECONDS = env.number("REQUEST_TIMES_SECONDS", 10)  # how often a web process adds up what it measured
AUDIT_CHECKS: tuple[str, ...] | None = None  # the checks of the policy that we ship; None: all of them
OFFICERS_REQUIRED = 2
INSTITUTIONS_REQUIRED = 2
APPROVAL_REVIEW_DAYS = int(env.number("APPROVAL_REVIEW_DAYS", 30))  # then a request that nobody completed expires
# "required": nobody approves or rejects without a key of their own; "offered": whoever has registered one signs.
APPROVAL_SIGNATURES = os.environ.get("APPROVAL_SIGNATURES", "offered")
RESEND_AFTER_SECONDS = env.number("RESEND_AFTER_SECONDS", 20)  # an order without sign of life is sent again
REAPER_SECONDS = env.number("REAPER_SECONDS", 5)
HEARTBEAT_SECONDS = env.number("HEARTBEAT_SECONDS", 60)
CHECKPOINT_SECONDS = env.number("CHECKPOINT_SECONDS", 1)
# The chain (docs/anchoring.md). URLs may hold a token: QFL_CHAIN_RPC_FILE and QFL_SIGNER_URL_FILE keep it in a file.
CHAIN_RPC = env.text("QFL_CHAIN_RPC", "")  # empty: the embedded chain, in the anchor worker's folder
CHAIN_ID = int(env.number("QFL_CHAIN_ID", 0))  # 0: whichever the node is on, and for ever after the one it was first
CHAIN_REGISTRY = os.environ.get("QFL_CHAIN_REGISTRY", "")  # address; empty: the one this key deployed, or a new one
CHAIN_LOG_ID = os.environ.get("QFL_CHAIN_LOG_ID", "")  # 0x and 64 digits, if another key owns the log; empty: ours
CHAIN_FINALITY = os.environ.get("QFL_CHAIN_FINALITY", "finalized")  # "inclusion" where blocks are never taken back
CHAIN_FEE_CAP_GWEI = env.number("QFL_CHAIN_FEE_CAP_GWEI", 500)  # per gas; above it anchors wait
CHAIN_STUCK_SECONDS = env.number("QFL_CHAIN_STUCK_SECONDS", 90)  # then the same nonce is signed again for a higher fee
CHAIN_ANCHOR_SECONDS = env.number("QFL_CHAIN_ANCHOR_SECONDS", 0)  # least time between anchors, where each costs money
SIGNER_URL = env.text("QFL_SIGNER_URL", "")  # Web3Signer; empty: a keystore file
SIGNER_ADDRESS = os.environ.get("QFL_SIGNER_ADDRESS", "")
SIGNER_CA_FILE = os.environ.get("QFL_SIGNER_CA_FILE", "")
SIGNER_CERTIFICATE_FILE = os.environ.get("QFL_SIGNER_CERTIFICATE_FILE", "")
SIGNER_KEY_FILE = os.environ.get("QFL_SIGNER_KEY_FILE", "")
ANCHOR_KEYSTORE = os.environ.get("QFL_ANCHOR_KEYSTORE", "")  # empty: keys/anchor.json in the platform's folder
METRICS_TOKEN_FILE = os.environ.get("METRICS_TOKEN_FILE", "")  # empty: /metrics answers this machine only
ANCHOR_PASSPHRASE_FILE = os.environ.get("QFL_ANCHOR_PASSPHRASE_FILE", "")
LOG_PASSPHRASE_FILE = os.environ.get("QFL_LOG_PASSPHRASE_FILE", "")  # empty: made beside the keys, for a trial
MODEL_KEY_FILE = os.environ.get("QFL_MODEL_KEY_FILE", "")  # signs weights; empty: made in var/keys, for a trial
REPORT_KEY_FILE = os.environ.get("QFL_REPORT_KEY_FILE", "")  # signs reports; empty: made in var/keys, for a trial
LOG_ORIGIN = os.environ.get("QFL_LOG_ORIGIN", "qfl-ethics.example/log")
KEK_FILE = os.environ.get("QFL_KEK_FILE", "")  # empty: made in var/keys, for a trial (core/kek.py)
INDEX_KEY_FILE = os.environ.get("QFL_INDEX_KEY_FILE", "")  # empty: made in var/keys; never rotated (core/pseudonyms.py)
VAULT_CACHE_SECONDS = env.number("VAULT_CACHE_SECONDS", 5)  # how long a shredded key may still live in another process
# Notices (docs/webhooks.md). Without a mail server e-mails are written into var/mail, where a trial can read them.
EMAIL_HOST = os.environ.get("EMAIL_HOST", "")
EMAIL_PORT = int(env.number("EMAIL_PORT", 587))
EMAIL_HOST_USER = os.environ.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = env.flag("EMAIL_USE_TLS", True)
EMAIL_TIMEOUT = 20
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'filebased'}.EmailBackend"
EMAIL_FILE_PATH = str(VAR / "mail")
DEFAULT_FROM_EMAIL = os.environ.get("EMAIL_FROM", "qfl-ethics@localhost")
PUBLIC_URL = os.environ.get("PUBLIC_URL", "").rstrip("/")  # of this platform, for links in notices; empty: no link
PUBLIC_REQUESTS_PER_MINUTE = int(env.number("PUBLIC_REQUESTS_PER_MINUTE", 60))  # of public cards, an address
# The header in which the proxy in front names the caller's address, for example X-Real-IP; empty: there is no proxy.
CLIENT_ADDRESS_HEADER = os.environ.get("CLIENT_ADDRESS_HEADER", "")
WEBHOOK_ALLOW_PRIVATE = env.flag("WEBHOOK_ALLOW_PRIVATE", False)  # receivers inside the hospital's own network
WEBHOOK_CA_FILE = os.environ.get("WEBHOOK_CA_FILE", "")  # whose certificates receivers have; empty: the public ones
# The laws whose clocks may run (audits/domain/incidents/clocks.toml), where an approved policy names no others.
REGULATORY_REGIMES = env.words("REGULATORY_REGIMES", "mdr,ai_act,gdpr,hipaa")
# Bulk rows are kept by the month: at least as long as the law says (EU AI Act, Art. 19 and 26: six months), and each
# deployment's as long as its approved policy says (retention_months), else the default (ten years, as MDR Art. 10(8)).
RETENTION_MIN_MONTHS = int(env.number("RETENTION_MIN_MONTHS", 6))
RETENTION_MONTHS = int(env.number("RETENTION_MONTHS", 120))
DECISION_RETENTION_DAYS = env.number("DECISION_RETENTION_DAYS", 3650)  # decisions are kept under legal duty so long
# Continuity (docs/operations/continuity.md): what may be lost, how long it may take, how often it is rehearsed.
BACKUP_KEY_FILE = os.environ.get("QFL_BACKUP_KEY_FILE", "")  # seals backups; no default, and never in a backup
CONTINUITY_LOST_HOURS = env.number("CONTINUITY_LOST_HOURS", 24)
CONTINUITY_RESTORE_HOURS = env.number("CONTINUITY_RESTORE_HOURS", 8)
CONTINUITY_DRILL_DAYS = int(env.number("CONTINUITY_DRILL_DAYS", 90))
# Of backups and restores only: the owner's address of this database, and of the empty one that a drill restores into.
DATABASE_OWNER_URL = env.text("DATABASE_OWNER_URL", "")
DRILL_OWNER_URL, DRILL_URL = env.text("DRILL_OWNER_URL", ""), env.text("DRILL_URL", "")
