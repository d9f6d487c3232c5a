"""Pages and the gate with 100 versions and with 10,000: the same queries, and how long the slowest twentieth takes."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from benchmarks import work
from benchmarks.report import Line, milliseconds, p95
from countersign.accounts.models import User
from governance.environments.models import Environment
from governance.promotion.queries import gate_of
from registry.versions.actions import register_model
from registry.versions.models import ModelVersion, RegisteredModel

FEW, MANY = 100, 10_000
REQUESTS = 60
PAGES = {
    "models": "/models/",
    "model": "/models/credit-default/",
    "version": "/models/credit-default/versions/2/",
    "evaluation": "/models/credit-default/versions/2/evaluations/",
    "review": "/reviews/2/",
    "inbox": "/",
    "ledger": "/ledger/",
}

Seen = dict[str, tuple[int, float]]


def measure(url: str) -> list[Line]:
    """One line a page, the gate last."""
    _grow(FEW)
    few = _look()
    _grow(MANY)
    many = _look()
    return [
        Line(
            f"{name}, p95 of {REQUESTS}",
            f"{MANY:,} versions: {many[name][0]} queries, {milliseconds(many[name][1])}",
            f"{FEW} versions: {few[name][0]} queries, {milliseconds(few[name][1])}",
            many[name][1] / few[name][1],
        )
        for name in few
    ]


def _grow(wanted: int) -> None:
    """Up to `wanted` versions: half of what is missing of the demonstration's model, the rest in models of fifty."""
    by = work.actor()
    missing = wanted - ModelVersion.objects.count()
    shown = RegisteredModel.objects.get(name="credit-default")
    work.add_versions(shown, missing // 2, by=by)
    missing -= missing // 2
    while missing > 0:
        number = RegisteredModel.objects.count()
        model = register_model(
            name=f"bench-{number}", team=work.team(), description="A model among many", actor=by
        )
        work.add_versions(model, min(50, missing), by=by)
        missing -= 50


def _look() -> Seen:
    """Queries and p95 seconds of each page, asked by a reviewer through the whole of Django, and of the gate."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(User.objects.get(username="rosa"))

    def get(path: str) -> None:
        answer = client.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code}"

    seen = {name: _timed(lambda path=path: get(path)) for name, path in PAGES.items()}
    version = ModelVersion.objects.select_related("model").get(model__name="credit-default", number=2)
    production = Environment.objects.get(slug="production")
    return seen | {"gate verdict": _timed(lambda: gate_of(version=version, environment=production))}


def _timed(act: Callable[[], object]) -> tuple[int, float]:
    act()  # templates and statements are prepared once
    with CaptureQueriesContext(connection) as queries:
        act()
    asked = len(queries)  # the next request empties the list
    seconds = []
    for _ in range(REQUESTS):
        started = time.perf_counter()
        act()
        seconds.append(time.perf_counter() - started)
    return asked, p95(seconds)
