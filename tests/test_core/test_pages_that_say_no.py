"""Pages that say no: what happened, whether anything changed, whom to ask, what to do next; never a bare number."""

from __future__ import annotations

import logging
import sys
from typing import Any
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import path, reverse

import countersign.urls
from countersign.accounts.models import Team, User
from countersign.permissions import Role
from countersign.web import errors
from tests.factories import people
from tests.factories import registry as make
from tests.test_core.accounts_kit import leaves

pytestmark = pytest.mark.django_db


def broken(request: HttpRequest) -> HttpResponse:
    """A page that fails, as only a fault of ours does."""
    raise ZeroDivisionError("secret detail")


urlpatterns = [*countersign.urls.urlpatterns, path("broken/", broken, name="broken")]
handler404 = countersign.urls.handler404
handler500 = countersign.urls.handler500


@pytest.fixture(autouse=True)
def _no_refusals_before() -> None:
    cache.clear()


@pytest.fixture
def risk(db: None) -> Team:
    return people.make_team("Risk")


@pytest.fixture
def viewer(client: Client, risk: Team) -> User:
    """A viewer of Risk, signed in as `client`."""
    user = people.make_user("vera", roles=[(Role.VIEWER, risk)])
    client.force_login(user)
    return user


def text(answer: Any) -> str:
    content: str = answer.content.decode()
    return content


def test_nothing_and_not_yours_to_know_read_the_same(client: Client, viewer: User) -> None:
    team, maker = make.make_makers("Elsewhere")
    hidden = make.make_model(team, actor=maker, name="hidden")
    pages = [client.get(reverse("registry:model", args=[name])) for name in (hidden.name, "absent")]
    assert [page.status_code for page in pages] == [404, 404]
    said = [text(page).split("<main")[1].split("</main>")[0] for page in pages]
    assert said[0] == said[1]
    assert "not yours to know of" in said[0]


def test_403_names_the_owners_of_the_team_and_the_administrators(
    client: Client, viewer: User, risk: Team
) -> None:
    people.make_user(full_name="Olga Owner", roles=[(Role.OWNER, risk)])
    people.make_user(full_name="Gone Owner")
    people.make_administrator("grace")
    maker = people.actor_for(people.make_user(roles=[(Role.CONTRIBUTOR, risk)]))
    model = make.make_model(risk, actor=maker)
    version = make.make_version(model, actor=maker)
    answer = client.get(reverse("registry:version-file", args=[model.name, version.number, "model.skops"]))
    assert answer.status_code == 403
    page = text(answer)
    assert "Whom to ask" in page
    assert "needs the role contributor, reviewer, approver, owner" in page
    assert "Nothing was changed." in page
    assert "<dt>Administrators, who grant roles</dt><dd>Grace</dd>" in page


def test_403_of_a_thing_of_a_team_names_its_owners(client: Client, risk: Team) -> None:
    """Somebody who may do it elsewhere passes the door, and is refused at the thing itself."""
    user = people.make_user("two.hats", roles=[(Role.VIEWER, risk), (Role.OWNER, people.make_team("Cards"))])
    people.make_user(full_name="Olga Owner", roles=[(Role.OWNER, risk)])
    maker = people.actor_for(people.make_user(roles=[(Role.CONTRIBUTOR, risk)]))
    model = make.make_model(risk, actor=maker)
    version = make.make_version(model, actor=maker)
    client.force_login(user)
    answer = client.get(reverse("registry:version-file", args=[model.name, version.number, "model.skops"]))
    assert answer.status_code == 403
    assert "<dt>Owners of Risk</dt><dd>Olga Owner</dd>" in text(answer)


def test_a_fault_of_ours_gives_the_request_id_and_no_detail(viewer: User) -> None:
    browser = Client(raise_request_exception=False)
    browser.force_login(viewer)
    with override_settings(ROOT_URLCONF=__name__):
        answer = browser.get("/broken/")
    assert answer.status_code == 500
    page = text(answer)
    assert answer["X-Request-ID"] in page
    assert "That is our fault" in page
    assert "secret detail" not in page


def test_the_page_of_a_fault_asks_no_database() -> None:
    request = RequestFactory().get("/models/")
    request.request_id = "req-5e21c07a"  # type: ignore[attr-defined]
    try:
        raise ZeroDivisionError
    except ZeroDivisionError:
        assert sys.exc_info()[0] is ZeroDivisionError
        with CaptureQueriesContext(connection) as asked:
            answer = errors.server_error(request)
    assert (answer.status_code, len(asked)) == (500, 0)
    assert "req-5e21c07a" in text(answer)


@pytest.mark.parametrize("url", ["/sign-in/", "/models/", "/api/v1/models"])
def test_another_host_is_told_the_address(client: Client, viewer: User, url: str) -> None:
    answer = client.get(url, headers={"Host": "evil.example"})
    assert answer.status_code == 400
    assert "bad_host" in text(answer)
    assert "evil.example" not in text(answer)


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_what_another_site_sends_is_not_done(viewer: User, method: str) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(viewer)
    answer = browser.generic(method, reverse("accounts:sign-out"), headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
    assert "sent from another site (https://evil.example)" in text(answer)
    assert browser.get(reverse("accounts:profile")).status_code == 200
    own = browser.post(reverse("accounts:sign-out"))
    assert (own.status_code, "older than your session" in text(own)) == (403, True)


def test_a_page_that_does_not_take_a_method_says_which_it_takes(client: Client, viewer: User) -> None:
    for url, allowed in ((reverse("accounts:tokens"), "GET, HEAD"), (reverse("accounts:teams"), "GET, POST")):
        answer = client.delete(url)
        assert (answer.status_code, answer["Allow"]) == (405, allowed)
        assert "does not answer to DELETE" in text(answer)
    assert client.get(reverse("accounts:sign-out")).status_code == 405


def test_more_than_a_form_may_hold_is_said(client: Client, viewer: User) -> None:
    answer = client.post(reverse("accounts:profile"), {"name": "x" * 3_000_000})
    assert answer.status_code in (413, 422)
    plain = client.post(
        reverse("accounts:profile"),
        "name=" + "x" * 3_000_000,
        content_type="application/x-www-form-urlencoded",
    )
    assert plain.status_code == 413
    assert "too_large" in text(plain)


def test_a_token_in_a_pages_url_is_refused_and_not_logged(
    client: Client, viewer: User, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    token = people.token_for(viewer)
    for browser in (client, Client()):
        answer = browser.get(reverse("registry:models"), {"q": token})
        assert answer.status_code == 400
        assert "token_in_url" in text(answer)
        assert token not in text(answer)
        assert "Location" not in answer  # not carried to the sign-in page either
    assert token not in caplog.text
    assert token not in str(leaves())


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "http:evil.example",
    ],
)
def test_signing_in_leads_only_to_a_page_of_ours(viewer: User, elsewhere: str) -> None:
    browser = Client()
    sent = {"username": "vera", "password": people.PASSWORD, "next": elsewhere}
    answer = browser.post(reverse("accounts:sign-in"), sent)
    assert (answer.status_code, answer["Location"]) == (303, "/")


def test_a_lock_out_says_when_to_try_again(viewer: User) -> None:
    browser = Client()
    answers = [
        browser.post(reverse("accounts:sign-in"), {"username": "vera", "password": "wrong"}) for _ in range(6)
    ]
    last = answers[-1]
    assert last.status_code == 429
    assert int(last["Retry-After"]) > 0
    assert "UTC on you may try again" in text(last)
    assert 'value="vera"' in text(last)


def test_an_id_that_is_nobodys_is_nothing(client: Client, viewer: User) -> None:
    assert client.get(reverse("accounts:person", args=[uuid4()])).status_code == 404
