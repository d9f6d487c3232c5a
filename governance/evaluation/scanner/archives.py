"""Take the files out of zip and tar archives, within bounds. Standard library only."""

import io
import tarfile
import zipfile
from collections.abc import Iterator

from .machine import Blocked


class Budget:
    """What may be taken out of containers in one scan: `members` files of `size` bytes together."""

    def __init__(self, *, members: int = 5000, size: int = 4 << 30) -> None:
        self._members = members
        self._size = size

    @property
    def size(self) -> int:
        """The bytes that are left."""
        return self._size

    def take(self, size: int) -> None:
        """One file more, of `size` bytes. Raises Blocked past either bound."""
        self._members -= 1
        self._size -= size
        if self._members < 0:
            raise Blocked("its containers hold too many files")
        if self._size < 0:
            raise Blocked("it unpacks to too many bytes")


def is_zip(raw: bytes) -> bool:
    """Whether loaders that open zip archives would open this: they look for the list of members at the end."""
    return raw.startswith((b"PK\x03\x04", b"PK\x05\x06")) or zipfile.is_zipfile(io.BytesIO(raw))


def is_tar(raw: bytes) -> bool:
    """Whether it has the mark of a tar archive, of POSIX or GNU."""
    return raw[257:262] == b"ustar"


def zip_members(raw: bytes, budget: Budget) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file of a zip archive. Raises Blocked for one that cannot be read whole."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            for info in archive.infolist():
                budget.take(info.file_size)
                with archive.open(info) as member:
                    content = member.read(info.file_size + 1)
                if len(content) != info.file_size:
                    raise Blocked("a file in its archive has another size than the archive says")
                yield info.filename, content
    except _UNREADABLE as error:
        raise Blocked(f"its zip archive cannot be read ({type(error).__name__})") from error


def tar_members(raw: bytes, budget: Budget) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file of a tar archive; links and devices have none. Raises Blocked."""
    try:
        with tarfile.open(fileobj=io.BytesIO(raw), mode="r:") as archive:
            for info in archive:
                budget.take(info.size if info.isreg() else 0)
                member = archive.extractfile(info) if info.isreg() else None
                content = member.read() if member else b""
                if member and len(content) != info.size:
                    raise Blocked("a file in its archive is cut short")
                yield info.name, content
    except _UNREADABLE as error:
        raise Blocked(f"its tar archive cannot be read ({type(error).__name__})") from error


# What the two libraries raise for archives made to hurt; RuntimeError is an encrypted member.
_UNREADABLE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OverflowError,
    EOFError,
    OSError,
    MemoryError,
)
