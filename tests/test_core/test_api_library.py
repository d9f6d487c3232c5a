"""The API library: one shape of error, lists by cursor, creates done once, the document about it all."""

from __future__ import annotations

import json
import re
from typing import Any, ClassVar

import pytest
import yaml
from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.core.management import call_command
from django.db import transaction
from django.http import Http404
from django.test import Client, override_settings
from django.urls import include, path
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

from countersign.accounts.actions import create_team
from countersign.accounts.models import Team, User
from countersign.accounts.reauthentication import confirm_password
from countersign.accounts.serializers import TeamSerializer
from countersign.api import idempotency
from countersign.api.idempotency import idempotent
from countersign.api.models import IdempotencyKey
from countersign.api.problems import handler
from countersign.api.views import ActorAPIView, error_codes
from countersign.errors import Conflict, Invalid, NoRoom, NotFound, Refused, TooLarge
from countersign.ledger.models import Entry
from countersign.permissions import Declared, Permission, Role, Scope
from countersign.urls import handler400, handler403, handler404, handler500  # noqa: F401  this module is a URLconf
from countersign.verdicts import Reason, Verdict
from tests.factories import people
from tests.test_core.accounts_kit import at_once, leaves

pytestmark = pytest.mark.django_db

_ERRORS: dict[str, Exception] = {
    "refused": Refused(
        Verdict.refuse(Reason("a", "Not this."), Reason("b", "Nor that.", looked_at={"n": 3}))
    ),
    "not-found": NotFound("There is no such thing."),
    "invalid": Invalid("Wrong.", fields={"name": ["Too long.", "Too loud."]}),
    "conflict": Conflict("Somebody was first.", code="somebody_first"),
    "too-large": TooLarge("It has 3 bytes, 2 are allowed."),
    "no-room": NoRoom("No room for 3 bytes."),
    "drf-validation": exceptions.ValidationError({"a": [{"b": ["Bad."]}]}),
    "drf-throttled": exceptions.Throttled(wait=7.2),
    "drf-not-acceptable": exceptions.NotAcceptable(),
    "django-404": Http404(),
    "django-403": PermissionDenied(),
    "django-too-big": RequestDataTooBig("secret words"),
    "crash": RuntimeError("secret words"),
}


class Raise(ActorAPIView):
    """Raises what its path names."""

    required_permission: ClassVar[Declared] = None

    def get(self, request: Request, name: str) -> Response:
        raise _ERRORS[name]

    def post(self, request: Request, name: str) -> Response:
        return Response(request.data)


class MakeTeam(ActorAPIView):
    """Creates, once for each key."""

    required_permission: ClassVar[Declared] = Permission.MANAGE_PEOPLE

    @idempotent
    def post(self, request: Request) -> Response:
        if not request.data.get("name"):
            raise Invalid("Name it.")
        team = create_team(name=request.data["name"], actor=self.actor)
        return Response(TeamSerializer(team).data, status=201, headers={"Location": f"/teams/{team.slug}"})


class ProveAndMake(ActorAPIView):
    """Creates after a password, as a sign-off does."""

    required_permission: ClassVar[Declared] = None

    @idempotent
    def post(self, request: Request) -> Response:
        confirm_password(self.actor, request.data["password"])
        return Response({"done": True}, status=201)


class Undeclared(ActorAPIView):
    """Forgot to say what it needs."""

    def get(self, request: Request) -> Response:
        return Response("open")


def broken_page(request: Any) -> None:
    """Crashes outside DRF."""
    raise RuntimeError("secret words")


urlpatterns = [
    path("api/test/raise/<str:name>", Raise.as_view()),
    path("api/test/teams", MakeTeam.as_view()),
    path("api/test/prove", ProveAndMake.as_view()),
    path("api/test/undeclared", Undeclared.as_view()),
    path("api/test/crash", broken_page),
    path("", include("countersign.urls")),
]


@pytest.fixture(autouse=True)
def _these_urls() -> Any:
    cache.clear()
    with override_settings(ROOT_URLCONF=__name__):
        yield


@pytest.fixture
def administrator(db: None) -> User:
    return people.make_administrator("admin")


@pytest.fixture
def api(administrator: User) -> Client:
    client = people.api_client(people.token_for(administrator, Scope.ADMINISTER))
    client.raise_request_exception = False
    return client


# --- problems -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("refused", 403, "a"),
        ("not-found", 404, "not_found"),
        ("invalid", 422, "invalid"),
        ("conflict", 409, "somebody_first"),
        ("too-large", 413, "too_large"),
        ("no-room", 507, "no_room"),
        ("drf-validation", 422, "invalid"),
        ("drf-throttled", 429, "throttled"),
        ("drf-not-acceptable", 406, "not_acceptable"),
        ("django-404", 404, "not_found"),
        ("django-403", 403, "forbidden"),
        ("django-too-big", 413, "too_large"),
        ("crash", 500, "unexpected"),
    ],
)
def test_every_error_has_one_shape(api: Client, name: str, status: int, code: str) -> None:
    answer = api.get(f"/api/test/raise/{name}")
    body = answer.json()
    assert answer.status_code == body["status"] == status
    assert answer["Content-Type"] == "application/problem+json"
    assert set(body) == {"type", "title", "status", "code", "detail", "errors", "reasons", "request_id"}
    assert body["code"] == code
    assert body["type"] == f"http://countersign.example/api/docs#{code}"
    assert body["request_id"] == answer["X-Request-ID"]
    assert body["errors"]
    assert all(set(error) == {"code", "detail", "attr"} for error in body["errors"])
    assert "secret words" not in answer.content.decode()


def test_details_of_a_problem(api: Client) -> None:
    refused = api.get("/api/test/raise/refused").json()
    assert refused["detail"] == "Not this. Nor that."
    assert [reason["looked_at"] for reason in refused["reasons"]] == [None, {"n": 3}]
    invalid = api.get("/api/test/raise/invalid").json()
    assert invalid["errors"] == [
        {"code": "invalid", "detail": "Too long.", "attr": "name"},
        {"code": "invalid", "detail": "Too loud.", "attr": "name"},
    ]
    nested = api.get("/api/test/raise/drf-validation").json()
    assert nested["errors"] == [{"code": "invalid", "detail": "Bad.", "attr": "a.0.b"}]
    assert api.get("/api/test/raise/drf-throttled")["Retry-After"] == "8"


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b"{", "application/json", 400, "parse_error"),
        (b"\xff\xfe", "application/json", 400, "parse_error"),
        (b"<a/>", "application/xml", 415, "unsupported_media_type"),
        (b'"' + b"x" * 2_200_000 + b'"', "application/json", 413, "too_large"),
    ],
)
def test_bodies_that_cannot_be_read(
    api: Client, body: bytes, content_type: str, status: int, code: str
) -> None:
    answer = api.post("/api/test/raise/x", body, content_type=content_type)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_methods_forms_and_paths_nobody_knows(api: Client, client: Client) -> None:
    assert api.delete("/api/v1/me").json()["code"] == "method_not_allowed"
    asked = api.options("/api/v1/me")
    assert (asked.status_code, asked["Allow"], asked.content) == (204, "GET, HEAD, OPTIONS", b"")
    assert api.options("/api/v1/teams")["Allow"] == "GET, POST, HEAD, OPTIONS"
    assert client.options("/api/v1/teams").status_code == 401
    assert api.get("/api/v1/me", headers={"Accept": "text/html"}).json()["code"] == "not_acceptable"
    unknown = client.get("/api/v1/nowhere")
    assert (unknown.status_code, unknown["Content-Type"]) == (404, "application/problem+json")
    assert unknown.json()["code"] == "not_found"
    assert api.get("/api/v1/users/%00").status_code in (404, 422)
    assert api.get("/api/v1/users?cursor=%00").json()["code"] == "bad_request"


def test_a_crash_outside_the_views_is_a_problem_too(api: Client) -> None:
    answer = api.get("/api/test/crash")
    assert (answer.status_code, answer.json()["code"]) == (500, "unexpected")
    assert "secret words" not in answer.content.decode()


def test_a_view_that_declares_nothing_is_closed(api: Client, client: Client) -> None:
    assert api.get("/api/test/undeclared").status_code == 500
    assert client.get("/api/test/undeclared").status_code == 401


def test_the_handler_answers_before_a_request_is_known() -> None:
    answer = handler(NotFound("Gone."), {"view": None, "args": (), "kwargs": {}, "request": None})
    assert answer.status_code == 404
    assert answer.data["request_id"] is None


# --- lists ----------------------------------------------------------------------------------------------


def test_lists_are_newest_first_by_cursor(api: Client) -> None:
    # Within one millisecond the order is that of the ids, so the ids say what is newest.
    made = [team.slug for team in sorted((people.make_team() for _ in range(5)), key=lambda team: team.pk)]
    first = api.get("/api/v1/teams", {"page_size": 2}).json()
    assert [row["slug"] for row in first["results"]] == made[:2:-1]
    assert first["previous"] is None
    late = people.make_team()
    second = api.get(first["next"]).json()
    assert [row["slug"] for row in second["results"]] == made[2:0:-1]
    third = api.get(second["next"]).json()
    assert [row["slug"] for row in third["results"]] == made[:1]
    assert third["next"] is None
    back = api.get(second["previous"]).json()
    assert late.slug not in {row["slug"] for row in back["results"]}
    assert [row["slug"] for row in back["results"]] == made[:2:-1]


@pytest.mark.parametrize("size", ["0", "201", "-1", "many", "1.5", "²"])
def test_a_size_out_of_range_is_said(api: Client, size: str) -> None:
    answer = api.get("/api/v1/teams", {"page_size": size})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_page_size")


@pytest.mark.parametrize("cursor", ["x", "cD1ub3doZXJl", "bz0xJnA9eA==", "////"])
def test_a_cursor_that_is_none_of_ours_is_said(api: Client, cursor: str) -> None:
    answer = api.get("/api/v1/teams", {"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")


# --- creates done once ----------------------------------------------------------------------------------


def make(api: Client, key: str | None, body: Any = None, **headers: str) -> Any:
    if key is not None:
        headers["Idempotency-Key"] = key
    return api.post(
        "/api/test/teams",
        json.dumps(body or {"name": "Risk"}),
        content_type="application/json",
        headers=headers,
    )


def test_the_same_request_is_done_once_and_answered_twice(api: Client) -> None:
    first = make(api, "k-1")
    start = Entry.objects.count()
    second = make(api, "k-1")
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert second["Location"] == "/teams/risk"
    assert second["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first
    assert Team.objects.count() == 1
    assert Entry.objects.count() == start


def test_without_a_key_it_is_done_again(api: Client) -> None:
    assert make(api, None).status_code == 201
    assert make(api, None).json()["code"] == "team_exists"


def test_a_key_means_one_request(api: Client) -> None:
    make(api, "k-1")
    answer = make(api, "k-1", {"name": "Cards"})
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert Team.objects.count() == 1


def test_a_key_belongs_to_its_actor(api: Client) -> None:
    make(api, "k-1")
    other = people.api_client(people.token_for(people.make_administrator("other"), Scope.ADMINISTER))
    assert make(other, "k-1", {"name": "Cards"}).status_code == 201


def test_an_error_leaves_the_key_free(api: Client) -> None:
    assert make(api, "k-1", {"wrong": 1}).status_code == 422
    assert not IdempotencyKey.objects.exists()
    assert make(api, "k-1").status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 201, "tab\there", "ключ"])
def test_a_key_that_is_no_key(api: Client, key: str) -> None:
    answer = make(api, key)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_invalid")


def test_a_key_is_forgotten_after_a_day(api: Client, settings: Any) -> None:
    make(api, "k-1")
    make(api, "k-2", {"name": "Cards"})
    settings.CLOCK_OFFSET_SECONDS = 86_401
    assert make(api, "k-1").json()["code"] == "team_exists"
    assert make(api, "k-1", {"name": "Other"}).status_code == 201
    assert list(IdempotencyKey.objects.values_list("key", flat=True)) == ["k-1"]


def test_what_is_stored_tells_no_password(api: Client) -> None:
    body = {"username": "ada", "full_name": "Ada", "password": people.PASSWORD}
    for _ in range(2):
        answer = api.post(
            "/api/v1/users", body, content_type="application/json", headers={"Idempotency-Key": "k-1"}
        )
        assert answer.status_code == 201
    stored = json.dumps(list(IdempotencyKey.objects.values()), default=str)
    assert people.PASSWORD not in stored
    assert User.objects.filter(username="ada").count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_lockout_is_recorded_though_the_request_fails() -> None:
    administrator = people.make_administrator("admin")
    api = people.api_client(people.token_for(administrator, Scope.ADMINISTER))
    for number in range(5):
        answer = api.post(
            "/api/test/prove",
            {"password": "wrong"},
            content_type="application/json",
            headers={"Idempotency-Key": f"k-{number}"},
        )
    assert (answer.status_code, answer["Retry-After"]) == (429, "30")
    verbs = [leaf["verb"] for leaf in leaves()]
    assert verbs.count("accounts.user.locked_out") == 1
    assert verbs.count("accounts.attempt.refused") == 5
    assert not IdempotencyKey.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_the_second_is_told_to_wait_or_gets_the_answer() -> None:
    token = people.token_for(people.make_administrator("admin"), Scope.ADMINISTER)
    answers = at_once(*[lambda: make(people.api_client(token), "k-1")] * 4)
    assert Team.objects.count() == 1
    assert sum(leaf["verb"] == "accounts.team.created" for leaf in leaves()) == 1
    outcomes = {(answer.status_code, answer.json().get("code")) for answer in answers}
    assert outcomes <= {(201, None), (409, "in_progress")}
    assert (201, None) in outcomes


@pytest.mark.django_db(transaction=True)
def test_while_the_first_is_under_way_the_second_is_told() -> None:
    administrator = people.make_administrator("admin")
    token = people.token_for(administrator, Scope.ADMINISTER)

    with transaction.atomic():
        idempotency._claim(administrator.pk, "k-1")
        answer = at_once(lambda: make(people.api_client(token), "k-1"))[0]
    assert (answer.status_code, answer.json()["code"]) == (409, "in_progress")
    assert make(people.api_client(token), "k-1").status_code == 201


# --- the document ---------------------------------------------------------------------------------------


@override_settings(ROOT_URLCONF="countersign.urls")
def test_the_openapi_document_is_public_and_valid(client: Client, tmp_path: Any, capsys: Any) -> None:
    said = client.get("/api/v1/openapi.json")
    assert said.status_code == 200
    file = tmp_path / "openapi.yaml"
    call_command("spectacular", "--file", str(file), "--validate")
    document = yaml.safe_load(file.read_text())
    assert document["paths"].keys() == said.json()["paths"].keys()
    create = document["paths"]["/api/v1/teams"]["post"]
    assert "Idempotency-Key" in {parameter["name"] for parameter in create["parameters"]}
    assert create["responses"]["default"]["content"].keys() == {"application/problem+json"}
    assert {"token", "session"} <= document["components"]["securitySchemes"].keys()


_CODE = re.compile(
    r'''code="([a-z_]+)"|because\(\s*"([a-z_]+)"|Reason\(\s*"([a-z_]+)"|\n    code = "([a-z_]+)"'''
    r'''|(?:AuthenticationFailed|PermissionDenied)\([^)]*,\s*"([a-z_]+)",?\s*\)|Problem\(\d+, "([a-z_]+)"'''
)
_NOT_ANSWERED = {"error", "whom_to_ask", "refused"}  # a base class, a note, the fallback of a refusal


def test_every_code_of_accounts_and_api_is_explained() -> None:
    core = settings.ROOT / "platform" / "countersign"
    sources = [*(core / "accounts").rglob("*.py"), *(core / "api").rglob("*.py")]
    texts = [source.read_text("utf-8") for source in (*sources, core / "errors.py", core / "actors.py")]
    used = {next(filter(None, found)) for text in texts for found in _CODE.findall(text)}
    assert {"role_held", "token_in_url", "token_scope", "idempotency_key_reused", "too_large"} <= used
    assert used - _NOT_ANSWERED - {row["code"] for row in error_codes()} == set()


def test_the_page_of_codes_has_an_anchor_for_each(client: Client) -> None:
    text = client.get("/api/docs").content.decode()
    for row in error_codes():
        assert text.count(f'id="{row["code"]}"') == 1


def test_text_no_database_takes_is_said(api: Client) -> None:
    for name, told in (("\ud800", (400, "parse_error")), ("a\x00", (422, "invalid"))):
        answer = api.post("/api/v1/teams", json.dumps({"name": name}), content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == told


def test_a_viewer_may_read_teams_not_make_them() -> None:
    team = people.make_team("Risk")
    viewer = people.api_client(people.token_for(people.make_user(roles=[(Role.VIEWER, team)])))
    assert [row["slug"] for row in viewer.get("/api/v1/teams").json()["results"]] == ["risk"]
    assert make(viewer, None).status_code == 403
