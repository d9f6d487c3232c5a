"""Settings of the tests: the product's own, on this worker's database, Redis number and home folder."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

_worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
_home = Path(tempfile.mkdtemp(prefix=f"countersign-home-{_worker}-"))
atexit.register(shutil.rmtree, _home, ignore_errors=True)

os.environ["COUNTERSIGN_HOME"] = str(_home)
os.environ.setdefault("COUNTERSIGN_SECRET_KEY", "tests-only-" + os.urandom(24).hex())
# Two fixed keys: the golden vectors of the ledger were made with them.
os.environ.setdefault("COUNTERSIGN_LEDGER_KEY", "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=")
os.environ.setdefault("COUNTERSIGN_EXPORT_KEY", "ZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWU=")
os.environ["COUNTERSIGN_PUBLIC_URL"] = "http://countersign.example"
os.environ["COUNTERSIGN_ALLOWED_HOSTS"] = "countersign.example,127.0.0.1,localhost,testserver"
_number = 1 + int(_worker.removeprefix("gw"))
_redis = os.environ["REDIS_URL"].split("?")[0]
os.environ["REDIS_URL"] = (
    f"{_redis}?db={_number}" if _redis.startswith("unix") else f"{_redis.rstrip('/')}/{_number}"
)
_owner_url = os.environ.pop("DATABASE_OWNER_URL")

from countersign.settings import *  # noqa: E402, F403

os.environ["DATABASE_OWNER_URL"] = _owner_url
CLOCK_OFFSET_SECONDS = 0
PASSWORD_HASHERS = ["tests.hashers.QuickArgon2"]
STORAGES["staticfiles"] = {  # noqa: F405
    "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
}
WHITENOISE_AUTOREFRESH = True
RATE_LIMITS = dict.fromkeys(RATE_LIMITS, 1_000_000)  # noqa: F405  every test comes from one address
