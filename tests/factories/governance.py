"""Environments, evidence, cards and policies for tests, made by the product's own actions.

subject = make_subject()                         # a version with data, run and a team that made it
evaluation = make_evaluation(subject, results=results_of(subject, roc_auc=estimate(0.66, 0.64, 0.68)))
revision = make_policy(policy_text(rules=[AUC]))  # in force, by two people of compliance
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import yaml

from countersign.accounts.actions import deactivate_user
from countersign.accounts.models import Team
from countersign.actors import Actor
from countersign.permissions import TEAM_ROLES, Role
from governance.cards.actions import save_card
from governance.cards.models import CardRevision
from governance.cards.queries import newest_revision
from governance.cards.sections import SECTIONS
from governance.environments.actions import create_environment
from governance.environments.models import Environment
from governance.evaluation.actions import record_failure, record_results, request_evaluation
from governance.evaluation.measures.catalogue import METRICS
from governance.evaluation.models import Evaluation
from governance.policies.actions import put_in_force, start_policy
from governance.policies.document import PolicyDocument
from governance.policies.models import PolicyRevision
from governance.policies.people import signers_for
from governance.policies.rules import parse
from governance.profiles.actions import set_profile
from registry.datasets.models import DatasetVersion
from registry.runs.actions import RunDescription, Source
from registry.versions.models import ModelVersion
from registry.versions.values import InputClaim
from tests.factories import registry as make
from tests.factories.people import actor_for, make_user

_numbers = count(1)

AUC: dict[str, Any] = {
    "id": "auc",
    "title": "Ranks risk well",
    "path": "metrics.roc_auc",
    "bound": "ci_low",
    "op": ">=",
    "limit": 0.7,
    "why": "A test asks for it.",
}


@dataclass(frozen=True)
class Subject:
    """A version with what surrounds it: the team and the actor who made it, training and evaluation data."""

    team: Team
    maker: Actor
    version: ModelVersion
    training: DatasetVersion
    holdout: DatasetVersion


def make_subject(*, tier: str | None = "high", **version: Any) -> Subject:
    """A version trained on one dataset and meant for evaluation on another, with its run and risk tier."""
    team, maker = make.make_makers()
    model = make.make_model(team, actor=maker)
    if tier is not None:
        set_profile(model=model, risk_tier=tier, purpose="Tests.", tier_reason="", actor=maker)
    known = DatasetVersion.objects.count()  # bytes no other data of this test has, and the next test's again
    training, holdout = (
        make.make_dataset_version(
            make.make_dataset(team, actor=maker),
            actor=maker,
            content=make.parquet_bytes(
                {"row_key": ["a", "b"], "sex": ["f", "m"], "default": [0, 1], "x": [number, 0]}
            ),
        )
        for number in range(known, known + 2)
    )
    run = RunDescription(
        experiment=f"experiment-{next(_numbers)}",
        name="nightly",
        parameters={"method": "trees"},
        source=Source(repository="https://git.example/risk", commit="c0ffee" * 6 + "c0ff", clean=True),
    )
    given = {"inputs": [InputClaim(training, "training", training.digest)], "run": run} | version
    return Subject(
        team=team,
        maker=maker,
        version=make.make_version(model, actor=maker, **given),
        training=training,
        holdout=holdout,
    )


def estimate(value: float | None, low: float | None, high: float | None, n: int = 9000) -> dict[str, Any]:
    """An estimate as evidence has it."""
    fields = {"value": value, "ci_low": low, "ci_high": high, "method": "DeLong", "n": n}
    return fields if value is not None else fields | {"undefined": "All rows have the same label."}


def group(name: str, n: int, ratio: dict[str, Any], *, status: str = "measured") -> dict[str, Any]:
    """A group in a fairness entry."""
    return {"group": name, "n": n, "status": status, "selection_rate_ratio": ratio}


def fairness(
    attribute: str, reference: str, groups: Sequence[dict[str, Any]], *, gap: dict[str, Any] | None = None
) -> dict[str, Any]:
    """A fairness entry as evidence has it; the reference group stands among the groups."""
    ratios = [one["selection_rate_ratio"] for one in groups if one["status"] == "measured"]
    known = [ratio for ratio in ratios if ratio["value"] is not None]
    none = estimate(None, None, None)
    return {
        "attribute": attribute,
        "reference": reference,
        "groups": [group(reference, 4000, estimate(1.0, 1.0, 1.0, 4000), status="reference"), *groups],
        "selection_rate_ratio": min(known, key=lambda ratio: ratio["value"]) if known else none,
        "true_positive_rate_gap": gap or estimate(0.03, 0.0, 0.07),
        "equalised_odds_difference": gap or estimate(0.03, 0.0, 0.07),
    }


def results_of(subject: Subject, *, flavour: str = "skops", **changes: Any) -> dict[str, Any]:
    """Results of a model that is good at everything. `changes` replace single metrics by their name, or a
    whole key (`groups`, `fairness`, `scan`, `comparison`)."""
    good = {name: estimate(0.8, 0.78, 0.82) for name in METRICS}
    good |= {"calibration_error": estimate(0.01, 0.0, 0.02)}
    good |= {name: changes.pop(name) for name in list(changes) if name in METRICS}
    data, version = subject.holdout, subject.version
    results: dict[str, Any] = {
        "schema": "countersign/evaluation-results/1",
        "source": "computed",
        "version": {"model": version.model.name, "number": version.number, "flavour": flavour},
        "dataset": {
            "name": data.dataset.name,
            "number": data.number,
            "digest": f"sha256:{data.digest}",
            "rows": 9000,
            "sensitive_attributes": ["sex"],
        },
        "scan": {"verdict": "clean", "reason": "All 40 names in the file are on the reviewed list."},
        "n": 9000,
        "positives": 2000,
        "threshold": 0.3,
        "metrics": {name: value for name, value in good.items() if value is not None},
        "groups": [],
        "fairness": [fairness("sex", "female", [group("male", 4784, estimate(0.95, 0.93, 0.97, 4784))])],
    }
    return results | changes


#: What scrutiny and probes found of the model of the demonstration that is good at everything.
SCRUTINY: dict[str, Any] = {
    "leakage": {
        "row_overlap": estimate(0.0, 0.0, 0.0003, 11_957),
        "method": "row key",
        "single_feature": estimate(0.7053, 0.6927, 0.7176, 11_957),
        "features": [{"feature": "repayment_status_september", "value": estimate(0.7053, 0.6927, 0.7176)}],
    },
    "data_quality": {
        "blockers": {"value": 0.0, "ci_low": None, "ci_high": None, "n": 11_957},
        "findings": [],
    },
    "overfitting": {"gap": estimate(0.019, 0.0058, 0.0322, 27_950)},
    "robustness": {
        "scenarios": [
            {
                "name": "missing_10",
                "title": "10 % of values missing",
                "rows": 11_957,
                "drop": estimate(0.0091, 0.006, 0.0122, 11_957),
            }
        ],
        "largest_drop": estimate(0.0091, 0.006, 0.0122, 11_957),
        "largest_drop_in": "10 % of values missing",
    },
    "reproduction": {"verdict": "identical", "rows": 11_957, "largest_difference": 0.0, "tolerance": 1e-9},
    "flip_rate": estimate(0.0, 0.0, 0.0, 11_957),
}

CIRCUMSTANCES: dict[str, Any] = {
    "isolation": {"level": 2},
    "rows": 9000,
    "wall_seconds": 1.5,
    "cpu_seconds": 1.2,
}


def make_evaluation(
    subject: Subject,
    *,
    results: dict[str, Any] | None = None,
    circumstances: dict[str, Any] | None = None,
    dataset_version: DatasetVersion | None = None,
) -> Evaluation:
    """An evaluation that succeeded, with this evidence."""
    return record_results(
        evaluation=start_evaluation(subject, dataset_version=dataset_version),
        results=results or results_of(subject),
        circumstances=circumstances or CIRCUMSTANCES,
        actor=subject.maker,
    )


def start_evaluation(subject: Subject, *, dataset_version: DatasetVersion | None = None) -> Evaluation:
    """An evaluation under way."""
    return request_evaluation(
        version=subject.version, dataset_version=dataset_version or subject.holdout, actor=subject.maker
    )


def fail_evaluation(evaluation: Evaluation, subject: Subject, *, code: str = "out_of_memory") -> Evaluation:
    """End an evaluation under way as failed, or (code `cancelled`) as cancelled."""
    return record_failure(
        evaluation=evaluation,
        code=code,
        message="The model needed more memory than 4 GB.",
        said="",
        circumstances=None,
        actor=subject.maker,
    )


def make_card(
    version: ModelVersion, *, actor: Actor, sections: Mapping[str, str] | None = None
) -> CardRevision:
    """The next revision of a card; without sections, every one that people write."""
    newest = newest_revision(version)
    return save_card(
        version=version,
        sections=sections or {one.id: f"About {one.id}." for one in SECTIONS.values() if one.is_written},
        actor=actor,
        base_revision=newest.number if newest else None,
    )


def make_environment(slug: str = "production") -> Environment:
    """The environment of this address; one that exists is given."""
    known = Environment.objects.filter(slug=slug).first()
    return known or create_environment(
        name=slug.capitalize(), slug=slug, position=next(_numbers), alias=slug, actor=Actor.system()
    )


def make_compliance() -> Actor:
    """A compliance officer."""
    return actor_for(make_user(roles=[(Role.COMPLIANCE, None)]))


def policy_text(*, rules: Sequence[Mapping[str, Any]] = (AUC,), **changes: Any) -> str:
    """The YAML of a policy for the high tier in production; `changes` replace what stands at its top."""
    document: dict[str, Any] = {
        "policy": "High tier, production",
        "risk_tier": "high",
        "environment": "production",
        "suite": "default-binary",
        "approval_valid_days": 365,
        "sign_offs": [
            {"key": "approval", "title": "Approval", "meaning": "approval", "role": "approver"},
        ],
        "rules": [dict(rule) for rule in rules],
    }
    return yaml.safe_dump(document | changes, sort_keys=False, allow_unicode=True)


def policy_of(*rules: Mapping[str, Any], **changes: Any) -> PolicyDocument:
    """A parsed policy with these rules."""
    return parse(policy_text(rules=rules or (AUC,), **changes))


def make_policy(text: str | None = None) -> PolicyRevision:
    """A policy in force: drafted by one compliance officer, put in force by another, when somebody could sign."""
    text = text or policy_text()
    document = parse(text)
    make_environment(document.environment)
    signers = []
    while lacks := signers_for(document).lacks:
        role = Role(document.sign_offs[lacks[0].place].role)
        teams = lacks[0].teams if role in TEAM_ROLES else (None,)
        signers += [make_user(roles=[(role, team)]) for team in teams]
    revision = put_in_force(
        revision=start_policy(text=text, actor=make_compliance()), actor=make_compliance()
    )
    for user in signers:  # whom a test meets later, it makes by itself
        deactivate_user(user=user, actor=Actor.system())
    return revision
