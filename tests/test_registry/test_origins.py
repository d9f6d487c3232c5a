"""Who made a version, by which run and from which data: named, claimed, and part of what is signed."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import orjson
import pytest

from countersign.actors import Actor
from countersign.errors import Invalid, Refused
from countersign.permissions import Permission, Role
from registry.datasets.access import get_dataset_version
from registry.runs.actions import RunDescription, Source, end_run, log_run
from registry.runs.models import RunState
from registry.runs.telemetry import MetricValue, ReadDataset
from registry.versions import actions
from registry.versions.actions import InputClaim
from registry.versions.models import Contributor, ContributorKind, KnownBy, ModelVersion
from registry.versions.queries import (
    contributors_digest,
    signature_digest,
)
from tests.factories import registry as make
from tests.factories.people import actor_for, make_service_account, make_user
from tests.test_registry.kit import (
    last,
    leaves,
    nothing_changes,
    outsider,
    verbs_since,
)

pytestmark = pytest.mark.django_db


def test_contributors_of_a_service_account_s_upload() -> None:
    team, maker = make.make_makers()
    responsible = make_user("answers.for.ci")
    account = make_service_account(team, responsible)
    robot = actor_for(account, via="rest")
    trainer = make_user("ada.trainer")
    model = make.make_model(team, actor=maker)
    version = make.make_version(model, actor=robot, trainers=["ADA.trainer", "ada.trainer"])
    people = {(one.user, one.kind): one for one in version.contributors.all()}
    assert set(people) == {(responsible, ContributorKind.UPLOADER), (trainer, ContributorKind.TRAINER)}
    uploader = people[responsible, ContributorKind.UPLOADER]
    assert (uploader.known_by, uploader.service_account) == (KnownBy.AUTHENTICATED, account.pk)
    assert people[trainer, ContributorKind.TRAINER].known_by == KnownBy.DECLARED


def test_who_recorded_the_run_is_its_trainer() -> None:
    team, maker = make.make_makers()
    trainer = actor_for(make_user("run.maker", roles=[(Role.CONTRIBUTOR, team)]))
    run = make.make_run(team, actor=trainer)
    version = make.make_version(
        make.make_model(team, actor=maker), actor=maker, run=run, trainers=["run.maker"]
    )
    found = version.contributors.get(kind=ContributorKind.TRAINER)
    assert (found.user_id, found.known_by) == (trainer.ref, KnownBy.AUTHENTICATED)


def test_a_run_recorded_by_a_machine_names_who_answers_for_it_but_no_trainer() -> None:
    team, maker = make.make_makers()
    responsible = make_user()
    robot = actor_for(make_service_account(team, responsible))
    run = make.make_run(team, actor=robot)
    version = make.make_version(make.make_model(team, actor=maker), actor=maker, run=run)
    assert {(one.user_id, one.kind) for one in version.contributors.all()} == {
        (maker.ref, "uploader"),
        (responsible.pk, "uploader"),
    }


def test_the_system_s_upload_names_nobody() -> None:
    team, maker = make.make_makers()
    version = make.make_version(make.make_model(team, actor=maker), actor=Actor.system())
    found = version.contributors.get()
    assert (found.user, found.declared_identity) == (None, "Countersign")


def test_a_contributor_added_later_is_told_and_added_once() -> None:
    team, maker = make.make_makers()
    version = make.make_version(make.make_model(team, actor=maker), actor=maker)
    author = make_user()
    before = contributors_digest(version)
    arguments: dict[str, Any] = {
        "version": version, "user": author, "kind": ContributorKind.CARD_AUTHOR,
        "known_by": KnownBy.AUTHENTICATED, "actor": maker,
    }  # fmt: skip
    added = actions.add_contributor(**arguments)
    assert last("registry.contributor.added")["subject"]["ref"] == str(added.pk)
    assert contributors_digest(version) != before
    with nothing_changes():
        assert actions.add_contributor(**arguments) == added
    stranger = outsider()
    with nothing_changes(), pytest.raises(Refused):
        actions.add_contributor(**arguments | {"actor": stranger})


def test_a_running_run_is_ended_and_sealed_by_the_version_that_cites_it() -> None:
    team, maker = make.make_makers()
    data = make.make_dataset_version(make.make_dataset(team, actor=maker), actor=maker)
    run = make.make_run(team, actor=maker, source=Source("git@example.org:x", "5bd87e35", clean=True))
    log_run(run=run, parameters={"depth": "4"}, metrics=[MetricValue("auc", 0.79)], actor=maker)
    log_run(run=run, inputs=[ReadDataset(data)], actor=maker)
    count = len(leaves())
    version = make.make_version(make.make_model(team, actor=maker), actor=maker, run=run)
    run.refresh_from_db()
    assert run.state == RunState.FINISHED
    assert run.telemetry_digest
    assert verbs_since(count)[1] == "registry.run.ended"
    assert version.run == run
    read = version.inputs.get()
    assert (read.dataset_version, read.context, read.claim) == (data, "training", "observed")
    assert last("registry.version.registered")["data"]["after"]["details"]["inputs"] == [
        {"dataset_version": str(data.pk), "context": "training", "claim": "observed"}
    ]


def test_a_run_that_ended_is_cited_as_it_is() -> None:
    team, maker = make.make_makers()
    run = end_run(run=make.make_run(team, actor=maker), state=RunState.FAILED, actor=maker)
    version = make.make_version(make.make_model(team, actor=maker), actor=maker, run=run)
    assert version.run == run
    assert version.run.state == RunState.FAILED


def test_a_version_brings_the_run_that_made_it() -> None:
    team, maker = make.make_makers()
    model = make.make_model(team, actor=maker)
    count = len(leaves())
    described = RunDescription(
        experiment="Nightly training",
        name="gentle-heron-41",
        parameters={"depth": "4"},
        metrics=[MetricValue("auc", 0.79)],
        source=Source("git@example.org:x", "5BD87E35", clean=False),
    )
    version = make.make_version(model, actor=maker, run=described)
    assert version.run is not None
    assert (version.run.name, version.run.source_commit, version.run.state) == (
        "gentle-heron-41",
        "5bd87e35",
        "finished",
    )
    assert verbs_since(count) == [
        "registry.experiment.created",
        "registry.run.started",
        "registry.run.ended",
        "registry.version.registered",
        "registry.contributor.added",
        "registry.contributor.added",
    ]
    again = make.make_version(model, actor=maker, run=described)
    assert again.run is not None
    assert again.run.experiment == version.run.experiment
    with nothing_changes(), pytest.raises(Invalid):
        make.make_version(model, actor=maker, run=described, trainers=["nobody"])


def test_input_claims() -> None:
    team, maker = make.make_makers()
    dataset = make.make_dataset(team, actor=maker, name="train")
    data = make.make_dataset_version(dataset, actor=maker)
    model = make.make_model(team, actor=maker)
    declared = make.make_version(model, actor=maker, inputs=[InputClaim(data, "validation")])
    verified = make.make_version(
        model, actor=maker, inputs=[InputClaim(data), InputClaim(data, sha256=data.digest)]
    )
    assert [(one.context, one.claim) for one in declared.inputs.all()] == [("validation", "declared")]
    assert [(one.context, one.claim) for one in verified.inputs.all()] == [("training", "verified")]
    with nothing_changes(), pytest.raises(Invalid) as raised:
        make.make_version(model, actor=maker, inputs=[InputClaim(data, sha256="0" * 64)])
    assert raised.value.code == "digest_mismatch"
    assert get_dataset_version(maker, "train", 1) == data


def test_digests_of_a_review_s_subject_follow_what_they_are_of() -> None:
    team, maker = make.make_makers()
    model = make.make_model(team, actor=maker)
    one = make.make_version(model, actor=maker)
    same = make.make_version(model, actor=maker)
    other = make.make_version(model, actor=maker, signature=make.SIGNATURE | {"threshold": 0.31})
    none = make.make_version(model, actor=maker, signature={})
    assert signature_digest(one) == signature_digest(ModelVersion.objects.get(pk=same.pk))
    assert len({signature_digest(version) for version in (one, other, none)}) == 3
    assert contributors_digest(one) == contributors_digest(same)
    expected = orjson.dumps({**make.SIGNATURE, "threshold": "0.3"}, option=orjson.OPT_SORT_KEYS)
    assert signature_digest(one) == hashlib.sha256(expected).hexdigest()


def test_somebody_unknown_counts_without_being_named(monkeypatch: pytest.MonkeyPatch) -> None:
    team, maker = make.make_makers()
    version = make.make_version(make.make_model(team, actor=maker), actor=Actor.system())
    assert "Countersign" not in json.dumps([leaf["data"] for leaf in leaves()])
    assert len(contributors_digest(version)) == 64
    assert Contributor.objects.visible_to(maker, Permission.READ_LEDGER).count() == 1
