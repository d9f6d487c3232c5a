"""Runs record, append only, until they end and are sealed."""

from __future__ import annotations

import hashlib
import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest

from countersign.clock import stamp
from countersign.errors import Conflict, CountersignError, Invalid, NotFound, Refused
from countersign.permissions import Permission
from registry.runs.access import get_experiment, get_run
from registry.runs.actions import (
    RunDescription,
    Source,
    create_experiment,
    end_run,
    log_run,
    record_run,
    start_run,
)
from registry.runs.models import RunMetric, RunParameter, RunState
from registry.runs.queries import latest_metrics, runs_visible_to
from registry.runs.telemetry import MetricValue, ReadDataset, metrics_of, parameters_of, telemetry_digest
from tests.factories import registry as make
from tests.test_registry.kit import (
    assert_entry,
    broken_ledger,
    last,
    leaves,
    nothing_changes,
    outsider,
    viewer,
)

pytestmark = pytest.mark.django_db


def test_an_experiment_is_told() -> None:
    team, maker = make.make_makers()
    experiment = create_experiment(name="/nightly: one", team=team, actor=maker)
    after = {"name": "/nightly: one", "team": str(team.pk)}
    assert_entry(
        leaves()[-1], verb="registry.experiment.created", subject=experiment, actor=maker, after=after
    )
    assert get_experiment(maker, "/NIGHTLY: one") == experiment
    with nothing_changes(), pytest.raises(Conflict):
        create_experiment(name="/Nightly: one", team=team, actor=maker)


def test_a_run_starts_records_and_ends() -> None:
    team, maker = make.make_makers()
    run = make.make_run(team, actor=maker, name="heron", source=Source("git@x:y", "5bd87e35", clean=True))
    started = {
        "experiment": str(run.experiment_id),
        "name": "heron",
        "state": "running",
        "source_repository": "git@x:y",
        "source_commit": "5bd87e35",
        "source_clean": True,
        "started_at": stamp(run.started_at),
        "ended_at": None,
        "telemetry_digest": None,
    }
    assert_entry(leaves()[-1], verb="registry.run.started", subject=run, actor=maker, after=started)
    count = len(leaves())
    log_run(
        run=run,
        parameters={"depth": "4"},
        metrics=[MetricValue("auc", 0.5, 1), MetricValue("auc", 0.79, 2)],
        actor=maker,
    )
    assert len(leaves()) == count  # telemetry is sealed, not told
    ended = end_run(run=run, actor=maker)
    after = started | {
        "state": "finished",
        "ended_at": stamp(ended.ended_at),  # type: ignore[arg-type]
        "telemetry_digest": f"sha256:{ended.telemetry_digest}",
    }
    assert_entry(
        leaves()[-1], verb="registry.run.ended", subject=run, actor=maker, before=started, after=after
    )
    assert latest_metrics(run) == {"auc": 0.79}


def test_the_seal_is_the_canonical_digest_of_what_was_recorded() -> None:
    team, maker = make.make_makers()
    run = make.make_run(team, actor=maker)
    data = make.make_distant_data(make.make_dataset(team, actor=maker), actor=maker)
    at = datetime(2026, 3, 3, 14, tzinfo=UTC)
    values = [
        ("b", 0.1, 0),
        ("B", math.nan, 3),
        ("b", -math.inf, 1),
        ("ä", 1e300, 0),
        ("b", 0.30000000000000004, 1),
    ]
    for key, value, step in values:
        log_run(run=run, metrics=[MetricValue(key, value, step, at)], actor=maker)
    log_run(
        run=run, parameters={"z": "1", "A": "ü", "a": ""}, inputs=[ReadDataset(data, "test")], actor=maker
    )
    stamped = stamp(at)
    expected = {
        "inputs": [{"context": "test", "dataset_version": str(data.pk)}],
        "metrics": [
            {"key": key, "recorded_at": stamped, "step": step, "value": value}
            for key, step, value in (
                ("B", 3, "nan"), ("b", 0, "0.1"), ("b", 1, "-inf"),
                ("b", 1, "0.30000000000000004"), ("ä", 0, "1e+300"),
            )
        ],
        "parameters": [{"key": "A", "value": "ü"}, {"key": "a", "value": ""}, {"key": "z", "value": "1"}],
    }  # fmt: skip
    canonical = json.dumps(expected, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert end_run(run=run, actor=maker).telemetry_digest == hashlib.sha256(canonical).hexdigest()
    run.refresh_from_db()
    assert telemetry_digest(run) == run.telemetry_digest


def test_an_ended_run_takes_nothing() -> None:
    team, maker = make.make_makers()
    run = end_run(run=make.make_run(team, actor=maker), state=RunState.FAILED, actor=maker)
    for call in (
        lambda: log_run(run=run, parameters={"a": "1"}, actor=maker),
        lambda: end_run(run=run, actor=maker),
    ):
        with nothing_changes(), pytest.raises(Conflict) as raised:
            call()
        assert raised.value.code == "run_ended"


def test_parameters_never_change_and_a_batch_is_whole() -> None:
    team, maker = make.make_makers()
    run = make.make_run(team, actor=maker)
    log_run(run=run, parameters={"a": "1"}, actor=maker)
    log_run(run=run, parameters={"a": "1", "b": "2"}, actor=maker)
    with nothing_changes(), pytest.raises(Conflict) as raised:
        log_run(run=run, parameters={"c": "3", "a": "other"}, metrics=[MetricValue("m", 1.0)], actor=maker)
    assert raised.value.code == "parameter_logged"
    assert dict(RunParameter.objects.values_list("key", "value")) == {"a": "1", "b": "2"}
    assert not RunMetric.objects.exists()


def test_reading_the_same_data_twice_is_one_input() -> None:
    team, maker = make.make_makers()
    run = make.make_run(team, actor=maker)
    data = make.make_distant_data(make.make_dataset(team, actor=maker), actor=maker)
    for _ in range(2):
        log_run(
            run=run, inputs=[ReadDataset(data), ReadDataset(data), ReadDataset(data, "test")], actor=maker
        )
    assert run.inputs.count() == 2


@pytest.mark.parametrize(
    "arguments",
    [
        {"parameters": {"": "x"}},
        {"parameters": {"k" * 251: "x"}},
        {"parameters": {"k": "x" * 6_001}},
        {"parameters": {"k": "a\0"}},
        {"parameters": {str(n): "x" for n in range(1_001)}},
        {"metrics": [MetricValue("", 1.0)]},
        {"metrics": [MetricValue("m", 1.0)] * 1_001},
    ],
)
def test_telemetry_that_is_refused(arguments: dict[str, Any]) -> None:
    team, maker = make.make_makers()
    run = make.make_run(team, actor=maker)
    with nothing_changes(), pytest.raises(Invalid):
        log_run(run=run, actor=maker, **arguments)


@pytest.mark.parametrize(
    "raw",
    [
        [{"key": "m"}],
        [{"key": "m", "value": "1"}],
        [{"key": "m", "value": True}],
        [{"key": "m", "value": None}],
        [{"key": "m", "value": 10**400}],
        [{"key": "m", "value": 1, "step": 1.5}],
        [{"key": "m", "value": 1, "step": 2**60}],
        [{"key": "m", "value": 1, "recorded_at": "yesterday"}],
        [{"key": "m", "value": 1, "recorded_at": "2026-03-03T14:00:00"}],
        [{"key": "m", "value": 1, "recorded_at": 5}],
        [{"key": "m", "value": 1, "extra": 1}],
        "metrics",
        3,
        [3],
    ],
)
def test_metrics_from_json_that_are_refused(raw: Any) -> None:
    with pytest.raises(Invalid):
        metrics_of(raw)


def test_metrics_from_json() -> None:
    assert metrics_of({"a": 1, "b": 0.5}) == [MetricValue("a", 1.0), MetricValue("b", 0.5)]
    (value,) = metrics_of(
        [{"key": "m", "value": "Infinity", "step": 3, "recorded_at": "2026-03-03T15:00:00+01:00"}]
    )
    assert value == MetricValue("m", math.inf, 3, datetime(2026, 3, 3, 14, tzinfo=UTC))
    assert parameters_of({"a": 1, "b": True, "c": "x"}) == {"a": "1", "b": "True", "c": "x"}


@pytest.mark.parametrize("commit", ["main", "12345", "g" * 40, "1" * 65, "a b"])
def test_a_commit_is_a_hash(commit: str) -> None:
    team, maker = make.make_makers()
    experiment = create_experiment(name="x", team=team, actor=maker)
    with nothing_changes(), pytest.raises(Invalid) as raised:
        start_run(experiment=experiment, source=Source(commit=commit), actor=maker)
    assert "source_commit" in raised.value.fields


def test_who_may_not_is_refused_and_who_may_not_see_finds_nothing() -> None:
    team, maker = make.make_makers()
    run = make.make_run(team, actor=maker)
    stranger, looks = outsider(), viewer(team)
    for actor in (stranger, looks):
        for call in (
            lambda actor=actor: create_experiment(name="y", team=team, actor=actor),
            lambda actor=actor: start_run(experiment=run.experiment, actor=actor),
            lambda actor=actor: log_run(run=run, parameters={"a": "1"}, actor=actor),
            lambda actor=actor: end_run(run=run, actor=actor),
        ):
            with nothing_changes(), pytest.raises(Refused):
                call()
    with pytest.raises(NotFound):
        get_run(stranger, run.pk)
    with pytest.raises(NotFound):
        get_experiment(stranger, run.experiment.name)
    assert not runs_visible_to(stranger).exists()
    assert get_run(looks, run.pk) == run
    with pytest.raises(Refused):
        get_run(looks, run.pk, Permission.REGISTER)


def test_where_the_ledger_cannot_be_written_nothing_happened(monkeypatch: pytest.MonkeyPatch) -> None:
    team, maker = make.make_makers()
    run = make.make_run(team, actor=maker)
    for call in (
        lambda: create_experiment(name="x", team=team, actor=maker),
        lambda: start_run(experiment=run.experiment, actor=maker),
        lambda: end_run(run=run, actor=maker),
    ):
        with broken_ledger(monkeypatch):
            call()
    run.refresh_from_db()
    assert run.state == RunState.RUNNING


def test_a_whole_run_at_once_stays_in_teams_one_may_write_to() -> None:
    team, maker = make.make_makers()
    other_team, other = make.make_makers()
    create_experiment(name="theirs", team=other_team, actor=other)
    with nothing_changes(), pytest.raises(CountersignError):
        record_run(description=RunDescription(experiment="theirs"), team=team, actor=maker)
    run = record_run(description=RunDescription(experiment="ours", name="n"), team=team, actor=maker)
    assert (run.experiment.name, run.experiment.team) == ("ours", team)
    assert last("registry.run.ended")["subject"]["ref"] == str(run.pk)
    with nothing_changes(), pytest.raises(Invalid):
        record_run(description=RunDescription(experiment=""), team=team, actor=maker)
