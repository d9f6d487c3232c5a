"""The job: killed, cancelled, overtaken, refused by its own verifier, and about people who were erased."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from countersign import clock
from countersign.blobs.models import Blob
from countersign.jobs import runner
from countersign.jobs.actions import cancel_job
from countersign.jobs.handlers import Cancelled, ClaimLost, JobContext
from countersign.jobs.models import Job, JobState
from countersign.ledger.models import PersonalValue, Seal
from countersign.ledger.offline import verify
from countersign.ledger.queries import seal_all
from countersign.ledger.verification import verify as ledger_verify
from countersign.permissions import Role
from governance.export import jobs
from governance.export.actions import request_export
from governance.export.contents import writing
from governance.export.contents.scope import NotSealed, collect
from governance.export.models import AuditExport
from registry.versions.actions import set_tag
from registry.versions.models import RegisteredModel
from tests import databases
from tests.factories import registry as make
from tests.factories.people import actor_for, make_user
from tests.test_core.ledger_kit import begin
from tests.test_governance import export_kit as kit
from tests.test_governance.export_kit import files_of, json_of, lines_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _anchor(settings: Any, tmp_path: Path) -> None:
    """Each test has a log of its own, and so an anchor of its own."""
    settings.LEDGER_ANCHOR_FOLDER = tmp_path / "anchor"


@pytest.fixture
def model(_anchor: None) -> RegisteredModel:
    """A model with one version, in a ledger of its own."""
    begin()
    team, maker = make.make_makers("Risk")
    found = make.make_model(team, actor=maker, name="credit-default")
    make.make_version(found, actor=maker)
    return found


def ask(model: RegisteredModel) -> AuditExport:
    """An export of the model that waits for a worker."""
    return request_export(model=model, reason="Yearly audit.", actor=kit.auditor())


def context_of(export: AuditExport) -> JobContext:
    """A worker that has taken the job."""
    job = runner.claim(export.job_id)
    assert job is not None
    return JobContext(job, runner.actor_of(job))


def leftovers() -> list[Path]:
    """What lies about where exports are put together."""
    folder = settings.COUNTERSIGN_HOME / "exports"
    return list(folder.iterdir()) if folder.exists() else []


def written() -> int:
    """How many exports the ledger says were written."""
    return Seal.objects.filter(verb="governance.audit_export.written").count() + len(
        [row for row in unsealed_verbs() if row == "governance.audit_export.written"]
    )


def unsealed_verbs() -> list[str]:
    """Verbs of entries that wait to be sealed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT verb FROM ledger_unsealed")
        return [verb for (verb,) in cursor.fetchall()]


def test_a_worker_killed_before_recording_leaves_one_export(
    model: RegisteredModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first worker wrote and checked its bundle and died; the job was taken back and runs again. The first one,
    which was only slow, then comes back and writes nothing."""
    export = ask(model)
    slow = context_of(export)

    def lost(**_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(jobs, "record_export", lost)
        with pytest.raises(KeyboardInterrupt):
            jobs.export(slow)
    Job.objects.filter(id=export.job_id).update(state=JobState.QUEUED, claim=None)
    runner.run(export.job_id)
    export.refresh_from_db()
    assert (export.state, export.job.state) == ("ready", JobState.SUCCEEDED)
    bundle = export.blob_id
    with pytest.raises(ClaimLost), slow.finishing():
        pass
    assert jobs.export(slow) == {"export": export.number}, "a third run finds it ready"
    export.refresh_from_db()
    assert export.blob_id == bundle
    assert written() == 1
    assert leftovers() == []


def test_what_a_killed_worker_left_behind_is_gone(model: RegisteredModel) -> None:
    export = ask(model)
    left = settings.COUNTERSIGN_HOME / "exports" / str(export.id) / "files-0"
    left.mkdir(parents=True)
    (left / "0").write_bytes(b"half a file")
    runner.run(export.job_id)
    export.refresh_from_db()
    assert export.state == "ready", export.failure
    assert leftovers() == []


def test_the_steps_are_shown(model: RegisteredModel) -> None:
    export = ask(model)
    runner.run(export.job_id)
    job = Job.objects.get(id=export.job_id)
    assert [step["name"] for step in job.steps] == [
        "Sealing the ledger up to this moment",
        "Collecting entries and files",
        "Writing and signing the bundle",
        "Checking it with the offline verifier",
        "Keeping the bundle",
    ]
    assert all(step["state"] == "done" for step in job.steps)
    assert job.result == {"export": export.number}


@pytest.mark.parametrize("step", ["collect", "verify", "receive"])
def test_a_running_export_is_cancelled(
    model: RegisteredModel, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Somebody cancels while it collects, checks or keeps: nothing is handed out and nothing is left."""
    export = ask(model)
    context = context_of(export)
    cancel_job(job=export.job, actor=kit.auditor())
    meant: Callable[..., Any] = getattr(jobs, step)

    def cancelled(*arguments: Any, **given: Any) -> Any:
        context.is_cancelled = True
        return meant(*arguments, **given)

    monkeypatch.setattr(jobs, step, cancelled)
    if step == "verify":  # a verifier that takes its time
        monkeypatch.setattr(jobs, "VERIFIER", slow_verifier(settings.COUNTERSIGN_HOME))
    with pytest.raises(Cancelled):
        jobs.export(context)
    assert Blob.objects.filter(sha256__in=AuditExport.objects.values("blob")).count() == 0
    assert leftovers() == []


def slow_verifier(folder: Path) -> Path:
    """A script that never ends by itself."""
    path = folder / "slow.py"
    path.write_text("import time\nwhile True:\n    time.sleep(0.05)\n")
    return path


def test_a_bundle_that_does_not_hold_is_not_handed_out(
    model: RegisteredModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever went wrong while it was written: the export fails loudly and says what to do."""
    monkeypatch.setattr(writing, "FORMAT", "other/1")
    export = ask(model)
    runner.run(export.job_id)
    export.refresh_from_db()
    assert (export.state, export.blob_id) == ("failed", None)
    assert "The offline verifier refused the bundle" in export.failure
    assert "scope.json: the format is other/1" in export.failure
    assert export.job.failure_code == "export_does_not_hold"
    assert leftovers() == []


def test_a_row_changed_by_hand_stops_the_export(model: RegisteredModel) -> None:
    """By somebody who may switch triggers off. Files come from tables, what they are compared with from the log."""
    kit.make_card(model.versions.get(), actor=maker_of(model), sections={"purpose": "Ranks."})
    with databases.owner(connection.settings_dict["NAME"]) as owner:
        owner.execute("ALTER TABLE governance_cardrevision DISABLE TRIGGER USER")
        owner.execute("UPDATE governance_cardrevision SET sections = jsonb_build_object('purpose', 'Knows.')")
    export = ask(model)
    runner.run(export.job_id)
    export.refresh_from_db()
    assert export.state == "failed"
    assert "card/1.json: its digest is" in export.failure


def maker_of(model: RegisteredModel) -> Any:
    """An owner of the model's team."""
    return actor_for(make_user(roles=[(Role.OWNER, model.team)]))


def test_without_the_keys_it_says_which_is_missing(model: RegisteredModel, settings: Any) -> None:
    export = ask(model)
    settings.EXPORT_KEY = None
    runner.run(export.job_id)
    export.refresh_from_db()
    assert export.state == "failed"
    assert "COUNTERSIGN_EXPORT_KEY" in export.failure


def test_an_auditor_whose_role_ended_meanwhile_gets_nothing(model: RegisteredModel) -> None:
    export = ask(model)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_membership SET ends_at = now() WHERE role = 'auditor'")
    runner.run(export.job_id)
    export.refresh_from_db()
    assert (export.state, export.blob_id) == ("failed", None)
    assert export.job.failure_code == "permission_missing"


# --- one snapshot -----------------------------------------------------------------------------------------


def test_what_is_recorded_meanwhile_is_sealed_too(
    model: RegisteredModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry about the model that comes between sealing and collecting: seal again, or its row would tell more
    than the bundle."""
    meant, tried = jobs._seal, []

    def overtaken() -> None:
        meant()
        tried.append(None)
        if len(tried) == 1:
            set_tag(model=model, key="note", value="late", actor=maker_of(model))

    monkeypatch.setattr(jobs, "_seal", overtaken)
    export = kit.take(model=model)
    assert export.state == "ready", export.failure
    assert len(tried) == 2
    assert any(leaf["verb"] == "registry.tag.set" for leaf in kit.leaves_of(kit.content_of(export)))


def test_entries_about_others_do_not_hold_it_up(model: RegisteredModel) -> None:
    export = ask(model)
    jobs._seal()
    other_team, other = make.make_makers()
    make.make_model(other_team, actor=other)
    scope = collect(export, lambda: None)
    assert scope.checkpoint.size == Seal.objects.count()
    set_tag(model=model, key="note", value="late", actor=maker_of(model))
    with pytest.raises(NotSealed):
        collect(export, lambda: None)


def test_a_stream_of_entries_makes_it_step_back(
    model: RegisteredModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    meant, maker = jobs._seal, maker_of(model)

    def overtaken() -> None:
        meant()
        set_tag(model=model, key="note", value=str(clock.now()), actor=maker)

    monkeypatch.setattr(jobs, "_seal", overtaken)
    monkeypatch.setattr(jobs, "SNAPSHOTS", 2)
    export = ask(model)
    runner.run(export.job_id)
    job = Job.objects.get(id=export.job_id)
    assert (job.state, job.attempts) == (JobState.QUEUED, 1)
    assert job.run_after > clock.now() + timedelta(seconds=20)
    assert "came faster than they were sealed" in job.message


# --- periods and people -----------------------------------------------------------------------------------


def test_a_period_cuts_what_was_live_at_its_end_and_loses_nothing(tmp_path: Path) -> None:
    """The period ends before version 2 went live; what followed is in the story of version 1 and not live yet."""
    world = kit.build()
    export = kit.take(period_start=world.began, period_end=world.second_live)
    bundle = kit.content_of(export)
    (live,) = [line for line in lines_of(bundle, "environments.jsonl") if "version" in line]
    assert (live["number"], live["to"]) == (1, None)
    report = files_of(bundle)["report.html"].decode()
    assert "past the end of the period" in report
    later = kit.take(period_start=world.second_live, period_end=clock.now())
    periods = [line for line in lines_of(kit.content_of(later), "environments.jsonl") if "version" in line]
    assert [line["number"] for line in periods] == [1, 2, 1], "what was live when it began is in it"
    names = [one["name"] for one in json_of(kit.content_of(later), "scope.json")["models"]]
    assert names == [kit.NAME], "the other model was not touched"


def test_an_empty_period_holds(model: RegisteredModel) -> None:
    long_ago = clock.now() - timedelta(days=400)
    export = kit.take(period_start=long_ago, period_end=long_ago + timedelta(days=1))
    assert export.state == "ready", export.failure
    assert "period: all 0 entries" in export.verification
    assert json_of(kit.content_of(export), "scope.json")["about"]["period_indexes"] == [0, -1]


def test_an_erased_person_prints_as_erased_and_the_tree_still_holds(tmp_path: Path) -> None:
    world = kit.build()
    PersonalValue.objects.filter(value__in=["Vera Validator", "Explain <the> gap."]).delete()
    export = kit.take(model=world.model)
    assert export.state == "ready", export.failure
    assert "5 erased or withheld" in export.verification
    bundle = kit.content_of(export)
    assert b"Vera Validator" not in b"".join(files_of(bundle).values())
    person = next(
        one for one in json_of(bundle, "people.json")["people"] if one["id"] == str(world.validator.id)
    )
    assert (person["name"], person["known_from"]["value"], person["known_from"]["salt"]) == (
        "(erased)",
        None,
        None,
    )
    signed = json_of(bundle, "reviews/1/signoffs.json")["sign_offs"]
    assert signed[0]["printed_name"]["value"] is None
    report = files_of(bundle)["report.html"].decode()
    assert "<b>(erased)</b> asked for changes" in report
    assert "The name of a person is erased" in report
    bundle_file = tmp_path / "bundle.zip"
    bundle_file.write_bytes(bundle)
    checked = subprocess.run(
        [sys.executable, "-I", verify.__file__, str(bundle_file), *kit.verifier_keys()],
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stderr


def test_every_export_agrees_with_its_newest_entry(model: RegisteredModel) -> None:
    """`manage.py verify` compares them, however they ended."""
    assert kit.take(model=model).state == "ready"
    cancelled = ask(model)
    cancel_job(job=cancelled.job, actor=kit.auditor())
    ask(model)
    seal_all()
    assert [str(finding) for finding in ledger_verify(anchors=[]).findings] == []
    AuditExport.objects.filter(id=cancelled.id).update(number=99)
    findings = [str(finding) for finding in ledger_verify(anchors=[]).findings]
    assert findings
    assert all("governance.audit_export" in finding for finding in findings), findings
