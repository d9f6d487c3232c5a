"""The folder of the Unix sockets: short, because a socket's path is limited to 107 bytes, and ours alone."""

import re
import tempfile
from pathlib import Path

_LONGEST = 107 - len("/.s.PGSQL.5432.lock")


def make_socket_folder() -> Path:
    """A new 0700 folder below the first temporary folder with a short, plain path; the caller removes it."""
    candidates = [tempfile.gettempdir(), "/tmp", "/var/tmp"]  # noqa: S108 - mkdtemp makes a folder nobody else has
    for parent in candidates:
        # PostgreSQL reads its socket folders as a list, Redis its settings as words: no blanks, no quotes.
        if len(parent) + len("/cs-12345678") <= _LONGEST and re.fullmatch(r"[\w/.-]+", parent):
            try:
                return Path(tempfile.mkdtemp(prefix="cs-", dir=parent))
            except OSError:
                continue
    raise OSError(f"no folder for sockets: none of {', '.join(candidates)} is short and writable")
