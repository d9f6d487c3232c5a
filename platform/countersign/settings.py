"""Settings. Everything an operator may set is read through `env`, which names the variable when it is wrong."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from countersign import env

ROOT = Path(__file__).resolve().parent.parent.parent
DEBUG = False

COUNTERSIGN_HOME = Path(env.text("COUNTERSIGN_HOME", str(ROOT / ".countersign")))
PUBLIC_URL = env.text("COUNTERSIGN_PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/")
SECRET_KEY = env.text("COUNTERSIGN_SECRET_KEY")
ALLOWED_HOSTS = env.words(
    "COUNTERSIGN_ALLOWED_HOSTS", f"{urlsplit(PUBLIC_URL).hostname},127.0.0.1,localhost,[::1]"
)
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
CSRF_FAILURE_VIEW = "countersign.urls.csrf_failure"

# --- storage -------------------------------------------------------------------------------------------
DATABASES = {"default": env.database(env.text("DATABASE_URL"), name="DATABASE_URL")}
SERVING_ROLE = DATABASES["default"]["USER"]
if owner_url := env.text("DATABASE_OWNER_URL", ""):
    # Migrations run as the owner; the serving role may not alter tables nor rewrite the ledger.
    DATABASES["default"] = env.database(owner_url, name="DATABASE_OWNER_URL")
DATABASES["default"]["CONN_MAX_AGE"] = 60
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = env.text("REDIS_URL")
STORAGE_URL = env.text("STORAGE_URL", f"file://{COUNTERSIGN_HOME / 'blobs'}")
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}

# --- applications --------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_htmx",
    "template_partials",
    "rest_framework",
    "drf_spectacular",
    "drf_standardized_errors",
    "countersign",
    "countersign.web",
    "countersign.api",
    "countersign.ledger",
    "countersign.jobs",
    "countersign.accounts",
    "countersign.blobs",
    "countersign.upkeep",
    "registry",
    "governance",
]
REQUIRED_GATES = ["governance.alias", "governance.model", "governance.version"]

MIDDLEWARE = [
    "countersign.web.middleware.RequestContext",
    "countersign.web.middleware.SecurityHeaders",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "countersign.accounts.middleware.ActorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "countersign.accounts.middleware.RefusalMiddleware",
]
ROOT_URLCONF = "countersign.urls"
WSGI_APPLICATION = "countersign.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": [
                "template_partials.templatetags.partials",
                "countersign.web.templatetags.countersign",
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.messages.context_processors.messages",
                "countersign.web.context.page",
            ],
        },
    }
]

# --- people --------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "accounts:sign-in"
LOGIN_REDIRECT_URL = "inbox"
SESSION_COOKIE_AGE = 60 * 60 * 12
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PUBLIC_URL.startswith("https://")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SESSION_COOKIE_SECURE else None
SECURE_HSTS_SECONDS = 31_536_000 if SESSION_COOKIE_SECURE else 0
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"

# --- time and language ---------------------------------------------------------------------------------
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
USE_I18N = False

# --- static files --------------------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = Path(env.text("COUNTERSIGN_STATIC_ROOT", str(COUNTERSIGN_HOME / "static")))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# --- uploads: our own handlers stream bodies into the blob store -----------------------------------------
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]  # never a temporary file
MULTIPART_UPLOAD_LIMIT = 256 * 1024 * 1024
BLOB_SIZE_LIMIT = env.integer("COUNTERSIGN_BLOB_LIMIT_BYTES", 20 * 1024**3, high=2**50)

# --- jobs ----------------------------------------------------------------------------------------------
CELERY_BROKER_URL = env.celery_broker(REDIS_URL)
JOB_LEASE_SECONDS = env.integer("COUNTERSIGN_JOB_LEASE_SECONDS", 30, low=2)

# --- ledger --------------------------------------------------------------------------------------------
LEDGER_ORIGIN = env.text("COUNTERSIGN_LEDGER_ORIGIN", f"{urlsplit(PUBLIC_URL).hostname}/ledger")
EXPORT_ORIGIN = LEDGER_ORIGIN.rsplit("/", 1)[0] + "/export"
LEDGER_KEY = env.text("COUNTERSIGN_LEDGER_KEY", "") or None
EXPORT_KEY = env.text("COUNTERSIGN_EXPORT_KEY", "") or None
LEDGER_ANCHOR_FOLDER = COUNTERSIGN_HOME / "ledger"
LEDGER_LAG_LIMIT_SECONDS = 60

# --- evaluation ----------------------------------------------------------------------------------------
ISOLATION_MINIMUM = env.integer("COUNTERSIGN_ISOLATION_MIN", 2, high=3)
EVALUATION_MEMORY_BYTES = env.integer(
    "COUNTERSIGN_EVALUATION_MEMORY_BYTES", 4 * 1024**3, low=2**28, high=2**50
)
EVALUATION_CPU_SECONDS = env.integer("COUNTERSIGN_EVALUATION_CPU_SECONDS", 300, low=1)
EVALUATION_WALL_SECONDS = env.integer("COUNTERSIGN_EVALUATION_WALL_SECONDS", 600, low=1)
EVALUATION_PART_ROWS = env.integer("COUNTERSIGN_EVALUATION_PART_ROWS", 2_000_000, low=65_536, high=50_000_000)

# --- rate limits of the API: so many a minute, for each actor, or for each address of whom nobody knows --
RATE_LIMITS = {
    "requests": env.integer("COUNTERSIGN_RATE_REQUESTS", 6_000, low=1),
    "uploads": env.integer("COUNTERSIGN_RATE_UPLOADS", 1_200, low=1),
    "strangers": env.integer("COUNTERSIGN_RATE_STRANGERS", 300, low=1),
}

# --- REST ----------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "countersign.accounts.authentication.TokenAuthentication",
        "countersign.accounts.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["countersign.accounts.authentication.Authenticated"],
    "DEFAULT_SCHEMA_CLASS": "countersign.api.schema.AutoSchema",
    "DEFAULT_PAGINATION_CLASS": "countersign.api.pagination.NewestFirst",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["countersign.api.bodies.JSONParser"],
    "EXCEPTION_HANDLER": "countersign.api.problems.handler",
    "PAGE_SIZE": 50,
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Countersign",
    "DESCRIPTION": "Register, review, approve, promote and account for machine-learning models.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "SERVE_PERMISSIONS": [],
    "SERVE_AUTHENTICATION": [],
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {
        "RoleEnum": "countersign.accounts.serializers.ROLES",
        "MachineRoleEnum": "countersign.accounts.serializers.MACHINE_ROLES",
        "ScopeEnum": "countersign.accounts.serializers.SCOPES",
        "JobStateEnum": "countersign.jobs.models.JobState",
        "RunStateEnum": "registry.runs.models.RunState",
        "UploadStateEnum": "registry.versions.models.UploadState",
        "EvaluationStateEnum": "governance.evaluation.models.EvaluationState",
        "PolicyRevisionStateEnum": "governance.policies.models.RevisionState",
        "SectionKindEnum": "governance.cards.api.cards.SECTION_KINDS",
        "ReviewStateEnum": "governance.reviews.models.ReviewState",
        "ExportStateEnum": "governance.export.models.ExportState",
    },
}

SILENCED_SYSTEM_CHECKS: list[str] = []
LOGGING_CONFIG = None  # countersign.logs sets structlog up, once, for every process
from countersign import logs  # noqa: E402

logs.configure(level=env.choice("COUNTERSIGN_LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")))
