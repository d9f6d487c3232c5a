"""What tests/test_permissions.py asks with: people of every role in the own and in a foreign team, something of the
own team for every parameter of a route, and a body that would do the act for every route that writes.

A new route needs, besides its line in tests/permissions.txt:
  things or BY_ROUTE   what its parameters name, where the names here do not fit;
  bodies               what it is sent, where an empty body would be wrong before anybody asks who may.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import URLPattern, reverse

from countersign import clock
from countersign.accounts.actions.machines import digest_of
from countersign.accounts.models import ApiToken, Team, User
from countersign.actors import Actor
from countersign.jobs.models import Job
from countersign.ledger import keys
from countersign.ledger.actions import publish_export_key
from countersign.ledger.models import Seal
from countersign.ledger.note import VerifierKey
from countersign.ledger.sealer import seal_now
from countersign.permissions import Role, Scope
from governance.export.actions import request_export
from governance.policies.actions import draft_revision
from governance.promotion.models import Promotion
from governance.reports.actions import record_report
from governance.reports.reading import read_report
from governance.reviews.actions import open_thread
from governance.reviews.queries import standing_of
from registry.versions.actions import open_upload, set_alias, set_tag
from tests.factories import people
from tests.factories import registry as make
from tests.factories.governance import (
    fail_evaluation,
    make_card,
    make_compliance,
    policy_text,
    start_evaluation,
)
from tests.permissions_kit import INSTANCE, TEAM, Asker
from tests.test_core import ledger_kit
from tests.test_governance.review_kit import fresh, make_case


@dataclass(frozen=True)
class World:
    """Who asks, and what there is of the own team."""

    askers: list[Asker]
    things: dict[str, Any]  # what a parameter of this name is, unless BY_ROUTE says otherwise
    numbers: dict[str, int]  # versions by their state, reviews
    team: Team
    people: dict[str, User]
    facts: dict[str, Any]


BY_ROUTE: dict[str, dict[str, str]] = {
    # route: {parameter: name in World.numbers or World.things}
    "governance:card-edit": {"number": "fresh"},
    "governance:card-section": {"number": "fresh"},
    "governance:api-card": {"number": "fresh"},
    "governance:api-card-section": {"number": "fresh"},
    "governance:api-card-revision": {"number": "with-card"},
    "governance:api-card-difference": {"number": "with-card"},
    "governance:review-ask": {"number": "fresh"},
    "governance:promote": {"number": "approved"},
    "registry:api-version-archive": {"number": "fresh"},
    "registry:api-version-restore": {"number": "fresh"},
    "governance:evaluation": {"number": "fresh", "evaluation": "failed"},
    "governance:api-evaluation": {"number": "evaluation"},
    "governance:api-evidence": {"number": "evaluation"},
    "governance:export": {"number": "export"},
    "governance:api-export": {"number": "export"},
    "governance:api-export-bundle": {"number": "export"},
    "governance:policy-text": {"number": "draft"},
    "governance:policy-put-in-force": {"number": "draft"},
    "governance:api-policy-put-in-force": {"number": "draft"},
    "governance:policy-discard": {"number": "draft"},
    "governance:api-policy-discard": {"number": "draft"},
    "governance:api-policy-dry-run": {"number": "draft"},
    "registry:dataset": {"name": "dataset"},
    "registry:dataset-version": {"name": "dataset", "number": "one"},
    "registry:dataset-describe": {"name": "dataset"},
    "registry:api-dataset": {"name": "dataset"},
    "registry:api-dataset-versions": {"name": "dataset"},
    "registry:api-dataset-version": {"name": "dataset", "number": "one"},
    "registry:api-dataset-file": {"name": "dataset", "number": "one"},
    "registry:api-model-archive": {"name": "idle"},
    "registry:api-model-restore": {"name": "idle"},
    "registry:api-model-rename": {"name": "idle"},
    "registry:api-upload-file": {"path": "path"},
    "ledger:entry-file": {"kind": "leaf"},
    **{f"governance:review-{act}": {"number": "open"} for act in ("sign", "remark", "withdraw", "answer")},
    **{f"governance:review-{act}": {"number": "open"} for act in ("threads", "reply", "resolve", "reopen")},
    "governance:api-threads": {"number": "open"},
    **{f"governance:api-thread-{act}": {"number": "open"} for act in ("remarks", "resolve", "reopen")},
    "governance:promotion": {"number": "promotion"},
    "governance:compare": {"other": "earlier"},
    "governance:api-comparison": {"other": "earlier"},
    **{
        f"governance:{kind}report{what}": {"report": "report", "number": "fresh"}
        for kind in ("", "api-")
        for what in ("", "-file")
    },
    "governance:reports": {"number": "fresh"},
    "governance:evaluations-brought": {"number": "fresh"},
    "governance:api-predictions": {"number": "fresh"},
    "governance:api-reports": {"number": "fresh"},
    "governance:review": {"number": "open"},
    "governance:review-revoke": {"number": "decided"},
    "governance:api-review": {"number": "open"},
    "governance:api-sign-offs": {"number": "open"},
    "governance:api-remarks": {"number": "open"},
    "governance:api-review-withdraw": {"number": "open"},
    "governance:api-review-answer": {"number": "open"},
    "governance:api-review-revoke": {"number": "decided"},
    "accounts:person-reactivate": {"user": "gone"},
    "accounts:api-user-reactivate": {"user": "gone"},
}

_WHY = {"reason": "A test asks."}


def bodies(world: World) -> dict[str, Any]:
    """What a route is sent, by “route METHOD”. Pages take forms, `api-` routes JSON; with a file, multipart."""
    team, model, numbers = world.team.slug, world.things["name"], world.numbers
    other = str(world.people["other"].pk)
    pick = {"model": model, "environment": "production", **_WHY}
    sign = {
        "decision": "request_changes",
        "requirement": "validation",
        "password": people.PASSWORD,
        **_WHY,
    }
    seen = {"seen_digest": world.facts["subject"], "seen_parts": json.dumps(world.facts["parts"])}
    grant = {"user": other, "role": "viewer"}
    token = {"name": "ci", "scopes": ["read"], "days": 5}
    machine = {"name": "ci-new", "responsible": other, "role": "viewer"}
    person = {"username": "newcomer", "full_name": "New Comer"}
    file = SimpleUploadedFile("f", make.parquet_bytes())
    columns = [{"name": name, "type": "string"} for name in ("row_key", "sex", "default")]
    return {
        "accounts:sign-in POST": {"username": "nobody", "password": "wrong"},
        "accounts:profile POST": token,
        "accounts:password POST": {
            "current": people.PASSWORD,
            "password": "a new password",
            "again": "other",
        },
        "accounts:people POST": grant | {"team": str(world.team.pk), **_WHY},
        "accounts:person-new POST": person,
        "accounts:teams POST": {"name": "New team"},
        "accounts:role-end POST": _WHY,
        "accounts:role-until POST": {"until": "30 Jun 2040", "seen_end": "", **_WHY},
        "accounts:api-membership-until POST": {"ends_at": None},
        "accounts:service-accounts POST": machine | {"team": str(world.team.pk)},
        "accounts:service-account POST": token | {"holder": str(world.things["account"])},
        "accounts:service-account-reassign POST": {"responsible": other},
        "accounts:person-deactivate POST": _WHY,
        "accounts:api-users POST": person | {"password": people.PASSWORD},
        "accounts:api-teams POST": {"name": "New team"},
        "accounts:api-memberships POST": grant | {"team": team},
        "accounts:api-service-accounts POST": machine | {"team": team},
        "accounts:api-service-account-reassign POST": {"responsible": other},
        "accounts:api-tokens POST": token,
        "registry:api-models POST": {"name": "brand new", "team": team},
        "registry:api-model PATCH": {"description": "Else."},
        "registry:api-model-rename POST": {"name": "renamed"},
        "registry:api-model-tag PUT": {"value": "1"},
        "registry:api-version-tag PUT": {"value": "1"},
        "registry:api-alias PUT": {"version": numbers["fresh"]},
        "registry:api-versions POST": {
            "metadata": json.dumps({"signature": make.SIGNATURE}),
            "model.skops": SimpleUploadedFile("f", make.skops_bytes("[9]")),
        },
        "registry:api-version PATCH": {"description": "Else."},
        "registry:api-uploads POST": {"model": model},
        "registry:api-upload-file PUT": make.skops_bytes("[8]"),
        "registry:api-lineage POST": {"kind": "document", "name": "Paper"},
        "registry:api-experiments POST": {"name": "brand new", "team": team},
        "registry:api-runs POST": {"experiment": world.facts["experiment"], "name": "nightly"},
        "registry:api-run-log POST": {"parameters": {"depth": "3"}},
        "registry:api-datasets POST": {"name": "brand new", "team": team},
        "registry:api-dataset-versions POST": {
            "metadata": json.dumps(
                {"digest": "a" * 64, "location": "s3://a/b", "columns": columns, "rows": 3}
            ),
            "file": file,
        },
        "governance:card-edit POST": {"purpose": "Said by a test."},
        "governance:card-section POST": {"purpose": "Said by a test."},
        "governance:api-card-section PATCH": {"text": "", "base_revision": None},
        "governance:api-card PUT": {"sections": {}, "base_revision": None},
        "governance:api-environments POST": {
            "slug": "shadow",
            "name": "Shadow",
            "position": 900,
            "alias": "shadow",
        },
        "governance:evaluations POST": {"dataset_version": world.facts["holdout"]},
        "governance:evaluations-brought POST": {"dataset_version": world.facts["holdout"]},
        "governance:api-predictions POST": {
            "metadata": json.dumps({"dataset": world.things["dataset"], "dataset_version": 1}),
            "file": SimpleUploadedFile("f", b"row_key,score\n1,0.5\n"),
        },
        "governance:reports POST": {"file": SimpleUploadedFile("f", b"<testsuite/>")},
        "governance:api-reports POST": {"file": SimpleUploadedFile("f", b"<testsuite/>")},
        "governance:api-evaluations POST": {
            "model": model,
            "version": numbers["fresh"],
            "dataset": world.things["dataset"],
            "dataset_version": 1,
        },
        "governance:exports POST": {"scope": "model", "model": world.facts["model"], **_WHY},
        "governance:api-exports POST": {"model": model, **_WHY},
        "governance:policy-new POST": {"text": policy_text(policy="New", risk_tier="low")},
        "governance:policy-draft POST": {"text": policy_text(policy="High tier", approval_valid_days=100)},
        "governance:api-policies POST": {"text": policy_text(policy="New", risk_tier="low")},
        "governance:api-policy-revisions POST": {
            "text": policy_text(policy="High tier", approval_valid_days=100)
        },
        "governance:policy-discard POST": {"reason": "A test says so."},
        "governance:api-policy-discard POST": {"reason": "A test says so."},
        "governance:profile POST": {"risk_tier": "high", "purpose": "Else."},
        "governance:api-profile PUT": {"risk_tier": "high", "purpose": "Else."},
        "governance:rollback POST": {"version": numbers["earlier"], "expected_live": numbers["live"], **_WHY},
        "governance:promote POST": {"expected_live": numbers["live"], **_WHY},
        "governance:api-promotions POST": pick | {"version": numbers["approved"]},
        "governance:review-sign POST": sign | seen,
        "governance:review-remark POST": {"body": "Looks well."},
        "governance:review-threads POST": {"anchor": "measure:brier", "body": "Why?"},
        "governance:review-reply POST": {"body": "So."},
        "governance:api-threads POST": {"anchor": "measure:brier", "body": "Why?"},
        "governance:api-thread-remarks POST": {"body": "So."},
        "governance:review-withdraw POST": _WHY,
        "governance:review-revoke POST": _WHY,
        "governance:review-ask POST": {"environment": "production", **_WHY},
        "governance:api-reviews POST": pick | {"version": numbers["fresh"]},
        "governance:api-sign-offs POST": sign | {"subject_digest": world.facts["subject"]},
        "governance:api-remarks POST": {"body": "Looks well."},
        "governance:api-review-withdraw POST": _WHY,
        "governance:api-review-revoke POST": _WHY,
    }


def build() -> World:
    """The world, by the product's own actions."""
    ledger_kit.begin()
    case = make_case(policy="High tier")
    team, model = case.subject.team, case.subject.version.model
    members = {role: people.make_user(f"own.{role}", roles=[(role, team)]) for role in TEAM}
    foreign = people.make_team("Elsewhere")
    strangers = [people.make_user(f"foreign.{role}", roles=[(role, foreign)]) for role in TEAM]
    instance = [people.make_user(str(role), roles=[(role, None)]) for role in INSTANCE]
    without = people.make_user("without")
    other = people.make_user("other")
    gone = people.make_user("gone")
    administrator = people.actor_for(instance[-1])
    people.actions.deactivate_user(user=gone, actor=administrator)
    owner = members[Role.OWNER]

    case.approve()
    case.promote()
    earlier = case.version
    live = case.next_version()
    case.approve(version=live)
    case.promote(version=live)
    approved = case.next_version()
    decided = case.approve(version=approved)
    reviewed = case.next_version()
    opened = case.ask(version=reviewed)
    thread = open_thread(review=opened, anchor="measure:roc_auc", body="Why?", actor=case.maker)
    untouched = case.next_version()
    make_card(reviewed, actor=case.maker)
    idle = make.make_model(team, actor=case.maker)
    set_alias(model=model, name="challenger", version=approved, actor=case.maker)
    for version in (None, live):
        set_tag(model=model, version=version, key="stage", value="nightly", actor=case.maker)
    raw = b'<testsuite><testcase name="loads"/></testsuite>'
    reported = record_report(
        version=untouched, incoming=make.incoming(raw), summary=read_report(raw), actor=case.maker
    )
    draft = draft_revision(
        policy=case.policy.policy,
        text=policy_text(policy="High tier", approval_valid_days=100),
        actor=make_compliance(),
    )
    run = make.make_run(team, actor=people.actor_for(owner))
    upload = open_upload(model=model, metadata={}, actor=people.actor_for(owner))
    export = request_export(model=model, reason="A test asks.", actor=people.actor_for(instance[1]))
    standing = standing_of(fresh(opened))
    membership = other_role(other, team)
    account = people.make_service_account(team, other)
    token, _ = people.actions.create_token(
        holder=account, name="held", scopes=[Scope.READ], days=5, actor=Actor.system()
    )
    failing = replace(case.subject, version=untouched)
    failed = fail_evaluation(start_evaluation(failing), failing)
    publish_export_key(
        actor=Actor.system(), vkey=str(VerifierKey.of(settings.LEDGER_ORIGIN, keys.export_key()))
    )
    report = seal_now()
    entry = Seal.objects.filter(subject_ref=model.pk).earliest("index")
    assert case.evaluation is not None
    return World(
        askers=[
            *(Asker(user) for user in (*members.values(), *strangers, *instance, without)),
            Asker(None),
            *(Asker(None, _narrow_token(owner, scopes)) for scopes in ([], [Scope.READ])),
        ],
        things={
            "name": model.name,
            "idle": idle.name,
            "dataset": case.subject.holdout.dataset.name,
            "slug": "production",
            "alias": "challenger",
            "key": "stage",
            "path": "model.skops",
            "part": "results",
            "section": "purpose",
            "revision": 1,
            "before": 0,
            "after": 1,
            "leaf": "leaf.json",
            "user": other.pk,
            "gone": gone.pk,
            "membership": membership,
            "account": account.pk,
            "token": token.pk,
            "policy": case.policy.policy_id,
            "run": run.pk,
            "upload": upload.pk,
            "job": Job.objects.order_by("id").first().pk,  # type: ignore[union-attr]
            "entry": entry.uuid,
            "size": report.size,
            "thread": thread.number,
        },
        numbers={
            "number": live.number,
            "one": 1,
            "earlier": earlier.number,
            "live": live.number,
            "approved": approved.number,
            "fresh": untouched.number,
            "with-card": reviewed.number,
            "open": opened.number,
            "decided": decided.number,
            "draft": draft.number,
            "evaluation": case.evaluation.number,
            "failed": failed.number,
            "report": reported.number,
            "export": export.number,
            "promotion": Promotion.objects.latest("number").number,
        },
        team=team,
        people={"owner": owner, "other": other},
        facts={
            "model": model.pk,
            "subject": standing.subject.digest,
            "parts": standing.subject.parts,
            "experiment": run.experiment.name,
            "holdout": case.subject.holdout.pk,
        },
    )


def other_role(user: User, team: Team) -> Any:
    """The id of a role of this person that begins later, so that they have none today."""
    granted = people.actions.grant_role(
        user=user,
        role=Role.CONTRIBUTOR,
        team=team,
        starts_at=clock.now() + timedelta(days=30),
        actor=Actor.system(),
    )
    return granted.pk


def _narrow_token(user: User, scopes: list[Scope]) -> str:
    """A token of these scopes; one without any cannot be made by the action, so its row is written here."""
    plaintext = f"cs_{len(scopes)}{'x' * 42}"
    now = clock.now()
    ApiToken.objects.create(
        digest=digest_of(plaintext),
        hint=plaintext[:9],
        name="narrow",
        user=user,
        scopes=[scope.value for scope in scopes],
        created_at=now,
        expires_at=now + timedelta(days=5),
    )
    return plaintext


def url_of(world: World, name: str, pattern: URLPattern) -> str:
    """The URL of a route with something of the own team. Raises KeyError for a parameter nobody has said."""
    known: dict[str, Any] = world.things | world.numbers
    own = BY_ROUTE.get(name, {})
    arguments = {
        parameter: known[own.get(parameter, parameter)] for parameter in pattern.pattern.regex.groupindex
    }
    return reverse(name, kwargs=arguments)
