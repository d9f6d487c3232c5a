"""The scan as the sandbox runs it: hostile bytes are read only in there."""

import gc
import importlib
import io
import json
import struct
from typing import TYPE_CHECKING, Any

from .archives import Budget
from .inspection import Contents, inspect

if TYPE_CHECKING:
    from governance.evaluation.sandbox.inside.start import Job


def main(job: "Job") -> None:
    """Answer with one note for each file that comes in on `job.features`: a JSON header with `path`, `flavour` and
    `size`, its length before it in four bytes, and then the file.

    A note holds what `inspection.Contents` holds, of the file and of each file inside it, and for a skops file that
    names more than `job.facts["reviewed"]` the types skops does not trust. Which names are acceptable is the parent's
    judgement.
    """
    budget, reviewed = Budget(), frozenset(job.facts["reviewed"])
    with io.BufferedReader(io.FileIO(job.features, "rb"), 1 << 20) as source:
        while head := source.read(4):
            (length,) = struct.unpack("<I", head)
            told = json.loads(source.read(length))
            raw = source.read(told["size"])
            contents = inspect(raw, told["flavour"], path=told["path"], budget=budget)
            untrusted = _untrusted(raw, contents, reviewed) if told["flavour"] == "skops" else []
            files = [_facts(one) for one in contents.every()]
            job.answers.note("scanned", files=files, untrusted=untrusted)
    job.answers.end()


def _untrusted(raw: bytes, contents: Contents, reviewed: frozenset[str]) -> list[str]:
    # Importing skops.io imports all of scikit-learn. Where every name is reviewed its word would change nothing here,
    # and it has the last one anyway when the model is loaded.
    if contents.blocked or contents.names <= reviewed:
        return []
    gc.disable()  # what a library defines stays for good: looking for garbage among it is in vain
    skops = importlib.import_module("skops.io")
    gc.enable()
    try:
        return sorted(skops.get_untrusted_types(data=raw))
    except Exception as error:  # skops raises what the file makes it raise
        contents.blocked = f"skops cannot read its schema ({type(error).__name__})"
        return []


def _facts(contents: Contents) -> dict[str, Any]:
    return {
        "path": contents.path,
        "container": contents.container,
        "names": sorted(contents.names),
        "versions": sorted(contents.versions),
        "remarks": contents.remarks,
        "blocked": contents.blocked,
    }
