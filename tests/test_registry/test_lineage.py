"""Lineage joins what versions, runs and datasets say, with who claims it; its digest is part of what is
signed."""

from __future__ import annotations

import pytest

from countersign.errors import Conflict, Invalid, Refused
from registry.lineage.actions import add_lineage_edge
from registry.lineage.queries import lineage_digest, lineage_of
from registry.runs.actions import Source, log_run
from registry.runs.telemetry import ReadDataset
from registry.versions import actions
from registry.versions.actions import InputClaim
from registry.versions.models import ModelVersion
from tests.factories import registry as make
from tests.test_registry.kit import (
    assert_entry,
    broken_ledger,
    leaves,
    nothing_changes,
    outsider,
    viewer,
)

pytestmark = pytest.mark.django_db


def test_every_edge_with_its_claim() -> None:
    team, maker = make.make_makers()
    train, holdout = (
        make.make_distant_data(make.make_dataset(team, actor=maker, name=name), actor=maker)
        for name in ("train", "holdout")
    )
    run = make.make_run(team, actor=maker, name="heron", source=Source("git@x:y", "5bd87e3500", clean=False))
    log_run(run=run, inputs=[ReadDataset(train)], actor=maker)
    model = make.make_model(team, actor=maker)
    parent = make.make_version(model, actor=maker)
    version = make.make_version(
        model,
        actor=maker,
        run=run,
        parent=parent,
        inputs=[InputClaim(train, sha256=train.digest), InputClaim(holdout, "validation")],
    )
    child = make.make_version(model, actor=maker, parent=version)
    add_lineage_edge(version=version, kind="pipeline", name="nightly", reference="https://ci/1", actor=maker)
    version = ModelVersion.objects.get(pk=version.pk)
    assert version.run is not None
    edges = [
        (e.kind, e.name, e.reference, e.digest, e.claim, e.context, e.upstream) for e in lineage_of(version)
    ]
    assert edges == [
        ("run", "heron", str(run.pk), version.run.telemetry_digest, "observed", "", True),
        (
            "source_commit", "git@x:y 5bd87e3500, with changes that were not committed",
            "5bd87e3500", "", "observed", "", True,
        ),
        ("dataset_version", "train 1", str(train.pk), train.digest, "verified", "training", True),
        ("dataset_version", "holdout 1", str(holdout.pk), holdout.digest, "declared", "validation", True),
        ("parent_version", "version 1", str(parent.pk), parent.digest, "declared", "", True),
        ("pipeline", "nightly", "https://ci/1", "", "declared", "", True),
        ("child_version", "version 3", str(child.pk), child.digest, "declared", "", False),
    ]  # fmt: skip


def test_a_version_alone_has_no_lineage() -> None:
    team, maker = make.make_makers()
    assert lineage_of(make.make_version(make.make_model(team, actor=maker), actor=maker)) == []


def test_the_digest_follows_what_came_before_and_not_what_came_after() -> None:
    team, maker = make.make_makers()
    model = make.make_model(team, actor=maker)
    version = make.make_version(model, actor=maker)
    empty = lineage_digest(version)
    make.make_version(model, actor=maker, parent=version)
    assert lineage_digest(version) == empty
    add_lineage_edge(version=version, kind="pipeline", name="nightly", actor=maker)
    one = lineage_digest(version)
    assert one != empty
    add_lineage_edge(version=version, kind="document", name="nightly", actor=maker)
    assert lineage_digest(version) not in (one, empty)
    assert len(one) == 64


def test_the_order_of_declaring_does_not_count() -> None:
    team, maker = make.make_makers()
    model = make.make_model(team, actor=maker)
    one, two = make.make_version(model, actor=maker), make.make_version(model, actor=maker)
    for version, names in ((one, ("a", "b")), (two, ("b", "a"))):
        for name in names:
            add_lineage_edge(version=version, kind="pipeline", name=name, actor=maker)
    assert lineage_digest(one) == lineage_digest(two)


def test_an_edge_is_told_and_declared_once() -> None:
    team, maker = make.make_makers()
    version = make.make_version(make.make_model(team, actor=maker), actor=maker)
    edge = add_lineage_edge(
        version=version, kind="upstream_model", name="bert", digest=f"sha256:{'A' * 64}", actor=maker
    )
    assert_entry(
        leaves()[-1],
        verb="registry.lineage_edge.added",
        subject=edge,
        actor=maker,
        after={
            "version": str(version.pk),
            "kind": "upstream_model",
            "name": "bert",
            "reference": "",
            "digest": "a" * 64,
            "claim": "declared",
        },
    )
    with nothing_changes(), pytest.raises(Conflict) as raised:
        add_lineage_edge(version=version, kind="upstream_model", name="bert", actor=maker)
    assert raised.value.code == "edge_exists"


@pytest.mark.parametrize(
    ("kind", "name", "digest"),
    [
        ("dataset_version", "x", ""),
        ("", "x", ""),
        ("pipeline", "", ""),
        ("pipeline", "a\nb", ""),
        ("pipeline", "x", "y"),
    ],
)
def test_edges_that_are_refused(kind: str, name: str, digest: str) -> None:
    team, maker = make.make_makers()
    version = make.make_version(make.make_model(team, actor=maker), actor=maker)
    with nothing_changes(), pytest.raises(Invalid):
        add_lineage_edge(version=version, kind=kind, name=name, digest=digest, actor=maker)


def test_who_may_not_and_what_is_archived_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    team, maker = make.make_makers()
    version = make.make_version(make.make_model(team, actor=maker), actor=maker)
    for actor in (outsider(), viewer(team)):
        with nothing_changes(), pytest.raises(Refused):
            add_lineage_edge(version=version, kind="pipeline", name="x", actor=actor)
    with broken_ledger(monkeypatch):
        add_lineage_edge(version=version, kind="pipeline", name="x", actor=maker)
    actions.archive_version(version=version, actor=maker)
    with nothing_changes(), pytest.raises(Refused, match="archived"):
        add_lineage_edge(version=version, kind="pipeline", name="x", actor=maker)
