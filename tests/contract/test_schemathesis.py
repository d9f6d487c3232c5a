"""Every operation of openapi.yaml, asked by schemathesis with what the document allows and with what it does not:
no server error, and every answer is what the document promises.

The application is asked in this process, as somebody who may do it. In half of the cases names and ids are those of
things that exist. What a case wrote is taken back.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
import schemathesis
import yaml
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core import NOT_SET
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from countersign.accounts.models import ApiToken, Membership, Team, User
from countersign.jobs.models import Job
from countersign.ledger.models import Seal
from countersign.ledger.sealer import seal_now
from countersign.permissions import Role, Scope
from countersign.wsgi import application
from governance.export.actions import request_export
from governance.policies.actions import draft_revision
from registry.runs.models import Experiment
from registry.versions.actions import open_upload, set_alias, set_tag
from tests.databases import ROOT
from tests.factories import people
from tests.factories import registry as make
from tests.factories.governance import make_compliance, policy_text
from tests.test_core import ledger_kit
from tests.test_governance.review_kit import SIGN_OFFS, make_case

DOCUMENT = yaml.safe_load((ROOT / "openapi.yaml").read_text(encoding="utf-8"))
METHODS = ("get", "put", "post", "delete", "patch")


def part_of(path: str) -> str:
    """The first segment behind /api/v1/: what the operation is about."""
    return path.split("/")[3]


PARTS = sorted({part_of(path) for path in DOCUMENT["paths"]})
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = {GenerationMode.POSITIVE: 3, GenerationMode.NEGATIVE: 2}


@pytest.fixture(scope="module")
def document() -> Any:
    """The committed document, to be asked of the application."""
    loaded = schemathesis.openapi.from_path(ROOT / "openapi.yaml")
    loaded.app = application
    return loaded


@pytest.fixture(autouse=True)
def _same_connection() -> Iterator[None]:
    """Requests stay on the test's own connection, as with Django's test client."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


class World:
    """One of everything, and the tokens of who may do something with it."""

    def __init__(self) -> None:
        ledger_kit.begin()
        case = make_case()
        maker = case.maker
        team = case.subject.team
        person = User.objects.get(pk=maker.ref)
        for role in (Role.REVIEWER, Role.APPROVER):
            people.actions.grant_role(user=person, role=role, team=team, actor=people.Actor.system())
        administrator = people.make_administrator()
        account = people.make_service_account(team, person)
        review = case.ask()
        version = case.version
        set_alias(model=version.model, name="challenger", version=version, actor=maker)
        for of in ({}, {"version": version}):
            set_tag(model=version.model, key="stage", value="x", actor=maker, **of)
        upload = open_upload(model=version.model, metadata={}, actor=maker)
        run = make.make_run(team, actor=maker)
        text = policy_text(risk_tier="high", sign_offs=SIGN_OFFS) + "# again\n"
        draft_revision(policy=case.policy.policy, text=text, actor=make_compliance())
        auditor = people.make_user(roles=[(Role.AUDITOR, None)])
        export = request_export(model=version.model, reason="Test.", actor=people.actor_for(auditor))
        seal_now()
        compliance = people.make_user(roles=[(Role.COMPLIANCE, None)])
        maker_token, administrator_token, compliance_token, auditor_token = (
            people.token_for(holder, *Scope) for holder in (person, administrator, compliance, auditor)
        )
        self.tokens = {
            **dict.fromkeys(
                ("users", "teams", "memberships", "service-accounts", "tokens", "environments"),
                administrator_token,
            ),
            "policies": compliance_token,
            "exports": auditor_token,
            "ledger": auditor_token,
            "": maker_token,
        }
        evaluation = case.evaluation
        assert evaluation is not None
        self.things: dict[str, Any] = {
            "account": str(account.pk),
            "alias": "challenger",
            "dataset": case.subject.holdout.dataset.name,
            "dataset_version": 1,
            "entry": str(Seal.objects.latest("index").entry_id),
            "environment": case.environment.slug,
            "experiment": Experiment.objects.get(pk=run.experiment_id).name,
            "job": str(Job.objects.earliest("pk").pk),
            "key": "stage",
            "membership": str(Membership.objects.latest("pk").pk),
            "model": version.model.name,
            "name": version.model.name,
            "number": 1,
            "part": "results",
            "path": "model.skops",
            "policy": str(case.policy.policy_id),
            "responsible": str(person.pk),
            "run": str(run.pk),
            "service_account": str(account.pk),
            "slug": case.environment.slug,
            "team": Team.objects.get(pk=team.pk).slug,
            "token": str(ApiToken.objects.earliest("pk").pk),
            "upload": str(upload.pk),
            "user": str(person.pk),
            "version": 1,
        }
        self.numbers = {
            "reviews": review.number,
            "evaluations": evaluation.number,
            "exports": export.number,
        }

    def headers(self, part: str) -> dict[str, str]:
        """Who may do things of this part of the API."""
        return {"Authorization": f"Bearer {self.tokens.get(part, self.tokens[''])}"}

    def parameters(self, part: str, names: Mapping[str, Any]) -> dict[str, Any]:
        """The path's parameters as they are for the things that exist."""
        known = dict(self.things)
        if part == "datasets":
            known["name"] = known["dataset"]
        known["number"] = self.numbers.get(part, 1)
        return {name: known.get(name, value) for name, value in names.items()}

    def body(self, given: Any) -> Any:
        """A body whose references lead to things that exist."""
        if not isinstance(given, dict):
            return given
        return {
            key: self.things[key]
            if key in self.things and key not in ("name", "path", "key", "alias")
            else value
            for key, value in given.items()
        }


@contextmanager
def taken_back() -> Iterator[None]:
    """What is written inside is undone. Marked as a test's own, as Django's TestCase does: a refusal is recorded in a
    transaction that must be the outermost one of the product."""
    block = transaction.atomic()
    block._from_testcase = True  # type: ignore[attr-defined]
    with block:
        yield
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    """Built once for all operations, and taken back after them."""
    with django_db_blocker.unblock(), taken_back():
        yield World()


@pytest.mark.parametrize("part", PARTS)
def test_no_operation_answers_with_an_error_of_the_server(document: Any, world: World, part: str) -> None:
    failed: list[str] = []
    for path, item in DOCUMENT["paths"].items():
        if part_of(path) != part:
            continue
        for method in METHODS:
            if method in item:
                failed += ask(document[path][method.upper()], world, part)
    assert not failed, "\n\n".join(failed)


def ask(operation: Any, world: World, part: str) -> list[str]:
    """What is wrong with one operation: nothing, or the first failure of each mode."""
    failed = []
    for mode in GenerationMode:

        @settings(
            max_examples=EXAMPLES[mode],
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode), exists=st.booleans())
        def one(case: Any, exists: bool) -> None:
            if exists:
                case.path_parameters = world.parameters(part, case.path_parameters)
                if case.body is not NOT_SET:
                    case.body = world.body(case.body)
            with taken_back():
                case.call_and_validate(headers=world.headers(part), checks=CHECKS)

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                one()
        except BaseExceptionGroup as group:
            failed += [f"{operation.label} ({mode.value}): {error}" for error in group.exceptions]
        except Exception as error:
            if "Unsatisfiable" not in type(error).__name__:
                failed.append(f"{operation.label} ({mode.value}): {type(error).__name__}: {error}")
    return failed
