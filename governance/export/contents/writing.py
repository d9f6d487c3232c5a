"""Putting the files of a bundle together, in one snapshot of the database."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from typing import Any

from django.conf import settings

from countersign import clock
from countersign.ledger.actions import VERIFIER
from countersign.ledger.models import Tree
from countersign.ledger.presenters import ERASED
from governance.export.contents import report
from governance.export.contents.artifacts import add_version
from governance.export.contents.decisions import ReviewFiles, add_policy, add_review, live_lines, promotions
from governance.export.contents.files import Files, safe_name
from governance.export.contents.leaves import first_about, personal
from governance.export.contents.people import People
from governance.export.contents.readme import readme
from governance.export.contents.scope import Check, Scope
from governance.export.models import AuditExport
from governance.policies.models import PolicyRevision
from registry.versions.models import ModelVersion, RegisteredModel

FORMAT = "countersign/audit-export/1"
LEFT_OUT = (
    "The files of the models: every version is named by its manifest, whose digests the files must have.",
    "The rows of the datasets: every dataset version is named by its digest.",
    "E-mail addresses, sign-in names, addresses of computers, passwords and tokens.",
    "Names of people whom no entry of this bundle concerns.",
)

Progress = Callable[[float, str], None]


def version_folder(version: ModelVersion) -> str:
    """The folder of a version in the bundle: plain ASCII, whatever the model is called."""
    return f"{model_folder(version.model)}/{version.number}"


def model_folder(model: RegisteredModel) -> str:
    """The folder of a model."""
    return f"models/{safe_name(model.name, model.id)}"


def revision_path(revision: PolicyRevision) -> str:
    """The files of a policy revision, without their endings."""
    return f"policies/{safe_name(revision.policy.name, revision.policy.id)}/{revision.number}"


def fill(files: Files, scope: Scope, *, export_key: str, progress: Progress, check: Check) -> None:
    """Add every file of the bundle. `progress` is told a share from 0 to 1; `check` may raise to stop."""
    people = People(scope)
    made_at, release = clock.stamp(clock.now()), _release()
    total = max(len(scope.versions) + len(scope.reviews), 1)
    for done, version in enumerate(scope.versions):
        check()
        progress(done / total, f"version {version.number} of {version.model.name}")
        add_version(files, version, version_folder(version))
    reviews: list[ReviewFiles] = []
    for done, review in enumerate(sorted(scope.reviews, key=lambda review: review.number)):
        check()
        progress((len(scope.versions) + done) / total, f"review {review.number}")
        reviews.append(add_review(files, review, f"reviews/{review.number}"))
    for revision in scope.revisions:
        add_policy(files, revision, revision_path(revision))
    promoted = list(promotions(scope))
    files.add_lines("promotions.jsonl", promoted)
    files.add_lines("environments.jsonl", live_lines(scope))
    files.add_json("people.json", people.document())
    tree = Tree.objects.get()
    keys: dict[str, Any] = {"log": tree.vkey, "export": export_key}
    files.add_json("keys.json", keys)
    files.add("verify.py", VERIFIER.read_bytes())
    document = scope_document(scope, made_at=made_at, release=release, origin=tree.origin)
    files.add_json("scope.json", document)
    files.add("README.txt", readme(document, keys).encode())
    rendered = report.render(
        scope, people, reviews, promoted, document=document, keys=keys, left_out=left_out(people)
    )
    files.add("report.html", rendered.encode())


def scope_document(scope: Scope, *, made_at: str, release: str, origin: str) -> dict[str, Any]:
    """scope.json: who asked for what and why, of which log, and where each thing lies."""
    export = scope.export
    asked = first_about(AuditExport.ledger_type, export.id)
    return {
        "format": FORMAT,
        "export": {
            "id": str(export.id),
            "number": export.number,
            "entry": asked.id,
            "requested_by": asked.data["actor"]["ref"],
            "requested_at": asked.data["recorded_at"],
            "reason": personal(asked, "reason"),
        },
        "about": {
            "model": asked.after["model"],
            "environment": asked.after.get("environment"),
            "period_start": asked.after["period_start"],
            "period_end": asked.after["period_end"],
            "period_indexes": list(scope.period_indexes) if scope.period_indexes else None,
        },
        "made_at": made_at,
        "release": release,
        "ledger": {
            "origin": origin,
            "size": scope.checkpoint.size,
            "root": bytes(scope.checkpoint.root).hex(),
        },
        "entries": {"total": len(scope.indexes), "about": scope.about, "pointed_to": scope.pointed_to},
        "models": [
            {
                "id": str(model.id),
                "name": model.name,
                "path": model_folder(model),
                "versions": [
                    {"id": str(version.id), "number": version.number, "path": version_folder(version)}
                    for version in sorted(scope.versions, key=lambda version: version.number)
                    if version.model_id == model.id
                ],
            }
            for model in scope.models
        ],
        "reviews": [
            {"id": str(review.id), "number": review.number, "path": f"reviews/{review.number}"}
            for review in sorted(scope.reviews, key=lambda review: review.number)
        ],
        "policies": [
            {
                "id": str(revision.id),
                "policy": str(revision.policy_id),
                "name": revision.policy.name,
                "number": revision.number,
                "path": revision_path(revision),
            }
            for revision in scope.revisions
        ],
        "left_out": list(LEFT_OUT),
    }


def left_out(people: People) -> list[str]:
    """What is not in the bundle, as sentences."""
    sentences = list(LEFT_OUT)
    if erased := people.erased():
        sentences.append(
            f"The names of {len(erased)} people, erased on request: they print as {ERASED}. The commitments are "
            "here, so the tree still verifies."
        )
    return sentences


def _release() -> str:
    """The version of the software that made the bundle."""
    project = tomllib.loads((settings.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return f"Countersign {project['version']}"
