"""A host on which models run with less around them says so: in the doctor, and when a worker starts."""

from dataclasses import replace

import pytest
import structlog
from celery.worker import WorkController
from pytest_django.fixtures import Settings

from countersign.celery import app
from countersign.upkeep.doctor.findings import State
from governance.evaluation.confinement import findings
from governance.evaluation.sandbox import Isolation
from governance.evaluation.sandbox.isolation import level_of


def without(isolation: Isolation, *layers: str) -> Isolation:
    """The isolation of a host that lacks these layers."""
    left = tuple(layer for layer in isolation.layers if layer not in {*layers, "bubblewrap"})
    return replace(isolation, level=level_of(left), layers=left, refused=("landlock: it is not there.",))


def test_a_host_of_level_two_is_well(isolation: Isolation) -> None:
    (found,) = findings(isolation)
    assert found.state is State.OK
    assert f"level {isolation.level} (" in found.seen
    assert "notification" in found.seen


def test_a_weaker_host_is_missing_something_and_where_that_was_allowed_it_is_weak(
    isolation: Isolation, settings: Settings
) -> None:
    one = without(isolation, "landlock")
    (found,) = findings(one)
    assert found.state is State.MISSING
    assert "COUNTERSIGN_ISOLATION_MIN asks for 2" in found.seen
    assert found.do.startswith("landlock: it is not there.")
    settings.ISOLATION_MINIMUM = 0
    (found,) = findings(one)
    assert found.state is State.WEAK
    assert "read what the worker reads" in found.why
    (found,) = findings(without(isolation, "landlock", "seccomp", "notification"))
    assert found.state is State.WEAK
    assert "reach the network" in found.why


def test_a_host_that_is_not_told_of_refused_calls_says_what_is_lost(isolation: Isolation) -> None:
    level, notes = findings(without(isolation, "notification"))
    assert (level.state, notes.state) == (State.OK, State.WEAK)
    assert "cannot say what it tried" in notes.why


@pytest.mark.parametrize(("queues", "tells"), [("core,evaluation", True), ("core", False)])
def test_a_worker_that_evaluates_says_it_before_it_takes_a_job(
    queues: str, tells: bool, settings: Settings
) -> None:
    settings.ISOLATION_MINIMUM = 4
    with structlog.testing.capture_logs() as told:
        WorkController(app=app, queues=queues, pool="solo")
    said = [line for line in told if line["event"] == "Sandbox"]
    assert [line["log_level"] for line in said] == (["error"] if tells else [])
    assert all("COUNTERSIGN_ISOLATION_MIN asks for 4" in line["seen"] for line in said)
