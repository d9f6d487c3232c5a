"""Two at once: real threads, real connections, real commits."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection

from countersign import clock
from countersign.blobs.actions import collect_unreferenced, keep_blob
from countersign.blobs.models import Blob
from countersign.blobs.store import is_intact, local_path
from countersign.errors import Conflict, CountersignError
from registry.runs.actions import end_run, log_run
from registry.runs.telemetry import MetricValue, telemetry_digest
from registry.versions import actions
from registry.versions.models import Alias, AliasPeriod, ModelVersion, RegisteredModel
from tests.factories import registry as make
from tests.test_registry.kit import leaves

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Run the calls in threads that begin together; what each gave, or the error of ours it raised."""
    gate = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        gate.wait(timeout=30)
        try:
            return call()
        except CountersignError as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result(timeout=60) for future in [pool.submit(run, call) for call in calls]]


def test_two_uploads_get_two_numbers() -> None:
    team, maker = make.make_makers()
    model = make.make_model(team, actor=maker)
    shared = make.skops_bytes("shared")
    files = [{"model.skops": shared, f"{n}.txt": bytes([n]), "b": b"also shared"} for n in range(6)]
    versions = at_once(*(lambda f=f: make.make_version(model, actor=maker, files=f) for f in files))  # type: ignore[misc]
    assert sorted(version.number for version in versions) == [1, 2, 3, 4, 5, 6]
    assert RegisteredModel.objects.get().next_number == 7
    told = [
        leaf["data"]["after"]["number"] for leaf in leaves() if leaf["verb"] == "registry.version.registered"
    ]
    assert told == sorted(told)  # the order of entries is the order of versions
    assert all(is_intact(file.blob) for version in versions for file in version.files.select_related("blob"))


def test_a_look_alike_name_is_given_once() -> None:
    team, maker = make.make_makers()
    names = ["credit", "Credit", "CREDIT", "сredit", "ｃredit"]
    made = at_once(
        *(lambda name=name: actions.register_model(name=name, team=team, actor=maker) for name in names)
    )  # type: ignore[misc]
    assert [type(one).__name__ for one in made].count("RegisteredModel") == 1
    assert [one.code for one in made if isinstance(one, Conflict)] == ["name_in_use"] * 4


def test_two_moves_of_an_alias_follow_one_another() -> None:
    team, maker = make.make_makers()
    model = make.make_model(team, actor=maker)
    versions = [make.make_version(model, actor=maker) for _ in range(6)]
    at_once(
        *(
            lambda version=version: actions.set_alias(
                model=model, name="challenger", version=version, actor=maker
            )  # type: ignore[misc]
            for version in versions
        )
    )
    periods = list(AliasPeriod.objects.order_by("during"))
    assert {period.version for period in periods} == set(versions)
    assert [period.during.upper for period in periods[:-1]] == [period.during.lower for period in periods[1:]]
    assert periods[-1].version == Alias.objects.get().version
    moves = [leaf["data"] for leaf in leaves() if leaf["verb"] == "registry.alias.set"]
    for earlier, later in pairwise(moves):
        assert later["before"] == earlier["after"]


def test_an_alias_is_not_left_on_a_version_archived_meanwhile() -> None:
    team, maker = make.make_makers()
    model = make.make_model(team, actor=maker)
    version = make.make_version(model, actor=maker)
    outcome = at_once(
        lambda: actions.set_alias(model=model, name="challenger", version=version, actor=maker),
        lambda: actions.archive_version(version=version, actor=maker),
    )
    assert sum(isinstance(one, CountersignError) for one in outcome) == 1
    version.refresh_from_db()
    assert (version.archived_at is None) == Alias.objects.exists()


def test_a_run_takes_nothing_while_it_is_sealed() -> None:
    team, maker = make.make_makers()
    run = make.make_run(team, actor=maker)
    at_once(
        *(
            lambda n=n: log_run(run=run, metrics=[MetricValue("loss", 0.5, step=n)], actor=maker)  # type: ignore[misc]
            for n in range(4)
        ),
        lambda: end_run(run=run, actor=maker),
    )
    run.refresh_from_db()
    assert run.telemetry_digest == telemetry_digest(run)


def test_finalising_twice_at_once_makes_one_version() -> None:
    team, maker = make.make_makers()
    model = make.make_model(team, actor=maker)
    upload = actions.open_upload(model=model, metadata={}, actor=maker)
    actions.put_file(
        upload=upload, path="model.skops", incoming=make.incoming(make.skops_bytes()), actor=maker
    )
    versions = at_once(*[lambda: actions.finalise_upload(upload=upload, actor=maker)] * 3)
    assert len(set(versions)) == ModelVersion.objects.count() == 1


def test_the_collector_never_takes_bytes_that_are_being_named() -> None:
    team, maker = make.make_makers()
    model = make.make_model(team, actor=maker)
    contents = [make.skops_bytes(f"old {n}") for n in range(8)]
    long_ago = clock.now() - timedelta(hours=25)
    for content in contents:
        with local_path(keep_blob(make.incoming(content))) as path:
            os.utime(path, times=(long_ago.timestamp(),) * 2)
    Blob.objects.update(created_at=long_ago)
    outcome = at_once(
        collect_unreferenced,
        *(
            lambda content=content: make.make_version(model, actor=maker, files={"model.skops": content})  # type: ignore[misc]
            for content in contents
        ),
    )
    assert not [one for one in outcome if isinstance(one, Exception)]
    assert ModelVersion.objects.count() == 8
    for version in ModelVersion.objects.all():
        assert is_intact(version.files.select_related("blob").get().blob)
    assert Blob.objects.count() == 8
