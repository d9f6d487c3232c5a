"""The export job: seal, collect in one snapshot, write the bundle, have the offline verifier check it,
keep it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings

from countersign.actors import Actor
from countersign.blobs.store import blocks_of, kept_or_discarded, receive
from countersign.jobs.handlers import JobContext, JobFailed, Retry, handler, on_failure
from countersign.jobs.models import Job
from countersign.ledger import keys
from countersign.ledger.actions import VERIFIER, publish_export_key, publish_verifier
from countersign.ledger.anchors import AnchorAhead
from countersign.ledger.bundle import WrittenBundle, write_bundle
from countersign.ledger.models import Tree
from countersign.ledger.note import VerifierKey
from countersign.ledger.queries import seal_all
from countersign.ledger.sealer import LedgerMissing, WrongKey
from countersign.ledger.verification.snapshot import snapshot
from governance.export.actions import EXPORT, record_export, record_failure
from governance.export.contents.files import Files
from governance.export.contents.scope import NotSealed, Scope, collect
from governance.export.contents.writing import FORMAT, fill
from governance.export.models import AuditExport, ExportState

SNAPSHOTS = 5
"""How often what was recorded meanwhile is sealed too before the job steps back for a while."""
STEP_BACK_SECONDS = 30.0


SEAL = "Sealing the ledger up to this moment"
COLLECT = "Collecting entries and files"
WRITE = "Writing and signing the bundle"
CHECK = "Checking it with the offline verifier"
KEEP = "Keeping the bundle"


@handler(EXPORT, title="Audit export", retryable=False, plan=(SEAL, COLLECT, WRITE, CHECK, KEEP))
def export(context: JobContext) -> dict[str, Any]:
    """Make one bundle. May run again after a lost worker: nothing is written before the end, and the end
    is one transaction."""
    asked = AuditExport.objects.select_related("model", "environment").get(id=context.args["export"])
    if asked.state != ExportState.WAITING:
        return {"export": asked.number}
    vkey = str(VerifierKey.of(settings.EXPORT_ORIGIN, keys.export_key()))
    with _workplace(asked) as folder:
        context.step(SEAL, progress=0.02)
        _publish(vkey, context)
        scope, files = _collected(asked, folder, vkey, context)
        context.step(WRITE, f"{len(scope.indexes):,} entries", progress=0.7)
        path = folder / "bundle.zip"
        written = _write(path, scope, files)
        context.step(CHECK, progress=0.8)
        verification = verify(path, vkey, context)
        context.step(KEEP, f"{written.size:,} bytes", progress=0.95)
        with path.open("rb") as file:
            incoming = receive(
                _checked(blocks_of(file), context),
                size=written.size,
                expected_sha256=written.sha256,
                limit=settings.BLOB_SIZE_LIMIT,
            )
        with kept_or_discarded([incoming]), context.finishing() as result:
            record_export(
                export=asked,
                bundle=incoming,
                entries=written.entries,
                checkpoint_size=scope.checkpoint.size,
                signed_by=vkey,
                verification=verification,
                actor=context.actor,
            )
            result["export"] = asked.number
    return result


@on_failure(EXPORT)
def end_export(job: Job, failure: JobFailed, actor: Actor) -> None:
    """The export ends with its job, in the same transaction."""
    asked = AuditExport.objects.get(id=job.args["export"])
    if asked.state == ExportState.WAITING:
        record_failure(export=asked, code=failure.code, message=failure.message, actor=actor)


@contextmanager
def _workplace(asked: AuditExport) -> Iterator[Path]:
    """A folder of this export alone, for this worker's eyes; what a killed worker left in it is gone."""
    folder: Path = settings.COUNTERSIGN_HOME / "exports" / str(asked.id)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _publish(vkey: str, context: JobContext) -> None:
    """What the auditor's copy is compared with stands in the ledger before the bundle is made."""
    system = Actor.system(context.actor.via)
    publish_verifier(actor=system)
    publish_export_key(actor=system, vkey=vkey)


def _collected(asked: AuditExport, folder: Path, vkey: str, context: JobContext) -> tuple[Scope, Files]:
    """The scope and its files, of one snapshot in which everything in scope is sealed. Raises Retry where new
    entries come faster than they are sealed, JobFailed where sealing is refused."""
    for attempt in range(SNAPSHOTS):
        _seal()
        context.step(COLLECT, progress=0.1)
        place = folder / f"files-{attempt}"
        place.mkdir()
        files = Files(place)
        try:
            with snapshot(context.progress) as progress:
                scope = collect(asked, context.check)
                fill(
                    files,
                    scope,
                    export_key=vkey,
                    progress=lambda share, what: progress(0.1 + 0.6 * share, what),
                    check=context.check,
                )
            return scope, files
        except NotSealed:
            shutil.rmtree(place)
    raise Retry("New entries about it came faster than they were sealed.", after_seconds=STEP_BACK_SECONDS)


def _seal() -> None:
    try:
        seal_all()
    except (AnchorAhead, WrongKey, LedgerMissing) as error:
        raise JobFailed("ledger_not_sealed", str(error)) from error
    except TimeoutError as error:
        raise Retry(str(error), after_seconds=STEP_BACK_SECONDS) from error


def _write(path: Path, scope: Scope, files: Files) -> WrittenBundle:
    return write_bundle(
        path,
        checkpoint=scope.checkpoint,
        indexes=scope.indexes,
        members=files.members(),
        about={"export": scope.export.number, "format": FORMAT},
        export_origin=settings.EXPORT_ORIGIN,
        export_key=keys.export_key(),
    )


def verify(path: Path, vkey: str, context: JobContext) -> str:
    """What the stand-alone verifier prints of a bundle, run as an auditor runs it: an interpreter that
    sees nothing of the platform. Raises JobFailed (export_does_not_hold) where it says no, Cancelled."""
    command = [sys.executable, "-I", str(VERIFIER), str(path)]
    command += ["--key", Tree.objects.get().vkey, "--export-key", vkey]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={}
    ) as process:
        try:
            while True:
                try:
                    said, complaint = process.communicate(timeout=1)
                    break
                except subprocess.TimeoutExpired:
                    context.check()
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        raise JobFailed(
            "export_does_not_hold",
            f"The offline verifier refused the bundle, so it is not handed out: {complaint.strip()[-600:]} "
            "Run manage.py verify, and tell the operator.",
        )
    return said


def _checked(blocks: Iterator[bytes], context: JobContext) -> Iterator[bytes]:
    """The same blocks; stops where the job should."""
    for block in blocks:
        context.check()
        yield block
