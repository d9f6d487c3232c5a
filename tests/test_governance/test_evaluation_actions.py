"""Asking for an evaluation and recording how it ended: entries, refusals, and nothing by halves."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any

import orjson
import pytest
import rfc8785

from countersign import canonical
from countersign.actors import Actor
from countersign.errors import Conflict, Invalid, Refused
from countersign.jobs.models import Job
from countersign.ledger.models import PersonalValue
from countersign.ledger.presenters import present
from countersign.permissions import Role
from governance.evaluation.actions import (
    record_failure,
    record_results,
    request_evaluation,
)
from governance.evaluation.models import Evaluation
from governance.evaluation.queries import evaluations_of, latest_evidence, newest_evaluation
from registry.versions.actions import archive_model, archive_version
from tests.factories import registry as make
from tests.factories.people import actor_for
from tests.test_governance import evidence_kit as kit
from tests.test_registry.kit import last, leaves, outsider, viewer

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(db: None) -> kit.World:
    return kit.credit_world()


def ask(world: kit.World, **changes: Any) -> Evaluation:
    arguments: dict[str, Any] = {
        "version": world.version,
        "dataset_version": world.data,
        "actor": world.maker,
    }
    return request_evaluation(**(arguments | changes))


def state(evaluation: Evaluation, **changes: Any) -> dict[str, Any]:
    return {
        "number": evaluation.number,
        "version": str(evaluation.version_id),
        "dataset_version": str(evaluation.dataset_version_id),
        "suite": "default-binary",
        "suite_revision": 3,
        "state": "waiting",
        "failure_code": "",
        "results_digest": None,
        "circumstances_digest": None,
    } | changes


def assert_said(leaf: dict[str, Any], evaluation: Evaluation, actor: Actor, **data: Any) -> None:
    assert leaf["subject"] == {"type": "governance.evaluation", "ref": str(evaluation.pk)}
    assert leaf["actor"] == {"kind": actor.kind.value, "ref": str(actor.ref)}
    assert (leaf["act"], leaf["via"]) == (str(actor.act), actor.via)
    assert leaf["data"] == data


# --- asking ---------------------------------------------------------------------------------------------


def test_asking_makes_the_evaluation_its_job_and_one_entry(world: kit.World) -> None:
    before = len(leaves())
    evaluation = ask(world)
    [leaf] = leaves()[before:]
    assert leaf["verb"] == "governance.evaluation.requested"
    assert_said(leaf, evaluation, world.maker, before=None, after=state(evaluation))
    assert leaf["personal"] == {}
    job = Job.objects.get(id=evaluation.job_id)
    assert (job.kind, job.queue, job.state, job.key) == (
        "governance.evaluate",
        "evaluation",
        "queued",
        str(evaluation.id),
    )
    assert (job.subject_type, job.subject_ref, job.team) == (
        "governance.evaluation",
        evaluation.id,
        world.team.id,
    )
    assert evaluation.requested_by_label == "Mara Maker"


def test_the_same_question_while_one_waits_is_the_same_evaluation(world: kit.World) -> None:
    first = ask(world)
    with kit.nothing_changes():
        assert ask(world).number == first.number
    other = kit.make_evidence(world.version, world.data, actor=world.maker)
    assert other.number == first.number
    assert ask(world).number > first.number


def test_another_reviewer_gets_the_waiting_one_too(world: kit.World) -> None:
    first = ask(world)
    reviewer = actor_for(world.user(Role.REVIEWER))
    with kit.nothing_changes():
        assert ask(world, actor=reviewer) == first


@pytest.mark.parametrize("who", [viewer, lambda team: outsider()])
def test_who_may_not_evaluate_is_refused(world: kit.World, who: Any) -> None:
    actor = who(world.team)
    with kit.nothing_changes(), pytest.raises(Refused) as refused:
        ask(world, actor=actor)
    assert [reason.code for reason in refused.value.verdict.reasons] == ["permission_missing"]


def test_an_archived_version_is_not_evaluated(world: kit.World) -> None:
    stale = world.version
    archive_version(version=world.version, actor=world.maker)
    with kit.nothing_changes(), pytest.raises(Refused, match="is archived"):
        ask(world, version=stale)


def test_a_version_of_an_archived_model_is_not_evaluated(world: kit.World) -> None:
    stale = world.version
    archive_model(model=world.model, actor=world.maker)
    with kit.nothing_changes(), pytest.raises(Refused, match="is archived"):
        ask(world, version=stale)


def test_an_unknown_suite_is_named_with_the_known_ones(world: kit.World) -> None:
    with kit.nothing_changes(), pytest.raises(Invalid) as wrong:
        ask(world, suite="no-such-suite")
    said = wrong.value.fields["suite"][0]
    assert "Known: default-binary, quick-binary, full-binary, default-multiclass," in said
    assert "default-ranking" in said


def test_data_kept_elsewhere_cannot_be_read(world: kit.World) -> None:
    distant = make.make_distant_data(world.data.dataset, actor=world.maker)
    with kit.nothing_changes(), pytest.raises(Invalid) as wrong:
        ask(world, dataset_version=distant)
    assert "kept elsewhere" in wrong.value.fields["dataset_version"][0]


def test_data_without_target_cannot_be_measured(world: kit.World) -> None:
    bare = make.make_dataset_version(
        world.data.dataset,
        actor=world.maker,
        content=kit.labelled_parquet(60, 9),
        descriptor=kit.without_target(),
    )
    with kit.nothing_changes(), pytest.raises(Invalid) as wrong:
        ask(world, dataset_version=bare)
    assert "names no target" in wrong.value.fields["dataset_version"][0]


def test_without_a_ledger_nothing_is_asked(world: kit.World, monkeypatch: pytest.MonkeyPatch) -> None:
    with kit.broken_ledger(monkeypatch):
        ask(world)


# --- recording ------------------------------------------------------------------------------------------


def test_evidence_is_recorded_by_its_digests(world: kit.World) -> None:
    evaluation = ask(world)
    results, circumstances = {"metrics": {"roc_auc": {"value": 0.79}}, "n": 3}, {"rows": 3}
    before = len(leaves())
    record_results(evaluation=evaluation, results=results, circumstances=circumstances, actor=world.maker)
    evaluation.refresh_from_db()
    assert bytes(evaluation.results or b"") == rfc8785.dumps(results)
    assert evaluation.results_digest == sha256(bytes(evaluation.results or b"")).hexdigest()
    assert evaluation.circumstances_digest == sha256(bytes(evaluation.circumstances or b"")).hexdigest()
    assert evaluation.results_document == results
    assert (evaluation.state, evaluation.finished_at is None) == ("succeeded", False)
    [leaf] = leaves()[before:]
    assert leaf["verb"] == "governance.evaluation.succeeded"
    assert_said(
        leaf,
        evaluation,
        world.maker,
        before=state(evaluation),
        after=state(
            evaluation,
            state="succeeded",
            results_digest=f"sha256:{evaluation.results_digest}",
            circumstances_digest=f"sha256:{evaluation.circumstances_digest}",
        ),
    )


def test_a_failure_is_recorded_with_its_sentence_beside_the_leaf(world: kit.World) -> None:
    evaluation = ask(world)
    before = len(leaves())
    record_failure(
        evaluation=evaluation,
        code="not_two_classes",
        message="“default” holds 3: 0, 1, Mrs Miller.",
        said="a word of the model",
        circumstances={"isolation": {"level": 2}},
        actor=world.maker,
    )
    evaluation.refresh_from_db()
    assert (evaluation.state, evaluation.results, evaluation.results_digest) == ("failed", None, "")
    assert evaluation.circumstances_document == {"isolation": {"level": 2}}
    [leaf] = leaves()[before:]
    assert leaf["verb"] == "governance.evaluation.failed"
    assert_said(
        leaf,
        evaluation,
        world.maker,
        before=state(evaluation),
        after=state(
            evaluation,
            state="failed",
            failure_code="not_two_classes",
            circumstances_digest=f"sha256:{evaluation.circumstances_digest}",
        ),
    )
    # A value of the data may stand in the sentence: the ledger commits to it and can forget it.
    assert "Miller" not in canonical.canonical(leaf).decode()
    kept = PersonalValue.objects.get(entry=leaf["id"])
    assert (kept.field, kept.value) == ("message", evaluation.failure)
    assert str(present(leaf, {"message": kept.value})).endswith(
        "failed: “default” holds 3: 0, 1, Mrs Miller."
    )


def test_cancelling_is_an_end_of_its_own(world: kit.World) -> None:
    evaluation = ask(world)
    record_failure(
        evaluation=evaluation,
        code="cancelled",
        message="Cancelled.",
        said="",
        circumstances=None,
        actor=world.maker,
    )
    evaluation.refresh_from_db()
    assert (evaluation.state, evaluation.circumstances) == ("cancelled", None)
    assert last("governance.evaluation.cancelled")["subject"]["ref"] == str(evaluation.id)


def end(evaluation: Evaluation, actor: Actor, how: str) -> None:
    if how == "results":
        record_results(evaluation=evaluation, results={"n": 1}, circumstances={"rows": 1}, actor=actor)
    else:
        record_failure(
            evaluation=evaluation,
            code="crashed",
            message="It crashed.",
            said="",
            circumstances=None,
            actor=actor,
        )


@pytest.mark.parametrize("first", ["results", "failure"])
@pytest.mark.parametrize("second", ["results", "failure"])
def test_an_evaluation_ends_once(world: kit.World, first: str, second: str) -> None:
    evaluation = ask(world)
    end(evaluation, world.maker, first)
    with kit.nothing_changes(), pytest.raises(Conflict, match="already") as conflict:
        end(evaluation, world.maker, second)
    assert conflict.value.code == "evaluation_ended"


@pytest.mark.parametrize("how", ["results", "failure"])
def test_without_a_ledger_nothing_ends(world: kit.World, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluation = ask(world)
    with kit.broken_ledger(monkeypatch):
        end(evaluation, world.maker, how)
    evaluation.refresh_from_db()
    assert (evaluation.state, evaluation.results, evaluation.failure) == ("waiting", None, "")


def test_results_with_what_json_cannot_hold_are_no_evidence(world: kit.World) -> None:
    evaluation = ask(world)
    with kit.nothing_changes(), pytest.raises(rfc8785.CanonicalizationError):
        record_results(
            evaluation=evaluation,
            results={"metrics": {"roc_auc": float("nan")}},
            circumstances={},
            actor=world.maker,
        )


# --- reading --------------------------------------------------------------------------------------------


def test_the_newest_success_is_the_evidence_that_counts(world: kit.World) -> None:
    assert latest_evidence(world.version) is None
    first = kit.make_evidence(world.version, world.data, actor=world.maker)
    failed = kit.make_failed(world.version, world.data, actor=world.maker)
    assert latest_evidence(world.version) == first
    assert latest_evidence(world.version, "default-binary") == first
    assert latest_evidence(world.version, "another-suite") is None
    assert newest_evaluation(world.version) == failed
    assert [one.number for one in evaluations_of(world.version)] == [failed.number, first.number]


def test_canonical_evidence_has_one_form(world: kit.World) -> None:
    evaluation = kit.make_evidence(world.version, world.data, actor=world.maker)
    stored = bytes(evaluation.results or b"")
    assert rfc8785.dumps(orjson.loads(stored)) == stored
    assert replace(kit.DESCRIPTOR, target="").target == ""
