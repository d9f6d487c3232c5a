"""compose.yaml's processes on a separate PostgreSQL and Redis: ready, at work, and writing only to their volumes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx
import psycopg
import pytest

from demo.__main__ import Story
from tests.stack import MODEL, until
from tests.test_stack.composed.kit import LASTING, Composed, files


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


@pytest.mark.parametrize("path", ["/sign-in/", "/api/docs", "/api/v1/openapi.json"])
def test_what_the_pages_are_made_of_is_in_the_image(composed: Composed, path: str) -> None:
    answer = httpx.get(f"{composed.url}{path}")
    assert answer.status_code == 200
    for name in re.findall(r'"(/static/[^"]+)"', answer.text):
        assert httpx.get(f"{composed.url}{name}").status_code == 200, name


def test_the_doctor_sees_what_its_container_lacks(composed: Composed, story: Story) -> None:
    told = json.loads(
        composed.run("worker-evaluation", ["python", "manage.py", "doctor", "--json"], status=2)
    )
    states = {finding["name"]: finding["state"] for finding in told["findings"]}
    assert states.pop("PostgreSQL fsync") == "missing", "the server of the tests runs without"
    assert "missing" not in {state for name, state in states.items() if not name.startswith("PostgreSQL ")}, (
        told
    )
    assert states["Database roles"] == states["Redis password"] == states["Sandbox"] == "ok"


def test_a_backup_is_restored_elsewhere_and_verifies(
    composed: Composed, story: Story, tmp_path: Path
) -> None:
    kept = (
        composed.folder / "tmp" / "worker-core" / "backups"
    )  # stands for another disk, mounted with --volume
    backup = Path(composed.run("worker-core", ["python", "manage.py", "backup", str(kept)]).strip())
    assert sorted(path.name for path in backup.iterdir()) == ["backup.json", "database.dump", "ledger"]
    assert not [path for path in kept.rglob("*") if "partial" in path.name]
    with psycopg.connect(composed.superuser_url(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE restored OWNER countersign_owner")
    urls = {
        name: composed.secret(secret).removesuffix("/countersign") + "/restored"
        for name, secret in (("DATABASE_URL", "database_url"), ("DATABASE_OWNER_URL", "owner_url"))
    }
    there = urls | {
        "COUNTERSIGN_HOME": str(tmp_path),
        "COUNTERSIGN_STATIC_ROOT": str(composed.app / "static"),
    }
    elsewhere = composed.environment("bootstrap") | there
    for arguments in (["restore", str(backup)], ["migrate", "--noinput", "-v0"]):
        composed.run_here(["python", "manage.py", *arguments], elsewhere)
    del elsewhere["DATABASE_OWNER_URL"]
    assert "everything holds" in composed.run_here(["python", "manage.py", "verify"], elsewhere)
    assert (tmp_path / "ledger" / "checkpoint").exists(), "the anchor came along"
    blobs = {
        path for path in files(composed.volumes / "blobs") if "/" in path and not path.startswith("arriving")
    }
    assert blobs == files(tmp_path / "blobs")


def test_nothing_is_written_outside_the_volumes(composed: Composed, story: Story) -> None:
    volumes = {path.parts[0] for path in map(Path, files(composed.volumes))}
    assert volumes <= {"blobs", "ledger", "exports", "beat"}
    assert {"blobs", "ledger", "beat"} <= volumes
    assert files(composed.app) == composed.made_of
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
