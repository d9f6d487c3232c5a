"""REST: asking for an export, following it, taking the bundle away."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from countersign.jobs import runner
from countersign.permissions import Role, Scope
from governance.export.models import AuditExport
from registry.versions.models import RegisteredModel
from tests.factories import registry as make
from tests.factories.people import api_client, make_user, token_for
from tests.test_core.ledger_kit import begin
from tests.test_governance import export_kit as kit

pytestmark = pytest.mark.django_db
EXPORTS = "/api/v1/exports"


@pytest.fixture
def model(db: None) -> RegisteredModel:
    team, maker = make.make_makers("Risk")
    found = make.make_model(team, actor=maker, name="credit-default")
    make.make_version(found, actor=maker)
    return found


@pytest.fixture
def auditor(db: None) -> Client:
    return api_client(token_for(make_user(roles=[(Role.AUDITOR, None)]), Scope.READ, Scope.EXPORT))


def post(client: Client, body: dict[str, Any], **headers: str) -> Any:
    return client.post(EXPORTS, body, content_type="application/json", headers=headers)


def test_asking_gives_a_job_to_follow(model: RegisteredModel, auditor: Client) -> None:
    answer = post(auditor, {"model": "credit-default", "reason": "Yearly audit."})
    assert answer.status_code == 202
    body = answer.json()
    assert (body["model"], body["state"], body["bundle_sha256"]) == ("credit-default", "waiting", None)
    assert answer["Location"] == f"/api/v1/jobs/{body['job']}"
    assert auditor.get(answer["Location"]).json()["state"] == "queued"
    assert auditor.get(f"{EXPORTS}/{body['number']}").json() == body
    assert [one["number"] for one in auditor.get(EXPORTS).json()["results"]] == [body["number"]]
    assert auditor.get(f"{EXPORTS}?model=other").json()["results"] == []


def test_a_period_is_two_instants(auditor: Client) -> None:
    answer = post(
        auditor,
        {
            "period_start": "2026-01-01T00:00:00Z",
            "period_end": "2026-04-01T00:00:00+02:00",
            "reason": "First quarter.",
        },
    )
    assert answer.status_code == 202
    assert (answer.json()["period_start"], answer.json()["period_end"]) == (
        "2026-01-01T00:00:00Z",
        "2026-03-31T22:00:00Z",
    )


def test_the_same_request_twice_is_one_export(model: RegisteredModel, auditor: Client) -> None:
    body = {"model": "credit-default", "reason": "Yearly audit."}
    first, second = (post(auditor, body, **{"Idempotency-Key": "k1"}) for _ in range(2))
    assert first.json() == second.json()
    assert AuditExport.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"model": "credit-default"}, "reason"),
        ({"reason": "Yearly audit."}, "period_start"),
        ({"model": "credit-default", "period_start": "2026-01-01T00:00:00Z", "reason": "x"}, "model"),
        ({"period_start": "yesterday", "period_end": "2026-01-01T00:00:00Z", "reason": "x"}, "period_start"),
    ],
)
def test_what_is_wrong_is_named(
    model: RegisteredModel, auditor: Client, body: dict[str, str], field: str
) -> None:
    answer = post(auditor, body)
    assert answer.status_code == 422
    assert field in {error["attr"] for error in answer.json()["errors"]}
    assert not AuditExport.objects.exists()


def test_who_may_not_is_refused_and_who_sees_nothing_finds_nothing(model: RegisteredModel) -> None:
    viewer = api_client(token_for(make_user(roles=[(Role.VIEWER, model.team)]), Scope.READ, Scope.EXPORT))
    answer = post(viewer, {"model": "credit-default", "reason": "Curious."})
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_missing")
    other_team, _ = make.make_makers()
    stranger = api_client(token_for(make_user(roles=[(Role.OWNER, other_team)]), Scope.READ, Scope.EXPORT))
    assert post(stranger, {"model": "credit-default", "reason": "Curious."}).status_code == 404
    assert stranger.get(f"{EXPORTS}/1").status_code == 404
    assert Client().get(EXPORTS).status_code == 401


def test_a_token_without_the_scope_takes_nothing_away(model: RegisteredModel) -> None:
    owner = make_user(roles=[(Role.OWNER, model.team)])
    reading = api_client(token_for(owner, Scope.READ, Scope.WRITE))
    answer = post(reading, {"model": "credit-default", "reason": "Yearly audit."})
    assert (answer.status_code, answer.json()["code"]) == (403, "token_scope")


def test_there_is_no_bundle_before_it_is_written(model: RegisteredModel, auditor: Client) -> None:
    number = post(auditor, {"model": "credit-default", "reason": "Yearly audit."}).json()["number"]
    answer = auditor.get(f"{EXPORTS}/{number}/bundle")
    assert (answer.status_code, answer.json()["code"]) == (404, "no_bundle")


@pytest.mark.django_db(transaction=True)
def test_the_bundle_is_downloaded_by_its_digest_and_the_keys_are_public(
    settings: Any, tmp_path: Path
) -> None:
    settings.LEDGER_ANCHOR_FOLDER = tmp_path / "anchor"
    begin()
    team, maker = make.make_makers("Risk")
    make.make_version(make.make_model(team, actor=maker, name="credit-default"), actor=maker)
    owner = make_user(roles=[(Role.OWNER, team)])
    client = api_client(token_for(owner, Scope.READ, Scope.EXPORT))
    asked = post(client, {"model": "credit-default", "reason": "Yearly audit."}).json()
    runner.run(asked["job"])
    body = client.get(f"{EXPORTS}/{asked['number']}").json()
    assert (body["state"], body["job_state"], body["failure"]) == ("ready", "succeeded", "")
    assert body["verification"].endswith(" files\n")
    answer = client.get(f"{EXPORTS}/{asked['number']}/bundle")
    content = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    assert sha256(content).hexdigest() == body["bundle_sha256"]
    assert (len(content), answer["ETag"]) == (body["bundle_size"], f'"{body["bundle_sha256"]}"')
    assert f"export-{asked['number']}.zip" in answer["Content-Disposition"]
    part = client.get(f"{EXPORTS}/{asked['number']}/bundle", headers={"Range": "bytes=0-3"})
    assert (part.status_code, b"".join(part.streaming_content)) == (206, b"PK\3\4")  # type: ignore[attr-defined]
    keys = client.get("/api/v1/ledger/keys").json()
    assert ("--key", keys["ledger"], "--export-key", keys["export"]) == kit.verifier_keys()
    assert keys["export"] == body["signed_by"]


def test_the_paths_are_named() -> None:
    assert reverse("governance:api-exports") == EXPORTS
    assert reverse("governance:api-export-bundle", args=[7]) == f"{EXPORTS}/7/bundle"
