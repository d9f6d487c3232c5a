"""A bundle about an environment: every model that lived there, whole, and nobody kept quiet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from countersign.actors import Actor
from countersign.errors import Invalid, Refused
from countersign.permissions import Role
from governance.environments.models import Environment
from governance.export.actions import request_export
from governance.export.models import AuditExport
from registry.versions.models import RegisteredModel
from tests.factories import registry as make
from tests.factories.governance import make_policy
from tests.factories.people import actor_for, make_user
from tests.test_core.ledger_kit import begin
from tests.test_governance import export_kit as kit
from tests.test_governance.export_kit import Exported, json_of, leaves_of, lines_of


def test_it_holds_for_an_auditor_with_a_script_and_two_keys(exported: Exported, tmp_path: Path) -> None:
    checked = exported.check(exported.environment, tmp_path)
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.splitlines()[-1].startswith("HOLDS: ")
    assert checked.stdout == exported.environment_said
    assert "scope: one environment and the 1 models that were live there or asked to be" in checked.stdout


def test_it_tells_of_every_model_that_lived_there_and_of_no_other(exported: Exported) -> None:
    scope = json_of(exported.environment, "scope.json")
    assert scope["about"]["environment"] == exported.facts["environment"]
    assert scope["about"]["model"] is None
    assert [model["id"] for model in scope["models"]] == [exported.facts["model"]]
    versions = [version["id"] for version in scope["models"][0]["versions"]]
    assert versions == exported.facts["versions"]
    subjects = {leaf["subject"]["ref"] for leaf in leaves_of(exported.environment)}
    assert exported.facts["other"] not in subjects
    environment, *periods = lines_of(exported.environment, "environments.jsonl")
    assert environment["environment"] == exported.facts["environment"]
    assert periods == lines_of(exported.model, "environments.jsonl")[1:]


def test_a_version_that_was_promoted_there_cannot_be_kept_quiet(
    exported: Exported, tmp_path: Path, capsys: Any
) -> None:
    gone = exported.facts["versions"][1]

    def forget(files: dict[str, bytes]) -> None:
        scope = kit.json.loads(files["scope.json"])
        model = scope["models"][0]
        path = next(one["path"] for one in model["versions"] if one["id"] == gone)
        model["versions"] = [one for one in model["versions"] if one["id"] != gone]
        for name in [name for name in files if name.startswith(f"{path}/")]:
            del files[name]
        files["scope.json"] = kit.json.dumps(scope).encode()

    complaint = exported.says(kit.forged(exported.environment, forget), tmp_path, capsys)
    assert f"scope.json: entries tell of version {gone}, which is not listed" in complaint


def test_the_scope_cannot_be_passed_off_as_another(exported: Exported, tmp_path: Path, capsys: Any) -> None:
    def claim(files: dict[str, bytes]) -> None:
        scope = kit.json.loads(files["scope.json"])
        scope["about"] |= {"environment": None, "model": exported.facts["model"]}
        files["scope.json"] = kit.json.dumps(scope).encode()

    complaint = exported.says(kit.forged(exported.environment, claim), tmp_path, capsys)
    assert "scope.json: what it is about" in complaint


@pytest.fixture
def environment(db: None) -> Environment:
    begin()
    return make_policy().policy.environment


@pytest.fixture
def auditor(environment: Environment) -> Actor:
    return kit.auditor()


def test_its_request_names_it_in_the_ledger(environment: Environment, auditor: Actor) -> None:
    export = request_export(environment=environment, reason="Yearly audit.", actor=auditor)
    assert export.ledger_state()["environment"] == str(environment.id)
    assert export.job.team is None
    by_model = AuditExport(number=9, model=None)
    assert "environment" not in by_model.ledger_state(), "entries from before hold no such key"


def test_an_owner_takes_no_environment(environment: Environment) -> None:
    team, _ = make.make_makers("Credit")
    owner = actor_for(make_user(roles=[(Role.OWNER, team)]))
    with pytest.raises(Refused):
        request_export(environment=environment, reason="Mine.", actor=owner)


def test_one_scope_at_a_time(environment: Environment, auditor: Actor) -> None:
    team, maker = make.make_makers("Credit")
    model: RegisteredModel = make.make_model(team, actor=maker)
    with pytest.raises(Invalid) as refused:
        request_export(environment=environment, model=model, reason="Both.", actor=auditor)
    assert refused.value.fields == {
        "model": ["Choose one model, one environment or a period, not two of them."]
    }
    export = request_export(environment=environment, reason="One.", actor=auditor)
    with pytest.raises((IntegrityError, ValidationError), match="export_of_one_scope"), transaction.atomic():
        AuditExport.objects.filter(pk=export.pk).update(model=model)
