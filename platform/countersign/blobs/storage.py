"""Where the bytes lie. One backend today, the local disk; the protocol is all that the rest of blobs knows of
it.

A key is `<sha256>/<uuid>`: two uploads of the same bytes never share a file, so that removing one cannot take
away what the other is about to name.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import BinaryIO, Protocol
from uuid import uuid4

from django.conf import settings

from countersign.env import WrongSetting
from countersign.errors import NoRoom

RESERVE = 64 * 1024 * 1024
"""Bytes of the disk that uploads never fill: the database and the logs may lie on it too."""

_KEY = re.compile(r"[0-9a-f]{64}/[0-9a-f-]{36}")
_FULL = (errno.ENOSPC, errno.EDQUOT)


class PendingFile(Protocol):
    """A file that is arriving. Nobody can open it before `keep`."""

    def write(self, block: bytes) -> None:
        """Add bytes. Raises NoRoom."""

    def keep(self, key: str) -> None:
        """Make it durable, then visible under the key. Raises NoRoom."""

    def discard(self) -> None:
        """Leave nothing behind; harmless after `keep`."""


class Storage(Protocol):
    """A place for bytes."""

    def require_room(self, size: int) -> None:
        """Raise NoRoom when so many bytes would not fit."""

    def begin(self) -> PendingFile:
        """A new arriving file."""

    def open(self, key: str) -> BinaryIO:
        """The finished bytes, seekable. Raises FileNotFoundError."""

    def local_path(self, key: str) -> AbstractContextManager[Path]:
        """A read-only file with the finished bytes, for as long as the context lasts."""

    def delete(self, key: str) -> None:
        """Remove the bytes; harmless when there are none."""

    def keys(self, *, before: datetime) -> Iterator[str]:
        """Keys whose bytes arrived before an instant."""

    def sweep_arriving(self, *, before: datetime) -> int:
        """Remove arriving files that a killed process left; returns how many."""


class LocalDisk:
    """A folder on a local file system, readable by the serving user only."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.arriving = root / "arriving"

    def require_room(self, size: int) -> None:
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        disk = os.statvfs(self.root)
        free = max(disk.f_bavail * disk.f_frsize - RESERVE, 0)
        if size > free:
            raise NoRoom(
                f"{size:,} bytes were announced and the storage has room for {free:,}. Nothing was kept; ask "
                "an "
                "administrator to make room."
            )

    def begin(self) -> ArrivingOnDisk:
        self.arriving.mkdir(mode=0o700, parents=True, exist_ok=True)
        return ArrivingOnDisk(self)

    def path(self, key: str) -> Path:
        """The file of a key. Raises ValueError for text that is no key."""
        if not _KEY.fullmatch(key):
            raise ValueError(f"{key!r} is no key of a blob")
        return self.root / key

    def open(self, key: str) -> BinaryIO:
        return self.path(key).open("rb")

    def local_path(self, key: str) -> AbstractContextManager[Path]:
        return nullcontext(self.path(key))

    def delete(self, key: str) -> None:
        path = self.path(key)
        path.unlink(missing_ok=True)
        try:
            path.parent.rmdir()
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.ENOENT, errno.EEXIST):
                raise

    def keys(self, *, before: datetime) -> Iterator[str]:
        for path in self.root.glob("*/*"):
            key = f"{path.parent.name}/{path.name}"
            if _KEY.fullmatch(key) and _arrived_before(path, before):
                yield key

    def sweep_arriving(self, *, before: datetime) -> int:
        if not self.arriving.is_dir():
            return 0
        left = [path for path in self.arriving.iterdir() if _arrived_before(path, before)]
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)


class ArrivingOnDisk:
    """One arriving file of a LocalDisk, under a temporary name on the same file system."""

    def __init__(self, disk: LocalDisk) -> None:
        self._disk = disk
        self._path = disk.arriving / f"{uuid4()}.part"
        self._file: int | None = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)

    def write(self, block: bytes) -> None:
        assert self._file is not None, "a file that is kept or discarded takes no more bytes"  # noqa: S101
        left = memoryview(block)
        while left:
            try:
                left = left[os.write(self._file, left) :]
            except OSError as error:
                raise _as_no_room(error) from error

    def keep(self, key: str) -> None:
        assert self._file is not None, "a file is kept once"  # noqa: S101
        path = self._disk.path(key)
        try:
            os.fchmod(self._file, 0o400)
            os.fsync(self._file)
            os.close(self._file)
            self._file = None
            self._rename(path)
        except OSError as error:
            raise _as_no_room(error) from error
        _sync_folder(path.parent)
        _sync_folder(self._disk.root)

    def _rename(self, path: Path) -> None:
        while True:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            try:
                self._path.rename(path)
            except FileNotFoundError:
                # `delete` of a twin removed the empty folder in between
                if not self._path.exists():
                    raise
                continue
            return

    def discard(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
        self._path.unlink(missing_ok=True)


def _arrived_before(path: Path, instant: datetime) -> bool:
    try:
        return path.stat().st_mtime < instant.timestamp()
    except FileNotFoundError:  # removed meanwhile
        return False


def _as_no_room(error: OSError) -> Exception:
    if error.errno in _FULL:
        return NoRoom(
            "The storage is full. Nothing was kept; ask an administrator to make room, then send it again."
        )
    return error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@cache
def _storage_at(url: str) -> Storage:
    scheme, _, path = url.partition("://")
    if scheme != "file" or not path.startswith("/"):
        raise WrongSetting(
            "STORAGE_URL should look like file:///absolute/folder: the local disk is the one backend."
        )
    return LocalDisk(Path(path))


def storage() -> Storage:
    """The backend that the setting STORAGE_URL names. Raises WrongSetting."""
    return _storage_at(settings.STORAGE_URL)
