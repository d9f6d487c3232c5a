"""compose.yaml's processes on a separate PostgreSQL and Redis: ready, at work, and writing only to their volumes."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo.__main__ import Story
from tests.stack import MODEL, until
from tests.test_stack.composed import LASTING, Composed


def files(folder: Path) -> set[str]:
    """Every file below a folder, by its path in it."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("service", LASTING)
def test_its_health_check_says_so(composed: Composed, service: str) -> None:
    until(lambda: composed.healthy(service), seconds=20, what=f"the health check of {service}")


def test_an_upload_is_evaluated_signed_and_sealed(composed: Composed, story: Story) -> None:
    (evaluation,) = story.job.get("evaluations", model=MODEL)["results"]
    assert evaluation["state"] == "succeeded"
    gate = story.job.get(f"models/{MODEL}/versions/1/gate/production")
    assert gate["allowed"] is True, gate["reasons"]
    until(
        lambda: composed.sql("SELECT count(*) FROM ledger_pending") == [(0,)],
        seconds=15,
        what="all to be sealed",
    )
    assert "everything holds" in composed.manage("verify")


def test_nothing_is_written_outside_the_volumes(composed: Composed, story: Story) -> None:
    volumes = {path.parts[0] for path in map(Path, files(composed.volumes))}
    assert volumes <= {"blobs", "ledger", "exports", "beat"}
    assert {"blobs", "ledger", "beat"} <= volumes
    assert not [path for path in files(composed.app) if "__pycache__" in path]
    attempt = ["python", "-c", "import pathlib; pathlib.Path('written').write_text('x')"]
    with pytest.raises(AssertionError, match="Read-only file system"):
        composed.run("web", attempt)


def test_the_serving_processes_hold_no_signing_key(composed: Composed) -> None:
    for service in ("web", "worker-evaluation", "beat"):
        assert not [
            name
            for name in composed.environment(service)
            if name.endswith("_KEY_FILE") and "SECRET" not in name
        ]
    with pytest.raises(AssertionError, match="has no ledger key"):
        composed.run("web", ["python", "manage.py", "seal"])
