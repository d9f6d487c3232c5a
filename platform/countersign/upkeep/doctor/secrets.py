"""Where the secrets come from, and who else may read them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from countersign.upkeep.doctor.findings import Finding, missing, ok, weak

SECRETS = (
    "COUNTERSIGN_SECRET_KEY",
    "COUNTERSIGN_LEDGER_KEY",
    "COUNTERSIGN_EXPORT_KEY",
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "REDIS_URL",
)
SIGNING = frozenset({"COUNTERSIGN_LEDGER_KEY", "COUNTERSIGN_EXPORT_KEY"})
MOUNTED = Path("/run/secrets")
"""Where containers get secrets: readable inside, and nobody else is there."""

_SHORTEST = 50
_FEWEST = 12
"""Different characters of a key that nobody typed."""


def examine() -> Iterator[Finding]:
    """Findings about the secret key and about every secret this process was given."""
    key = str(settings.SECRET_KEY)
    if len(key) < _SHORTEST or len(set(key)) < _FEWEST:
        yield weak(
            "Secret key",
            f"{len(key)} characters, {len(set(key))} different ones",
            why="Whoever guesses it signs in as anybody.",
            do=f"Set COUNTERSIGN_SECRET_KEY to {_SHORTEST} random characters; everybody signs in again.",
        )
    else:
        yield ok("Secret key", f"{len(key)} characters")
    for name in SECRETS:
        if os.environ.get(name):
            if name in SIGNING:
                yield weak(
                    f"Secret {name}",
                    "given in the environment",
                    why="The environment of a process is read by every process of its user, and tends to be logged.",
                    do=f"Put it into a file of mode 0600 and name that in {name}_FILE.",
                )
        elif given := os.environ.get(f"{name}_FILE"):
            yield _file(f"Secret {name}", Path(given))
    keys = Path(settings.COUNTERSIGN_HOME) / "keys"
    if keys.is_dir():
        for path in (keys, *sorted(keys.iterdir())):
            if (finding := _file(f"Key file {path.name}", path)).do:
                yield finding


def _file(name: str, path: Path) -> Finding:
    try:
        status = path.stat()
    except OSError as error:
        return missing(
            name,
            f"{path} cannot be read ({error.strerror})",
            why="What it opens stays shut.",
            do="Restore it from the backup of the keys.",
        )
    if status.st_mode & 0o077 and MOUNTED not in path.parents:
        return weak(
            name,
            f"others may read {path} (mode {status.st_mode & 0o777:04o})",
            why="Whoever holds a key can sign, or sign in, in our name.",
            do=f"chmod go= {path}",
        )
    if status.st_uid not in (0, os.geteuid()):
        return weak(
            name,
            f"{path} belongs to another user ({status.st_uid})",
            why="Its owner may replace it.",
            do=f"chown it to the user that runs Countersign: chown {os.geteuid()} {path}",
        )
    return ok(name, f"in {path}, for its owner alone")
