"""Asking for an export: who may, what must be said, and that it happens whole or not at all."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from countersign import clock
from countersign.accounts.models import Team
from countersign.actors import Actor
from countersign.blobs.models import Blob
from countersign.blobs.store import receive
from countersign.errors import Conflict, Invalid, NotFound, Refused
from countersign.jobs.actions import cancel_job, retry_job
from countersign.jobs.models import Job
from countersign.ledger.presenters import present
from countersign.permissions import Role
from governance.export.access import get_export
from governance.export.actions import record_export, record_failure, request_export
from governance.export.models import AuditExport
from governance.export.queries import exports_visible_to
from registry.versions.models import RegisteredModel
from tests.factories import registry as make
from tests.factories.people import actor_for, make_team, make_user
from tests.test_governance.review_kit import assert_told, broken_ledger, entry_of, nothing_changes

pytestmark = pytest.mark.django_db


@pytest.fixture
def makers() -> tuple[Team, Actor]:
    return make.make_makers("Risk")


@pytest.fixture
def maker(makers: tuple[Team, Actor]) -> Actor:
    return makers[1]


@pytest.fixture
def model(makers: tuple[Team, Actor]) -> RegisteredModel:
    return make.make_model(makers[0], actor=makers[1])


@pytest.fixture
def auditor() -> Actor:
    return actor_for(make_user(full_name="August Auditor", roles=[(Role.AUDITOR, None)]))


def bundle() -> Any:
    """Bytes as the job brings them."""
    return receive([b"a bundle"], size=None, expected_sha256=None, limit=100)


def written(export: AuditExport, actor: Actor) -> AuditExport:
    """The export with a bundle."""
    return record_export(
        export=export,
        bundle=bundle(),
        entries=12,
        checkpoint_size=40,
        signed_by="log.example/export+00000000+AA",
        verification="HOLDS: 3 files\n",
        actor=actor,
    )


# --- asking -----------------------------------------------------------------------------------------------


def test_an_owner_asks_for_their_model(model: RegisteredModel, maker: Actor) -> None:
    export = request_export(model=model, reason="  Yearly audit. ", actor=maker)
    assert (export.state, export.reason, export.job.kind) == ("waiting", "Yearly audit.", "governance.export")
    assert export.job.team == model.team_id
    leaf = entry_of("governance.audit_export.requested", export)
    assert_told(leaf, actor=maker, subject=export, personal={"reason"})
    assert str(present(leaf, {"reason": "Yearly audit."})) == (
        f"asked for audit export {export.number} of {model.name}: “Yearly audit.”"
    )


def test_an_auditor_asks_for_a_period_which_ends_now_at_the_latest(auditor: Actor) -> None:
    now = clock.now()
    export = request_export(
        period_start=now - timedelta(days=30),
        period_end=now + timedelta(days=1),
        reason="Third quarter.",
        actor=auditor,
    )
    assert export.period_end is not None
    assert now <= export.period_end <= clock.now()
    leaf = entry_of("governance.audit_export.requested", export)
    assert "asked for audit export" in str(present(leaf, {"reason": "Third quarter."}))
    assert "of everything from" in str(present(leaf, {"reason": "Third quarter."}))


@pytest.mark.parametrize("role", [Role.VIEWER, Role.CONTRIBUTOR, Role.REVIEWER, Role.APPROVER])
def test_others_of_the_team_are_refused(model: RegisteredModel, role: Role) -> None:
    member = actor_for(make_user(roles=[(role, model.team)]))
    with nothing_changes(), pytest.raises(Refused) as refused:
        request_export(model=model, reason="Curious.", actor=member)
    assert refused.value.verdict.reasons[0].code == "permission_missing"


def test_an_owner_takes_neither_a_period_nor_another_teams_model(maker: Actor) -> None:
    other_team, other = make.make_makers()
    theirs = make.make_model(other_team, actor=other)
    now = clock.now()
    with nothing_changes():
        with pytest.raises(Refused):
            request_export(model=theirs, reason="Curious.", actor=maker)
        with pytest.raises(Refused):
            request_export(period_start=now - timedelta(1), period_end=now, reason="Curious.", actor=maker)


def test_an_administrator_takes_nothing(model: RegisteredModel) -> None:
    administrator = actor_for(make_user(roles=[(Role.ADMINISTRATOR, None)]))
    with nothing_changes(), pytest.raises(Refused):
        request_export(model=model, reason="Curious.", actor=administrator)


@pytest.mark.parametrize(
    ("start", "end", "with_model", "field"),
    [
        (None, None, False, "period_start"),
        (-1, None, False, "period_start"),
        (None, 0, False, "period_start"),
        (-2, 0, True, "model"),
        (-1, -2, False, "period_start"),
        (-1, -1, False, "period_start"),
        (1, 2, False, "period_start"),
    ],
)
def test_a_scope_that_makes_no_sense_is_refused(
    model: RegisteredModel, auditor: Actor, start: int | None, end: int | None, with_model: bool, field: str
) -> None:
    now = clock.now()
    with nothing_changes(), pytest.raises(Invalid) as invalid:
        request_export(
            model=model if with_model else None,
            period_start=None if start is None else now + timedelta(days=start),
            period_end=None if end is None else now + timedelta(days=end),
            reason="Yearly audit.",
            actor=auditor,
        )
    assert set(invalid.value.fields) == {field}


@pytest.mark.parametrize("reason", ["", "  \n ", "x" * 2_001, "nul\0"])
def test_a_reason_must_be_said(model: RegisteredModel, maker: Actor, reason: str) -> None:
    with nothing_changes(), pytest.raises(Invalid) as invalid:
        request_export(model=model, reason=reason, actor=maker)
    assert set(invalid.value.fields) == {"reason"}


def test_without_the_ledger_nothing_is_asked_for(
    model: RegisteredModel, maker: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = Job.objects.count()
    with broken_ledger(monkeypatch):
        request_export(model=model, reason="Yearly audit.", actor=maker)
    assert (AuditExport.objects.count(), Job.objects.count()) == (0, jobs)


# --- how it ends ------------------------------------------------------------------------------------------


def test_a_written_bundle_is_recorded_once(model: RegisteredModel, maker: Actor) -> None:
    export = request_export(model=model, reason="Yearly audit.", actor=maker)
    ready = written(export, maker)
    assert (ready.state, ready.entries, ready.verification) == ("ready", 12, "HOLDS: 3 files\n")
    assert ready.blob is not None
    assert ready.blob.size == 8
    leaf = entry_of("governance.audit_export.written", export)
    assert_told(leaf, actor=maker, subject=export)
    assert leaf["data"]["after"]["bundle"] == f"sha256:{ready.blob_id}"
    assert leaf["data"]["before"]["state"] == "waiting"
    assert f"with 12 entries, bundle sha256:{ready.blob_id}" in str(present(leaf, {}))
    with nothing_changes():
        for again in (
            lambda: written(export, maker),
            lambda: record_failure(export=export, code="late", message="Late.", actor=maker),
        ):
            with pytest.raises(Conflict) as conflict:
                again()
            assert conflict.value.code == "export_ended"


def test_without_the_ledger_no_bundle_is_recorded(
    model: RegisteredModel, maker: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = request_export(model=model, reason="Yearly audit.", actor=maker)
    with broken_ledger(monkeypatch):
        written(export, maker)
    export.refresh_from_db()
    assert (export.state, export.blob_id) == ("waiting", None)
    assert not Blob.objects.filter(sha256=bundle().sha256).exists()


def test_whoever_lost_the_right_meanwhile_gets_no_bundle(model: RegisteredModel, maker: Actor) -> None:
    export = request_export(model=model, reason="Yearly audit.", actor=maker)
    former = actor_for(make_user())
    with nothing_changes(), pytest.raises(Refused):
        written(export, former)


def test_a_cancelled_job_ends_its_export_and_is_not_run_again(model: RegisteredModel, maker: Actor) -> None:
    export = request_export(model=model, reason="Yearly audit.", actor=maker)
    cancel_job(job=export.job, actor=maker)
    export.refresh_from_db()
    assert (export.state, export.failure) == ("cancelled", "Cancelled before it began.")
    leaf = entry_of("governance.audit_export.cancelled", export)
    assert_told(leaf, actor=maker, subject=export)
    assert str(present(leaf, {})) == f"cancelled audit export {export.number}"
    with pytest.raises(Conflict) as conflict:
        retry_job(job=export.job, actor=maker)
    assert conflict.value.code == "job_not_retryable"


def test_a_failure_is_recorded_with_its_sentence(model: RegisteredModel, maker: Actor) -> None:
    export = request_export(model=model, reason="Yearly audit.", actor=maker)
    record_failure(export=export, code="export_does_not_hold", message="It does not hold.", actor=maker)
    leaf = entry_of("governance.audit_export.failed", export)
    assert str(present(leaf, {})) == f"recorded that audit export {export.number} failed: It does not hold."


# --- who sees it ------------------------------------------------------------------------------------------


def test_only_who_may_take_it_away_gets_an_export(
    model: RegisteredModel, maker: Actor, auditor: Actor
) -> None:
    by_model = request_export(model=model, reason="Yearly audit.", actor=maker)
    now = clock.now()
    by_period = request_export(
        period_start=now - timedelta(1), period_end=now, reason="Quarter.", actor=auditor
    )
    viewer = actor_for(make_user(roles=[(Role.VIEWER, model.team)]))
    stranger = actor_for(make_user(roles=[(Role.OWNER, make_team())]))
    administrator = actor_for(make_user(roles=[(Role.ADMINISTRATOR, None)]))
    assert list(exports_visible_to(auditor)) == [by_period, by_model]
    assert list(exports_visible_to(maker)) == [by_model]
    assert not exports_visible_to(viewer).exists()
    assert get_export(maker, by_model.number) == by_model
    for actor, number, error in (
        (viewer, by_model.number, Refused),
        (administrator, by_model.number, Refused),
        (administrator, by_period.number, Refused),
        (stranger, by_model.number, NotFound),
        (maker, by_period.number, NotFound),
        (auditor, 999, NotFound),
    ):
        with pytest.raises(error):
            get_export(actor, number)
