"""Evidence for tests: a credit model, labelled data, and evaluations that ended.

    world = credit_world()                                  # team, people, model, version 1, data
    evaluation = make_evidence(world.version, world.data, actor=world.maker)

The measures are real (the engine ran on scores made here); only the model that gives the scores is left out,
since that costs seconds. Tests of the job itself run real models in the sandbox.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.db import connection, transaction
from django.test import Client

from countersign import clock
from countersign.accounts.models import Team, User
from countersign.actors import Actor
from countersign.jobs import runner
from countersign.jobs.handlers import JobContext, JobFailed
from countersign.jobs.models import JobState
from countersign.permissions import Role
from governance.environments.models import Environment
from governance.evaluation.actions import record_results, request_evaluation
from governance.evaluation.measures import measure_binary
from governance.evaluation.models import Evaluation
from governance.policies.models import PolicyRevision
from governance.profiles.actions import set_profile
from governance.promotion.actions import promote
from governance.reviews.actions import request_review, sign_off
from governance.reviews.queries import standing_of
from registry.datasets.descriptors import Descriptor
from registry.datasets.models import DatasetVersion
from registry.versions.models import ModelVersion, RegisteredModel
from tests.factories import registry as make
from tests.factories.governance import AUC, SCRUTINY, make_policy, policy_text
from tests.factories.people import actor_for, make_team, make_user

DESCRIPTOR = Descriptor(
    target="default",
    positive_label="1",
    favourable_label="0",
    sensitive_attributes=("sex", "age_band"),
    row_key="row_key",
    licence="CC-BY-4.0",
    source="A test",
)
AGE_BANDS = ("21 to 25", "26 to 35", "36 to 59", "60 and over")


@dataclass(frozen=True, slots=True)
class World:
    """A credit model with one version, the data it is measured on, and the people around it."""

    team: Team
    maker_user: User
    maker: Actor
    model: RegisteredModel
    version: ModelVersion
    data: DatasetVersion

    def user(self, *roles: Role, full_name: str = "") -> User:
        """Somebody with these roles in the team."""
        return make_user(full_name=full_name, roles=[(role, self.team) for role in roles])


def credit_world(*, name: str = "credit-default", tier: str | None = None, people: str = "mara") -> World:
    """The world; `tier` gives the model its risk tier, `people` tells the maker of a second world apart."""
    team = make_team(f"Risk {people}")
    user = make_user(
        people, full_name=f"{people.capitalize()} Maker", roles=[(Role.CONTRIBUTOR, team), (Role.OWNER, team)]
    )
    maker = actor_for(user, via="rest")
    model = make.make_model(team, actor=maker, name=name)
    version = make.make_version(model, actor=maker)
    data = make.make_dataset_version(
        make.make_dataset(team, actor=maker, name="holdout" if people == "mara" else f"holdout-{people}"),
        actor=maker,
        content=labelled_parquet(),
        descriptor=DESCRIPTOR,
    )
    if tier:
        # A policy is refused where nobody of a governed team could give its sign-off.
        make_user(full_name="Ada Approver", roles=[(Role.APPROVER, team)])
        set_profile(model=model, risk_tier=tier, purpose="Ranks accounts.", tier_reason="", actor=maker)
    return World(team, user, maker, model, version, data)


NO_BOUND = {key: value for key, value in AUC.items() if key != "bound"}
RULES: tuple[dict[str, Any], ...] = (
    {**AUC, "limit": 0.6},
    {
        **AUC,
        "id": "calibration",
        "title": "Scores are honest",
        "path": "metrics.calibration_error",
        "bound": "ci_high",
        "op": "<=",
        "limit": 0.2,
    },
    {
        **AUC,
        "id": "ratio",
        "title": "No group is passed over",
        "each": "fairness",
        "path": "selection_rate_ratio",
        "limit": 0.8,
    },
    {
        **NO_BOUND,
        "id": "gap",
        "title": "Finds all alike",
        "each": "fairness[attribute=sex]",
        "path": "true_positive_rate_gap",
        "op": "<=",
        "limit": 0.9,
    },
    {**AUC, "id": "in-groups", "title": "Ranks every group", "each": "groups", "limit": 0.2},
    {**NO_BOUND, "id": "isolation", "title": "Isolated", "path": "circumstances.isolation_level", "limit": 2},
)


def make_limits(
    *, tier: str = "medium", rules: Sequence[dict[str, Any]] = RULES, **changes: Any
) -> PolicyRevision:
    """A policy for production with a limit of every kind that pages draw; `changes` as in `policy_text`."""
    named = {"policy": f"{tier.capitalize()} tier, production", "risk_tier": tier}
    return make_policy(policy_text(rules=rules, **(named | changes)))


def go_live(world: World, version: ModelVersion, environment: Environment) -> None:
    """Review, sign and promote a version, by the people it takes."""
    approver = actor_for(world.user(Role.APPROVER, full_name="Arun Approver"))
    review = request_review(
        version=version, environment=environment, reason="Good.", due_on=None, actor=world.maker
    )
    sign_off(
        review=review,
        requirement="approval",
        decision="approve",
        seen_digest=standing_of(review).subject.digest,
        reason="Read.",
        reauthenticated_at=clock.now(),
        method="password",
        actor=approver,
    )
    promote(version=version, environment=environment, reason="Best so far.", actor=world.maker)


def browser(user: User) -> Client:
    """A browser in which this person is signed in."""
    client = Client()
    client.force_login(user)
    return client


def text_of(response: Any) -> str:
    """The words of a page, without tags and with single spaces."""
    body = re.sub(r"<(script|style|svg)\b.*?</\1>", " ", response.content.decode(), flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def parquet(columns: dict[str, Any]) -> bytes:
    """A Parquet file of these columns."""
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


@cache
def labelled_parquet(rows: int = 400, seed: int = 1) -> bytes:
    """Labelled data with two features, the target and two sensitive attributes."""
    drawn = _drawn(rows, seed)
    return parquet(
        {
            "row_key": [f"r{row}" for row in range(rows)],
            "credit_limit": drawn["limit"],
            "bill_amount": drawn["bill"],
            "sex": drawn["sex"],
            "age_band": drawn["age_band"],
            "default": drawn["label"],
        }
    )


def _drawn(rows: int, seed: int) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    limit, bill = random.normal(50, 12, rows).round(), random.normal(20, 8, rows).round()
    risk = 1 / (1 + np.exp((limit - 2 * bill + 4) / 8))
    return {
        "limit": limit.astype(int),
        "bill": bill.astype(int),
        "risk": risk,
        "label": (random.random(rows) < risk).astype(int),
        "sex": random.choice(["f", "m"], rows).tolist(),
        "age_band": random.choice(AGE_BANDS, rows, p=[0.25, 0.35, 0.37, 0.03]).tolist(),
    }


def measured(
    rows: int = 1200, *, seed: int = 5, signal: float = 1.0, threshold: float = 0.3
) -> dict[str, Any]:
    """What the engine measures on scores that know `signal` (0 to 1) of the risk."""
    drawn = _drawn(rows, seed)
    scores = signal * drawn["risk"] + (1 - signal) * np.random.default_rng(seed + 1).random(rows)
    return measure_binary(
        labels=drawn["label"],
        scores=np.clip(scores, 0, 1),
        threshold=threshold,
        favourable_is_positive=False,
        groups={name: np.array(drawn[name], dtype=np.str_) for name in ("sex", "age_band")},
        seed=7,
        draws=200,
    )


_measured = cache(measured)


def results_of(evaluation: Evaluation, measures: dict[str, Any]) -> dict[str, Any]:
    """A results document as the job writes it."""
    version, data = evaluation.version, evaluation.dataset_version
    return {
        "schema": "countersign/evaluation-results/1",
        "source": "computed",
        "version": {
            "model": version.model.name,
            "number": version.number,
            "digest": f"sha256:{version.digest}",
            "flavour": version.flavour,
        },
        "dataset": {
            "name": data.dataset.name,
            "number": data.number,
            "digest": f"sha256:{data.digest}",
            "rows": measures["n"],
            "target": data.target,
            "positive_label": data.positive_label,
            "favourable_label": data.favourable_label,
            "sensitive_attributes": list(data.sensitive_attributes),
        },
        "suite": {"name": evaluation.suite, "revision": evaluation.suite_revision},
        "seed": 20_260,
        "scan": {
            "verdict": "clean",
            "names": ["sklearn.linear_model._logistic.LogisticRegression"],
            "unlisted": [],
            "reason": "All 1 names in the file are on the reviewed list.",
            "container": "zip",
            "built_with": "1.9.1",
        },
        **SCRUTINY,
        **measures,
    }


CIRCUMSTANCES: dict[str, Any] = {
    "schema": "countersign/evaluation-circumstances/1",
    "isolation": {
        "level": 2,
        "layers": ["limits", "no_new_privileges", "other_user", "seccomp", "landlock"],
        "kernel": "Linux 6.1",
        "landlock_abi": 4,
        "refused": ["bubblewrap: it is not installed."],
    },
    "limits": {"memory_bytes": 4 << 30, "cpu_seconds": 300, "wall_seconds": 600.0},
    "host": {"machine": "x86_64", "kernel": "6.1", "python": "3.11.7"},
    "libraries": {"numpy": "2.4.6", "python": "3.11.7", "sklearn": "1.9.1"},
    "wall_seconds": 3.2,
    "cpu_seconds": 2.5,
    "peak_rss_bytes": 240_000_000,
    "load_seconds": 0.02,
    "import_seconds": 1.4,
    "latency": {"batches": 1, "median_seconds": 0.01, "rows_per_second": 90000.0},
    "log": "",
    "log_bytes": 0,
    "strays": 0,
}


def ask(world: World) -> Evaluation:
    """An evaluation of the world's version that waits for a worker."""
    return request_evaluation(version=world.version, dataset_version=world.data, actor=world.maker)


def make_evidence(
    version: ModelVersion,
    data: DatasetVersion,
    *,
    actor: Actor,
    isolation: int = 2,
    measures: dict[str, Any] | None = None,
    **measuring: Any,
) -> Evaluation:
    """An evaluation that succeeded, by the product's own actions; of `measures`, or measured here."""
    evaluation = request_evaluation(version=version, dataset_version=data, actor=actor)
    results = results_of(evaluation, measures or _measured(**measuring))
    circumstances = CIRCUMSTANCES | {
        "evaluation": evaluation.number,
        "rows": results["n"],
        "isolation": CIRCUMSTANCES["isolation"] | {"level": isolation},
    }
    with _running(evaluation) as context, context.finishing():
        ended = record_results(
            evaluation=evaluation, results=results, circumstances=circumstances, actor=context.actor
        )
    return ended


def make_failed(
    version: ModelVersion,
    data: DatasetVersion,
    *,
    actor: Actor,
    code: str = "cannot_load",
    message: str = "The model could not be loaded. Export it again and upload it as a new version.",
    said: str = "ModuleNotFoundError: No module named 'secret'",
) -> Evaluation:
    """An evaluation that failed, with its job."""
    evaluation = request_evaluation(version=version, dataset_version=data, actor=actor)
    with _running(evaluation) as context:
        runner._end(context.job, context.actor, JobFailed(code, message, said=said), JobState.FAILED)
    evaluation.refresh_from_db()
    return evaluation


@contextmanager
def _running(evaluation: Evaluation) -> Iterator[JobContext]:
    job = runner.claim(evaluation.job_id)
    assert job is not None
    yield JobContext(job, runner.actor_of(job))


def without_target(descriptor: Descriptor = DESCRIPTOR) -> Descriptor:
    """A description that names neither target nor label."""
    return replace(descriptor, target="", positive_label="", favourable_label="")


def snapshot() -> dict[str, int]:
    """How many rows each table of the domain has."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' "
            "AND relname ~ '^(registry|governance|jobs|blobs|ledger)_' ORDER BY 1"
        )
        counts = {}
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT count(*) FROM "{table}"')
            counts[table] = cursor.fetchone()[0]
        return counts


@contextmanager
def nothing_changes() -> Iterator[None]:
    """Assert that no row comes or goes inside."""
    before = snapshot()
    yield
    assert snapshot() == before


@contextmanager
def broken_ledger(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A ledger whose INSERT fails in the database, as on a full disk; and nothing may then have changed."""
    from countersign.ledger import append

    before = snapshot()
    insert = "INSERT INTO ledger_entry (canonical) VALUES (%s), (NULL)"
    personal = (
        f"WITH entry AS ({insert} RETURNING id), personal AS (INSERT INTO ledger_personal "
        "(entry, field, value, salt) SELECT %s, * FROM unnest(%s::text[], %s::text[], %s::bytea[])) SELECT 1"
    )
    with monkeypatch.context() as patched:
        patched.setattr(append, "_INSERT", insert)
        patched.setattr(append, "_INSERT_PERSONAL", personal)
        with pytest.raises(Exception, match="null value in column"), transaction.atomic():
            yield
    assert snapshot() == before
