"""What the tests of judging share: rules, and one version for all tests of a module."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction

from governance.policies.requirements import RequirementResult
from governance.policies.verdict import judge
from tests.factories.governance import AUC, Subject, make_evaluation, make_subject, policy_of, results_of

RATIO: dict[str, Any] = {
    **AUC,
    "id": "ratio",
    "title": "No group is passed over",
    "each": "fairness",
    "path": "selection_rate_ratio",
    "limit": 0.8,
}
GAP: dict[str, Any] = {
    **RATIO,
    "id": "gap",
    "each": "fairness[attribute=sex]",
    "path": "true_positive_rate_gap",
    "bound": "ci_high",
    "op": "<=",
    "limit": 0.1,
}


@contextmanager
def one_subject(django_db_blocker: Any) -> Iterator[Subject]:
    """A version for all tests of a module: what each adds to it is rolled back, and it with the last."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield make_subject()
        transaction.set_rollback(True)


def judged(subject: Subject, rule: dict[str, Any], **changes: Any) -> RequirementResult:
    """The result of one rule on evidence that is good but for the changes."""
    evaluation = make_evaluation(subject, results=results_of(subject, **changes))
    return only(rule["id"], judge_all(subject, rule, evaluation))


def judge_all(subject: Subject, rule: dict[str, Any], evaluation: Any) -> list[RequirementResult]:
    return judge(version=subject.version, document=policy_of(rule), evaluation=evaluation, card=None)


def only(rule_id: str, results: list[RequirementResult]) -> RequirementResult:
    (found,) = [result for result in results if result.rule_id == rule_id]
    return found
