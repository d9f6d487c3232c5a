"""The scan as the sandbox runs it: hostile bytes are read only in there."""

import importlib
import io
from typing import TYPE_CHECKING

from .inspection import inspect

if TYPE_CHECKING:
    from governance.evaluation.sandbox.inside.start import Job


def main(job: "Job") -> None:
    """Answer with one note: names, versions, container, blocked, and for skops the types it does not trust.

    `job.facts`: flavour. Which names are acceptable is the parent's judgement.
    """
    with io.FileIO(job.artifact, "rb") as source:
        raw = source.readall()
    contents = inspect(raw, job.facts["flavour"])
    untrusted: list[str] = []
    if job.facts["flavour"] == "skops" and not contents.blocked:
        skops = importlib.import_module("skops.io")
        try:
            untrusted = sorted(skops.get_untrusted_types(data=raw))
        except Exception as error:  # skops raises what the file makes it raise
            contents.blocked = f"skops cannot read its schema ({type(error).__name__})"
    job.answers.note(
        "scanned",
        names=sorted(contents.names),
        versions=sorted(contents.versions),
        container=contents.container,
        blocked=contents.blocked,
        untrusted=untrusted,
    )
