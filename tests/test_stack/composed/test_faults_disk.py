"""A disk that fills up in mid-upload, in mid-export and in mid-evaluation: said plainly, nothing half-written."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from pathlib import Path

from countersign.blobs.storage import RESERVE
from demo.__main__ import Story
from tests.stack import MODEL, until
from tests.test_stack.composed.kit import Composed
from tests.test_stack.composed.test_faults_servers import ask, succeeded

MEGABYTE = 1024 * 1024


def fill(folder: Path) -> Path:
    """Write until the disk takes no more."""
    filler = folder / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(b"\0" * MEGABYTE):
            pass
    return filler


def test_a_disk_that_fills_up_in_mid_upload_is_507(composed: Composed, story: Story) -> None:
    before = [one["number"] for one in story.job.get(f"models/{MODEL}/versions")["results"]]
    size = 4 * MEGABYTE
    metadata = json.dumps({"signature": {"features": [{"name": "x", "type": "double"}]}})
    head = (
        '--full\r\nContent-Disposition: form-data; name="metadata"\r\n'
        f"Content-Type: application/json\r\n\r\n{metadata}\r\n"
        '--full\r\nContent-Disposition: form-data; name="file"; filename="model.joblib"\r\n\r\n'
    ).encode()
    end = b"\r\n--full--\r\n"
    request = (
        f"POST /api/v1/models/{MODEL}/versions HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        f"Authorization: Bearer {story.job.token}\r\nContent-Type: multipart/form-data; boundary=full\r\n"
        f"Content-Length: {len(head) + size + len(end)}\r\n\r\n"
    ).encode()
    composed.kill("web")
    composed.start("web", room={"blobs": str(RESERVE + 2 * size)})
    try:
        until(lambda: composed.healthy("web"), seconds=30, what="the page server")
        blobs = composed.inside("web", "blobs")
        with socket.create_connection(("127.0.0.1", composed.ports["web"])) as connection:
            connection.settimeout(30)
            connection.sendall(request + head + b"x" * (size // 2))
            until(
                lambda: any(path.stat().st_size for path in blobs.glob("arriving/*.part")),
                seconds=15,
                what="the first half to arrive",
            )
            filler = fill(blobs)
            with suppress(OSError):  # the answer may come before the body was taken
                connection.sendall(b"x" * (size // 2) + end)
            answer = b""
            with suppress(OSError):
                while block := connection.recv(65_536):
                    answer += block
        assert answer.startswith(b"HTTP/1.1 507 "), answer[:500]
        problem = json.loads(answer.partition(b"\r\n\r\n")[2])
        assert problem["code"] == "no_room"
        assert "Nothing was kept" in problem["detail"]
        filler.unlink()
        assert [path for path in blobs.rglob("*") if path.is_file()] == []
        after = [one["number"] for one in story.job.get(f"models/{MODEL}/versions")["results"]]
        assert after == before
    finally:
        composed.kill("web")
        composed.up()


def test_a_disk_that_fills_up_in_mid_export_fails_the_job_in_words(composed: Composed, story: Story) -> None:
    auditor = story.who("auditor").browser
    composed.kill("worker-core")
    composed.start("worker-core", room={"exports": "16k"})
    try:
        number = auditor.post("exports", {"model": MODEL, "reason": "On a small disk"})["number"]
        ended = ["ready", "failed", "cancelled"]
        failed = auditor.wait(f"exports/{number}", ended=ended, seconds=60)
    finally:
        composed.kill("worker-core")
        composed.up()
    assert failed["state"] == "failed"
    assert "disk of the worker is full" in failed["failure"], composed.log("worker-core")[-4000:]
    number = auditor.post("exports", {"model": MODEL, "reason": "With room again"})["number"]
    assert auditor.wait(f"exports/{number}", ended=ended, seconds=60)["state"] == "ready"
    until(
        lambda: not list(composed.volumes.glob("exports/*")),
        seconds=15,
        what="what was written on the way to go",
    )


FULL = """
CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'could not extend file "base/1/1": No space left on device' USING ERRCODE = 'disk_full'; END $$;
CREATE TRIGGER no_room BEFORE UPDATE ON governance_evaluation
FOR EACH ROW WHEN (NEW.results_digest <> '') EXECUTE FUNCTION no_room()
"""
"""What PostgreSQL raises when a table cannot grow, at the moment the evidence is written."""


def test_a_database_disk_that_fills_up_in_mid_evaluation_fails_the_job_in_words(
    composed: Composed, story: Story
) -> None:
    composed.sql(FULL)
    try:
        asked = ask(story)
        ended = story.job.wait(f"evaluations/{asked['number']}", ended=["succeeded", "failed"], seconds=60)
    finally:
        composed.sql("DROP FUNCTION no_room CASCADE")
    assert ended["state"] == "failed"
    assert "disk of the database is full" in ended["failure"]
    assert composed.sql("SELECT state, failure_code FROM jobs_job WHERE id = %s", asked["job"]) == [
        ("failed", "no_room")
    ]
    succeeded(composed, story, ask(story))
    assert "everything holds" in composed.manage("verify")
