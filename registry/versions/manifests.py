"""The manifest of a version: the sorted list of its files, whose canonical bytes the version's digest is
of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from countersign import canonical
from countersign.blobs.models import Blob
from countersign.blobs.store import Incoming
from countersign.errors import Invalid
from registry.versions.paths import manifest_path, manifest_paths
from registry.versions.values import DeclaredFile, ReceivedFile


def manifest_of(files: Mapping[str, Blob | Incoming]) -> dict[str, Any]:
    """{"files": [{"path", "size", "sha256"}]}, sorted by path, code point by code point."""
    return {
        "files": [
            {"path": path, "size": files[path].size, "sha256": files[path].sha256} for path in sorted(files)
        ]
    }


def digest_of(manifest: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of the canonical bytes."""
    return canonical.digest(manifest).removeprefix("sha256:")


def checked_files(
    received: Sequence[ReceivedFile], declared: Sequence[DeclaredFile] | None
) -> dict[str, Blob | Incoming]:
    """The files by path, where every path is sound and, if files were announced, exactly those arrived.

    Raises Invalid: no_files, bad_path, files_differ, digest_mismatch."""
    if not received and not declared:
        raise Invalid(
            "A version has at least one file.", fields={"files": ["There is none."]}, code="no_files"
        )
    paths = manifest_paths(file.path for file in received)
    files = {path: file.blob for path, file in zip(paths, received, strict=True)}
    if declared is not None:
        _compare(files, {manifest_path(one.path): one for one in declared})
    return files


def _compare(files: Mapping[str, Blob | Incoming], declared: Mapping[str, DeclaredFile]) -> None:
    missing, extra = sorted(declared.keys() - files.keys()), sorted(files.keys() - declared.keys())
    if missing or extra:
        said = [f"“{path[:80]}” has not arrived" for path in missing[:5]]
        said += [f"“{path[:80]}” was not announced" for path in extra[:5]]
        raise Invalid(
            f"The files are not those announced: {'; '.join(said)}.",
            fields={"files": said},
            code="files_differ",
        )
    for path, announced in declared.items():
        check_announced(announced, files[path])


def check_announced(announced: DeclaredFile, found: Blob | Incoming) -> None:
    """Raise Invalid (digest_mismatch) where the bytes are not those announced."""
    if (announced.size, announced.sha256) != (found.size, found.sha256):
        sentence = (
            f"“{announced.path[:80]}” was announced with {announced.size:,} bytes and SHA-256 "
            f"{announced.sha256}; "
            f"{found.size:,} bytes with {found.sha256} arrived. Send the file again."
        )
        raise Invalid(sentence, fields={"files": [sentence]}, code="digest_mismatch")
