"""The files of a bundle while it is put together: each goes to disk at once, so that memory stays bounded."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import UUID

import rfc8785
from django.utils.text import slugify

from countersign.ledger.container import Content

SLUG_LIMIT = 60


class Files:
    """Files by their path in the bundle, kept under numbers in `folder`: no name of ours reaches the disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._paths: list[str] = []

    def add(self, path: str, content: bytes) -> None:
        """One file."""
        (self._folder / str(len(self._paths))).write_bytes(content)
        self._paths.append(path)

    def add_json(self, path: str, value: Any) -> None:
        """One JSON document as its canonical bytes (RFC 8785)."""
        self.add(path, rfc8785.dumps(value))

    def add_lines(self, path: str, values: Iterable[Any]) -> None:
        """JSON documents, one a line."""
        self.add(path, b"".join(rfc8785.dumps(value) + b"\n" for value in values))

    def members(self) -> list[tuple[str, Content]]:
        """All files by path, sorted, as `write_bundle` takes them."""
        return sorted(
            ((path, self._folder / str(n)) for n, path in enumerate(self._paths)), key=lambda m: m[0]
        )


def safe_name(name: str, ref: UUID) -> str:
    """A name as one plain part of a path: ASCII letters, digits and hyphens, and the end of the id, so
    that no two things share it whatever they are called."""
    return f"{slugify(name)[:SLUG_LIMIT] or 'unnamed'}-{ref.hex[-12:]}"
