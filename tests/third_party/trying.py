"""Try an artifact over REST as its user would, and say what came of it."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from countersign.jobs.models import Job
from demo.client import Client
from tests.third_party.artifacts import Artifact
from tests.third_party.data import Fitting, parquet
from tests.third_party.fetching import release
from tests.third_party.record import Seen, measures_in

EVALUATION_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Asked:
    """An artifact whose evaluation is under way, and the version it became."""

    artifact: Artifact
    contents: dict[str, bytes]
    version: dict[str, Any]
    number: int


class Trial:
    """A user with a token, in a team. Data are registered once."""

    def __init__(self, client: Client, team: str, folder: Path) -> None:
        self._client, self._team, self._folder = client, team, folder
        self._known: set[str] = set()

    def ask(self, artifact: Artifact) -> Asked:
        """Register the artifact's data and model, upload its files and ask for an evaluation by the quick suite.

        Raises demo.client.Answered where the platform does not take one of them."""
        fitting, contents = artifact.evaluated_on(), artifact.contents()
        self._register(fitting)
        model = "third-party-" + "".join(char if char.isalnum() else "-" for char in artifact.name.lower())
        self._client.post("models", {"name": model, "team": self._team, "description": artifact.name})
        metadata = {"signature": fitting.signature(), "description": release(artifact.project)}
        version = self._upload(f"models/{model}/versions", metadata, contents)
        on = {"dataset": fitting.name, "dataset_version": 1, "suite": f"quick-{fitting.task.value}"}
        if fitting.brought is None:
            asked = self._client.post("evaluations", {"model": model, "version": version["number"], **on})
        else:
            path = f"models/{model}/versions/{version['number']}/predictions"
            asked = self._upload(path, on, {"scores.parquet": parquet(fitting.brought)})
        return Asked(artifact, contents, version, asked["number"])

    def seen(self, asked: Asked) -> Seen:
        """What came of it, once it has ended."""
        ended = self._client.wait(
            f"evaluations/{asked.number}", ended=("succeeded", "failed"), seconds=EVALUATION_SECONDS
        )
        failed = ended["state"] == "failed"
        results = {} if failed else self._client.get(f"evaluations/{asked.number}/results")
        return seen(
            asked.artifact,
            asked.contents,
            kind=asked.version["flavour"],
            job=Job.objects.get(id=ended["job"]),
            failure=(ended["failure_code"], ended["failure"]) if failed else ("", ""),
            results=results,
        )

    def _register(self, fitting: Fitting) -> None:
        if fitting.name in self._known:
            return
        self._known.add(fitting.name)
        self._client.post(
            "datasets", {"name": fitting.name, "team": self._team, "description": fitting.about}
        )
        self._upload(
            f"datasets/{fitting.name}/versions",
            fitting.descriptor(),
            {f"{fitting.name}.parquet": fitting.parquet()},
        )

    def _upload(self, path: str, metadata: dict[str, Any], contents: dict[str, bytes]) -> Any:
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            files = []
            for place, (name, content) in enumerate(contents.items()):
                file = Path(folder) / str(place)
                file.write_bytes(content)
                files.append((name, file))
            return self._client.upload(path, metadata, files)


def seen(
    artifact: Artifact,
    contents: dict[str, bytes],
    *,
    kind: str,
    job: Job,
    failure: tuple[str, str],
    results: dict[str, Any],
) -> Seen:
    """The record of an ended evaluation; `failure` is its code and its sentence, `results` its document, or empty."""
    lines = [line.text for line in job.lines.all() if line.text.startswith("Scan: ")]
    code, sentence = failure
    return Seen(
        name=artifact.name,
        release=release(artifact.project),
        files={path: hashlib.sha256(content).hexdigest() for path, content in contents.items()},
        size=sum(map(len, contents.values())),
        on=artifact.evaluated_on().about,
        kind=kind,
        scan=lines[-1].removeprefix("Scan: ") if lines else "",
        came_to="refused" if code else {"reported": "reported"}.get(results["source"], "evaluated"),
        code=code,
        sentence=sentence,
        measures=measures_in(results) if results else {},
    )
