"""What people and programs send by mistake or on purpose: a clear answer with a code, nothing half written, and an
entry where a known person tried what they may not do."""

from __future__ import annotations

import hashlib
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from countersign.accounts import actions
from countersign.accounts.models import ApiToken, Team, User
from countersign.jobs import runner
from countersign.permissions import Role, Scope
from governance.evaluation.models import Evaluation
from registry.versions.models import Alias, RegisteredModel
from tests.contract.kit import explained, nothing_written, one_refusal_told
from tests.factories import people
from tests.factories import registry as make
from tests.factories.people import actor_for
from tests.test_core.accounts_kit import at_once, leaves
from tests.test_registry.api_kit import API, Api, at, stored

pytestmark = pytest.mark.django_db

MODEL = at("credit default")


def wrong(answer: Any, status: int, code: str) -> Any:
    """The problem of an answer, which docs/api.md explains."""
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert explained(answer.json(), status)
    assert len(answer.json()["detail"]) > 15
    return answer.json()


# --- files ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        *("../a", "..", ".", "./a", "a/../b", "a/./b", "a/..", "/a", "//a", "a//b", "a/", "~/../a"),
        *("..\\a", "a\\b", "\\\\server\\share\\a", "C:\\a", "C:/a", "c:a", "a:b", "file:///a"),
        *("%2e%2e/a", "%2E%2E%2Fa", "%252e%252e/a", "..%2fa", "a%00b", "a%2fb", "%c0%ae/a"),
        *("a\x00b", "a\x01", "a\nb", "a\x7f", "a\u202eb", "a\u200b", "\ufeffa", "a\u2028"),
        *(
            "\uff0e\uff0e/a",
            "a\uff0fb",
            "a\uff3cb",
            "a\u2215b",
            "a\u2044b",
            "\u2025/a",
            "\u2026/a",
            "a\ufe68b",
        ),
        *("a.", "a..", "a/b.", "a./b", "...", " a", "a ", "a /b", "a\u00a0", "\u3000a"),
        *("", "x" * 501, "x" * 5_000, "ü" * 128, "/".join("x" * 300)),
    ],
)
def test_a_path_that_leads_elsewhere_is_refused_by_every_way_in(
    api: Api, model: dict[str, Any], path: str
) -> None:
    announced = [{"path": path, "size": 1, "sha256": hashlib.sha256(b"1").hexdigest()}]
    body = {"model": "credit default", "metadata": {"files": announced}}
    before = stored()
    with nothing_written():
        wrong(api.call("POST", "uploads", body), 422, "bad_path")
        answer = api.client.generic(
            "POST",
            f"{API}/{MODEL}/versions",
            multipart(path),
            content_type="multipart/form-data; boundary=b",
        )
        assert answer.status_code == 422
        assert answer.json()["code"] in ("bad_path", "bad_multipart", "no_files", "bad_metadata"), (
            answer.content
        )
    assert stored() == before


def multipart(path: str) -> bytes:
    """A body with one file of this name, byte for byte."""
    quoted = path.replace("\\", "\\\\").replace('"', '\\"')
    return (
        b'--b\r\nContent-Disposition: form-data; name="metadata"\r\n\r\n{}\r\n'
        b'--b\r\nContent-Disposition: form-data; name="files"; filename="'
        + quoted.encode()
        + b'"\r\n\r\n1\r\n--b--\r\n'
    )


def test_a_missing_file_and_a_wrong_digest(api: Api, model: dict[str, Any]) -> None:
    good = hashlib.sha256(b"1").hexdigest()
    for files, sent, code in (
        (
            [{"path": "a", "size": 1, "sha256": good}, {"path": "b", "size": 1, "sha256": good}],
            {"a": b"1"},
            "files_differ",
        ),
        ([{"path": "a", "size": 1, "sha256": "0" * 64}], {"a": b"1"}, "digest_mismatch"),
        ([{"path": "a", "size": 1, "sha256": "xyz"}], {"a": b"1"}, "bad_digest"),
        ([{"path": "a", "size": 2, "sha256": good}], {"a": b"1"}, None),
        ([{"path": "a", "size": -1, "sha256": good}], {"a": b"1"}, None),
        ([{"path": "a", "size": 10**30, "sha256": good}], {"a": b"1"}, None),
        ([{"path": "a", "size": "1", "sha256": good}], {"a": b"1"}, None),
        ([{"path": "a"}], {"a": b"1"}, None),
        (["a"], {"a": b"1"}, None),
        ({"a": 1}, {"a": b"1"}, None),
    ):
        before = stored()
        with nothing_written():
            answer = api.upload(f"{MODEL}/versions", {"files": files}, sent)
        assert answer.status_code == 422, answer.content
        assert explained(answer.json(), 422)
        assert code is None or answer.json()["code"] == code, answer.content
        assert stored() == before


def test_an_empty_file_is_a_file(api: Api, model: dict[str, Any]) -> None:
    made = api.upload(f"{MODEL}/versions", {}, {"empty": b""}).json()
    assert (made["size"], made["flavour"]) == (0, "unknown")
    assert api.client.get(f"{API}/{MODEL}/versions/1/files/empty").getvalue() == b""


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "models/nothing", None),
        ("POST", "models/nothing/versions", {}),
        ("POST", "uploads", {"model": "nothing"}),
        ("POST", "reviews", {"model": "nothing", "version": 1, "environment": "production", "reason": "x"}),
        (
            "POST",
            "promotions",
            {"model": "nothing", "version": 1, "environment": "production", "reason": "x"},
        ),
        ("POST", "evaluations", {"model": "nothing", "version": 1, "dataset": "x", "dataset_version": 1}),
        ("POST", "runs", {"experiment": "nothing"}),
        ("GET", "models/credit%20default/versions/2147483648", None),
        ("GET", "models/credit%20default/versions/" + "9" * 400, None),
        ("GET", "reviews/99999999999999999999", None),
        ("GET", "uploads/not-an-id", None),
    ],
)
def test_what_does_not_exist(api: Api, model: dict[str, Any], method: str, path: str, body: Any) -> None:
    with nothing_written():
        wrong(api.call(method, path, body), 404, "not_found")


# --- names ------------------------------------------------------------------------------------------------

LOOK_ALIKES = [
    "Fraud-Score",
    "FRAUD-SCORE",
    "ｆｒａｕｄ－ｓｃｏｒｅ",
    "fraud‑score",
    "frаud-scоre",
    " fraud-score ",
    "fraud-ѕcore",
]


@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_a_name_in_use_however_it_is_drawn(api: Api, team: Team, name: str) -> None:
    run = {"models": {"team": team.slug}, "datasets": {"team": team.slug}, "experiments": {"team": team.slug}}
    for kind, body in run.items():
        api.make(kind, body | {"name": "fraud-score"})
        with nothing_written():
            problem = wrong(api.call("POST", kind, body | {"name": name}), 409, "name_in_use")
        assert "name" in problem["detail"].lower()


@pytest.mark.parametrize(
    ("path", "body", "twin", "code"),
    [
        (
            "users",
            {"username": "ada", "full_name": "A", "password": people.PASSWORD},
            {"username": "ａｄａ"},
            "username_taken",
        ),
        (
            "users",
            {"username": "ada", "full_name": "A", "password": people.PASSWORD},
            {"username": "ADA"},
            "username_taken",
        ),
        ("teams", {"name": "Cards"}, {"name": "cards"}, "team_exists"),
        ("teams", {"name": "Cards"}, {"name": " cards "}, "team_exists"),
        ("teams", {"name": "Cards"}, {"name": "ｃａｒｄｓ"}, "team_exists"),
    ],
)
def test_people_and_teams_that_look_alike(path: str, body: Any, twin: Any, code: str) -> None:
    admin = Api(people.make_administrator(), Scope.ADMINISTER)
    admin.make(path, body)
    with nothing_written():
        answer = admin.call("POST", path, body | twin)
    assert (answer.status_code, answer.json()["code"]) in (
        (409, code),
        (422, "invalid"),
        (422, "bad_name"),
    ), answer.content


# --- who may ----------------------------------------------------------------------------------------------


@pytest.fixture
def viewer(team: Team) -> User:
    """Somebody who may only look."""
    return people.make_user(roles=[(Role.VIEWER, team)])


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("DELETE", f"{MODEL}/aliases/challenger", None),
        ("PUT", f"{MODEL}/aliases/challenger", {"version": 1}),
        ("PATCH", MODEL, {"description": "x"}),
        ("POST", f"{MODEL}/archive", None),
        ("POST", f"{MODEL}/rename", {"name": "x"}),
        ("POST", f"{MODEL}/versions", None),
        ("PUT", f"{MODEL}/tags/k", {"value": "v"}),
        ("GET", f"{MODEL}/versions/1/files/model.skops", None),
        ("PUT", f"{MODEL}/profile", {"risk_tier": "low", "purpose": "x"}),
        ("PUT", f"{MODEL}/versions/1/card", {"sections": {}, "base_revision": None}),
        ("POST", "teams", {"name": "x"}),
        ("POST", "environments", {"slug": "x", "name": "x", "position": 1, "alias": "x"}),
        ("POST", "exports", {"model": "credit default", "reason": "x"}),
        ("POST", "policies", {"text": "x"}),
        ("POST", "memberships", {"user": "00000000-0000-0000-0000-000000000000", "role": "viewer"}),
    ],
)
def test_who_tries_what_they_may_not_is_told_and_written_down(
    viewer: User, maker: User, model: dict[str, Any], method: str, path: str, body: Any
) -> None:
    make.make_version(RegisteredModel.objects.get(), actor=actor_for(maker), alias="challenger")
    api = Api(viewer, *(Scope.READ, Scope.WRITE, Scope.EXPORT, Scope.ADMINISTER))
    url = f"{API}/{path}"
    from urllib.parse import unquote

    with one_refusal_told(f"{method} {unquote(url)}", "permission_missing"):
        problem = wrong(api.call(method, path, body), 403, "permission_missing")
    assert problem["reasons"]
    assert leaves()[-1]["actor"]["ref"] == str(viewer.pk)


def test_the_own_limits_of_a_token_are_an_attempt_too(maker: User, model: dict[str, Any]) -> None:
    reads = Api(maker, Scope.READ)
    with one_refusal_told(f"PATCH {API}/models/credit default", "token_scope"):
        wrong(reads.call("PATCH", MODEL, {"description": "x"}), 403, "token_scope")


def test_what_another_team_has_is_not_there_and_stays_as_it_is(model: dict[str, Any], maker: User) -> None:
    version = make.make_version(RegisteredModel.objects.get(), actor=actor_for(maker), alias="challenger")
    other = people.make_team("Other")
    stranger = Api(people.make_user(roles=[(Role.CONTRIBUTOR, other), (Role.OWNER, other)]))
    upload = Api(maker).make("uploads", {"model": "credit default"})["id"]
    with nothing_written():
        for method, path, body in (
            ("DELETE", f"{MODEL}/aliases/challenger", None),
            ("PATCH", f"{MODEL}/versions/{version.number}", {"description": "x"}),
            ("POST", f"uploads/{upload}/finalise", None),
            ("DELETE", f"uploads/{upload}", None),
            ("POST", "uploads", {"model": "credit default"}),
        ):
            there = stranger.call(method, path, body)
            wrong(there, 404, "not_found")
    colleague = Api(people.make_user(roles=[(Role.CONTRIBUTOR, Team.objects.get(slug="risk"))]))
    with nothing_written():
        wrong(colleague.call("DELETE", f"uploads/{upload}"), 404, "not_found")


def test_tokens_that_open_nothing(client: Client, maker: User, model: dict[str, Any], settings: Any) -> None:
    token = people.token_for(maker)
    row = ApiToken.objects.latest("created_at")
    for value, code in (
        ("", "token_malformed"),
        (token[:-1], "token_malformed"),
        (token + "a", "token_malformed"),
        (token.upper(), "token_malformed"),
        (f"{token} {token}", "token_malformed"),
        ("cs_" + "é" * 43, "token_malformed"),
        ("cs_" + "a" * 43, "token_unknown"),
    ):
        with nothing_written():
            answer = client.delete(f"{API}/{MODEL}", headers={"Authorization": f"Bearer {value}"})
        wrong(answer, 401, code)
        assert answer["WWW-Authenticate"].startswith("Bearer")
        assert token not in answer.content.decode()
    settings.CLOCK_OFFSET_SECONDS = 31 * 86_400
    with nothing_written():
        wrong(patch(client, token), 401, "token_expired")
    settings.CLOCK_OFFSET_SECONDS = 0
    actions.revoke_token(token=row, actor=actor_for(maker))
    with nothing_written():
        wrong(patch(client, token), 401, "token_revoked")
    assert RegisteredModel.objects.get().description == "Scores."


def patch(client: Client, token: str) -> Any:
    """A change of the model with this token."""
    return client.patch(
        f"{API}/{MODEL}",
        {"description": "x"},
        content_type="application/json",
        headers={"Authorization": f"Bearer {token}"},
    )


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "head"])
@pytest.mark.parametrize("name", ["token", "access_token", "q"])
def test_a_token_in_a_url_does_nothing_and_is_not_logged(
    client: Client,
    maker: User,
    model: dict[str, Any],
    method: str,
    name: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    token = people.token_for(maker)
    with nothing_written():
        answer = getattr(client, method)(
            f"{API}/{MODEL}?{name}={token}", headers={"Authorization": f"Bearer {token}"}
        )
    assert answer.status_code == 401
    if method != "head":
        wrong(answer, 401, "token_in_url")
    assert token not in answer.content.decode() + caplog.text


# --- browsers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "with_token"),
    [
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "https://evil.example"}, True),
        ({"Origin": "null"}, True),
        ({"Referer": "https://evil.example/"}, False),
        ({}, False),
    ],
)
def test_a_foreign_site_deletes_nothing(
    maker: User, model: dict[str, Any], headers: dict[str, str], with_token: bool
) -> None:
    make.make_version(RegisteredModel.objects.get(), actor=actor_for(maker), alias="challenger")
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(maker)
    if with_token:
        browser.cookies["csrftoken"] = "x" * 32
        headers = headers | {"X-CSRFToken": "x" * 32}
    with nothing_written():
        wrong(browser.delete(f"{API}/{MODEL}/aliases/challenger", headers=headers), 403, "csrf_failed")
    assert Alias.objects.filter(name="challenger").exists()


@pytest.mark.parametrize(
    "host", ["evil.example", "countersign.example.evil.example", "countersign.example@evil", "a b"]
)
def test_another_host_is_refused(maker: User, host: str) -> None:
    api = people.api_client(people.token_for(maker))
    with nothing_written():
        problem = wrong(api.get(f"{API}/models", HTTP_HOST=host), 400, "bad_host")
    assert "evil" not in str(problem)
    assert Client().get(reverse("accounts:sign-in"), HTTP_HOST=host).status_code == 400


# --- twice ------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_double_click_makes_one() -> None:
    team = people.make_team("Risk")
    token = people.token_for(people.make_user(roles=[(Role.CONTRIBUTOR, team)]))

    def click(**headers: str) -> Any:
        return people.api_client(token).post(
            f"{API}/models",
            {"name": "twice", "team": team.slug},
            content_type="application/json",
            headers=headers,
        )

    answers = at_once(click, click)
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    wrong(next(answer for answer in answers if answer.status_code == 409), 409, "name_in_use")
    assert RegisteredModel.objects.count() == 1
    assert sum(leaf["verb"] == "registry.model.registered" for leaf in leaves()) == 1
    again = click(**{"Idempotency-Key": "late"})
    wrong(again, 409, "name_in_use")


# --- a pickle that runs a command ---------------------------------------------------------------------------


class Runs:
    """What a pickle does when it is opened."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.marker}",)


@pytest.mark.django_db(transaction=True)
def test_a_pickle_that_runs_a_command_is_taken_and_never_opened(tmp_path: Path) -> None:
    team = people.make_team("Risk")
    maker = people.make_user(roles=[(Role.CONTRIBUTOR, team), (Role.OWNER, team)])
    api, marker = Api(maker), tmp_path / "it ran"
    api.make("models", {"name": "credit default", "team": team.slug})
    make.make_dataset_version(
        make.make_dataset(team, actor=actor_for(maker), name="holdout"), actor=actor_for(maker)
    )
    content = pickle.dumps(Runs(marker))
    made = api.upload(f"{MODEL}/versions", {"signature": make.SIGNATURE}, {"model.pkl": content})
    assert (made.status_code, made.json()["flavour"]) == (201, "pickle"), made.content
    asked = {"model": "credit default", "version": 1, "dataset": "holdout", "dataset_version": 1}
    evaluation = api.call("POST", "evaluations", asked)
    assert evaluation.status_code == 202, evaluation.content
    runner.run(Evaluation.objects.get().job_id)
    failed = api.get(f"evaluations/{evaluation.json()['number']}")
    assert (failed["state"], failed["failure_code"]) == ("failed", "no_probabilities")
    assert failed["failure"].endswith("1 name that is not on the reviewed list: posix.system.")
    assert not marker.exists(), "the sandbox lets nothing be started"
    assert leaves()[-1]["verb"] == "governance.evaluation.failed"
