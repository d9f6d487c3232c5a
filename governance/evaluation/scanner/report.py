"""The verdict on a scanned file: names found, compared with the reviewed lists."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from .skops_types import TRUSTED_SKOPS_TYPES

_LIST = Path(__file__).with_name("allowed_names.txt")
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class ScanReport:
    """What a scan found.

    `clean`: every name is on the reviewed list. `unlisted_names`: the file was followed to its end and uses
    the names in `unlisted` as well. `blocked`: it could not be followed, so `names` may be incomplete.
    `reason` is one sentence for people; `built_with` the scikit-learn release the file names, or empty.
    """

    verdict: Literal["clean", "unlisted_names", "blocked"]
    names: tuple[str, ...]
    unlisted: tuple[str, ...]
    reason: str
    container: str
    built_with: str = ""


@cache
def allowed_names() -> frozenset[str]:
    """The reviewed names, from `allowed_names.txt` beside this file; lines with # are comments."""
    lines = _LIST.read_text(encoding="ascii").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def judge(
    *,
    names: Collection[str],
    untrusted: Collection[str],
    versions: Collection[str],
    container: str,
    blocked: str,
    skops: bool,
) -> ScanReport:
    """Make the report. For skops files the library's own list of types it does not trust decides.

    Names of a skops file are all types in its schema; skops itself vouches for the rest.
    """
    found = tuple(sorted({*names, *untrusted}))
    outside = set(untrusted) - TRUSTED_SKOPS_TYPES if skops else set(names) - allowed_names()
    unlisted = tuple(sorted(outside))
    built_with = max(versions, default="")
    if blocked:
        reason = f"The file is blocked: {blocked}. Write the model again with skops.io.dump or joblib.dump."
        return ScanReport("blocked", found, unlisted, reason, container, built_with)
    if unlisted:
        more = f" and {len(unlisted) - _SHOWN} more" if len(unlisted) > _SHOWN else ""
        listed = ", ".join(unlisted[:_SHOWN])
        reason = f"The file uses {len(unlisted)} names that are not on the reviewed list: {listed}{more}."
        return ScanReport("unlisted_names", found, unlisted, reason, container, built_with)
    reason = f"All {len(found)} names in the file are on the reviewed list."
    return ScanReport("clean", found, (), reason, container, built_with)
