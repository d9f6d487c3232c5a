"""The verdict on a scanned file: names found, compared with the reviewed lists."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from .skops_types import TRUSTED_SKOPS_TYPES, VOUCHED_BY_SKOPS

_LIST = Path(__file__).with_name("allowed_names.txt")
_SHOWN = 10
_MOST_FILES = 200


Verdict = Literal["clean", "unlisted_names", "blocked"]
_WORSE: dict[Verdict, int] = {"clean": 0, "unlisted_names": 1, "blocked": 2}


@dataclass(frozen=True, slots=True)
class FileReport:
    """What a scan found in one file, or in one file of a container: `model.zip!data.pkl`. `unlisted` are those of
    its names that are not reviewed; `note` a clause about it for people, or empty."""

    path: str
    container: str
    verdict: Verdict
    names: tuple[str, ...]
    unlisted: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class ScanReport:
    """What a scan found.

    `clean`: every name is on the reviewed list. `unlisted_names`: all was followed to its end and uses the names
    in `unlisted` as well. `blocked`: something could not be followed, so `names` may be incomplete. `container` is
    the model's file's, `reason` one sentence for people, `built_with` the scikit-learn release the files name, or
    empty. `files` are the results of each file, the model's first; they add up to the verdict.
    """

    verdict: Verdict
    names: tuple[str, ...]
    unlisted: tuple[str, ...]
    reason: str
    container: str
    built_with: str = ""
    files: tuple[FileReport, ...] = ()


@cache
def allowed_names() -> frozenset[str]:
    """The reviewed names, from `allowed_names.txt` beside this file; lines with # are comments."""
    lines = _LIST.read_text(encoding="ascii").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


@cache
def reviewed_for_skops() -> tuple[str, ...]:
    """The names a skops file may hold without skops being asked about them, in order."""
    return tuple(sorted(allowed_names() | TRUSTED_SKOPS_TYPES | VOUCHED_BY_SKOPS))


def file_report(
    *,
    path: str,
    container: str,
    names: Collection[str],
    blocked: str = "",
    remarks: Collection[str] = (),
    untrusted: Collection[str] | None = None,
) -> FileReport:
    """The verdict on one file. `untrusted`: of a skops file, the types the library does not vouch for; it vouches
    for the rest, or all of them are reviewed."""
    found = {*names, *(untrusted or ())}
    outside = found - allowed_names() if untrusted is None else set(untrusted)
    unlisted = tuple(sorted(outside - TRUSTED_SKOPS_TYPES))
    verdict: Verdict = "blocked" if blocked else "unlisted_names" if unlisted else "clean"
    note = "; ".join(part for part in (blocked, *remarks) if part)
    return FileReport(path, container, verdict, tuple(sorted(found)), unlisted, note)


def judge(files: Sequence[FileReport], versions: Collection[str] = ()) -> ScanReport:
    """The verdict on all files of a version, the model's own first: that of the worst."""
    model = files[0]
    names = tuple(sorted({name for one in files for name in one.names}))
    unlisted = tuple(sorted({name for one in files for name in one.unlisted}))
    worst = max(files, key=lambda one: _WORSE[one.verdict])
    built_with = max(versions, default="")
    # Of a container's files those that say something; an archive may hold thousands of plain arrays.
    telling = [one for one in files if "!" not in one.path or one.names or one.verdict != "clean"]
    return ScanReport(
        worst.verdict,
        names,
        unlisted,
        _reason(worst, model, names, unlisted),
        model.container,
        built_with,
        tuple(telling[:_MOST_FILES]),
    )


def _reason(worst: FileReport, model: FileReport, names: tuple[str, ...], unlisted: tuple[str, ...]) -> str:
    if worst.verdict == "blocked":
        which = "The file" if worst is model else f"“{worst.path}”"
        remedy = _REMEDIES.get(worst.container, "Write the model again with skops.io.dump or joblib.dump")
        return (
            f"{which} is blocked: {worst.note}. {remedy}, or upload its scores instead (bring predictions)."
        )
    if unlisted:
        more = f" and {len(unlisted) - _SHOWN} more" if len(unlisted) > _SHOWN else ""
        listed = ", ".join(unlisted[:_SHOWN])
        uses = "The file uses" if unlisted == model.unlisted else "The files use"
        script = any(name.startswith("__main__.") for name in unlisted)
        lost = (
            " Those of __main__ belong to the script that wrote it and are not in the file." if script else ""
        )
        counted = "1 name that is" if len(unlisted) == 1 else f"{len(unlisted)} names that are"
        return f"{uses} {counted} not on the reviewed list: {listed}{more}.{lost}"
    if not names and model.container in _WITHOUT_CODE:
        return f"{model.container} holds numbers and no code."
    return f"All {len(names)} names in the file are on the reviewed list."


_WITHOUT_CODE = ("ONNX", "XGBoost UBJSON", "XGBoost JSON", "LightGBM text", "safetensors")
_REMEDIES = {"ONNX": "Write the model again as one ONNX file with its weights inside (onnx.save_model)"}
