"""How the sandboxed program is started on this host: interpreter, paths, environment, user."""

import importlib.util
import os
import pwd
import shutil
import sys
import sysconfig
from collections.abc import Collection, Sequence
from functools import cache
from pathlib import Path

from .flavours import Flavour

_HERE = Path(__file__).resolve().parent

# Folders of the program itself: `inside` for the sandbox, the parent folder for the scanner.
PROGRAM_FOLDERS = (str(_HERE), str(_HERE.parent))

_LIBRARIES = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64")
_SYSTEM = ("/etc/ld.so.cache", "/usr/share/zoneinfo", "/sys/devices/system/cpu")
_DEVICES = ("/dev/null", "/dev/urandom")
# threadpoolctl reads /proc/self/maps, OpenBLAS and loky read the other two.
_PROCESS = ("/proc/self", "/proc/cpuinfo", "/proc/meminfo")

# The whole environment: one thread everywhere, the same hash seed and allocator on every run, no telemetry.
ENVIRONMENT = {
    "PATH": "/usr/bin",
    "LANG": "C.UTF-8",
    "HOME": "/nonexistent",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "LOKY_MAX_CPU_COUNT": "1",
    "JOBLIB_MULTIPROCESSING": "0",
    "PYTHONHASHSEED": "0",
    "MALLOC_ARENA_MAX": "2",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "ORT_DISABLE_TELEMETRY": "1",
}

# Users of the sandbox's own, one for each worker process so that their limits and signals do not meet.
_FIRST_USER = 60000
_USERS = 4000


def interpreter() -> str:
    """The real file of this Python; the virtual environment's link would need its folders readable."""
    return os.path.realpath(sys.executable)


@cache
def library_folders() -> tuple[str, ...]:
    """The folders the models' libraries are imported from; nothing is imported to find them."""
    folders: dict[str, None] = {}
    for name in sorted({name for flavour in Flavour for name in flavour.modules}):
        found = importlib.util.find_spec(name)
        if found and found.origin:
            folders[str(Path(found.origin).resolve().parent.parent)] = None
    return tuple(folders)


@cache
def readable_paths() -> tuple[str, ...]:
    """Everything a model may read: system libraries, Python, its libraries, three /proc entries. Nothing
    of /etc, /home, /tmp, /run or /var, and no artifact: that one arrives as an open descriptor."""
    # Some distributions keep compiled modules apart; in a virtual environment the base Python has them.
    compiled = sysconfig.get_path("platstdlib", vars={"platbase": sys.base_exec_prefix})
    python = (sysconfig.get_path("stdlib"), compiled, sysconfig.get_config_var("LIBDIR") or "")
    paths = (*_LIBRARIES, *python, *library_folders(), *_SYSTEM, *_DEVICES, *_PROCESS)
    return tuple(dict.fromkeys(path for path in paths if path and os.path.exists(path)))


def command(module: str, *arguments: str, layers: Collection[str]) -> list[str]:
    """The command line that runs `main` of a module of `inside`, without site-packages or start-up files, in
    bubblewrap where that is one of the `layers`."""
    program = f"import sys; sys.path += {list(PROGRAM_FOLDERS)!r}; from inside.{module} import main; main()"
    python = [interpreter(), "-P", "-s", "-S", "-u", "-W", "ignore", "-c", program, *arguments]
    if "bubblewrap" not in layers:
        return python
    return [*_bubblewrap(own_proc="own_proc" in layers), "--", *python]


def bubblewrap_path() -> str | None:
    """Where bubblewrap is installed, if it is."""
    return shutil.which("bwrap", path="/usr/local/bin:/usr/bin:/bin")


def _bubblewrap(*, own_proc: bool) -> Sequence[str]:
    """bubblewrap with its own file tree, processes, network and users; only what may be read is in it.

    Containers with a masked /proc refuse a fresh one. Then theirs is bound: its names can be seen, and Landlock
    leaves of its content no more than the model's own entry.
    """
    path = bubblewrap_path()
    if path is None:
        raise FileNotFoundError("bubblewrap is not installed")
    arguments = [path, "--unshare-all", "--die-with-parent", "--new-session", "--as-pid-1"]
    arguments += ["--cap-drop", "ALL"]
    arguments += ["--proc", "/proc"] if own_proc else ["--ro-bind", "/proc", "/proc"]
    for device in _DEVICES:
        arguments += ["--dev-bind", device, device]
    files = [path for path in readable_paths() if path not in (*_DEVICES, *_PROCESS)]
    for path in (*files, *PROGRAM_FOLDERS, interpreter()):
        arguments += ["--ro-bind", path, path]
    return arguments


def spare_user() -> int:
    """A user id nobody has, the same for the life of this process."""
    for step in range(_USERS):
        user = _FIRST_USER + (os.getpid() + step) % _USERS
        try:
            pwd.getpwuid(user)
        except KeyError:
            return user
    raise RuntimeError("no free user id for the sandbox between 60000 and 63999")
