"""Pages, fragments, navigation, panels, and the pages that say no."""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from django.http import Http404, HttpRequest, HttpResponse
from django.test import RequestFactory, override_settings
from django.urls import path

from countersign.errors import Conflict, NotFound, Refused
from countersign.verdicts import Reason, Verdict
from countersign.web import errors, foot, navigation, panels
from countersign.web.middleware import RequestContext, SecurityHeaders
from countersign.web.render import redirect_after_post, render_invalid_form, render_page
from tests.test_core.web_gallery import VERSION, Person, gallery_request


def _page(request: HttpRequest) -> HttpResponse:
    return HttpResponse("page")


urlpatterns = [
    path("inbox/", _page, name="inbox"),
    path("models/", _page, name="models"),
    path("search/", _page, name="search"),
    path("me/", _page, name="me"),
    path("sign-in/", _page, name="sign-in"),
    path("sign-out/", _page, name="sign-out"),
]

PAGE = """{% extends "base.html" %}
{% block title %}Rows{% endblock %}{% block heading %}Rows{% endblock %}
{% block body %}<p>around</p>
{% partialdef rows inline %}<ul id="rows"><li>{{ word }}</li></ul>{% endpartialdef %}
{% panels "test.page" area="main" %}{% endblock %}"""


@pytest.fixture
def page(tmp_path: Path, settings: Any) -> Iterator[str]:
    """A page of our own in a template folder of its own, with URLs of its own, and empty registries."""
    (tmp_path / "page.html").write_text(PAGE)
    (tmp_path / "panel.html").write_text("<aside>{{ subject }} {{ found }}</aside>")
    templates = deepcopy(settings.TEMPLATES)
    templates[0]["DIRS"] = [*templates[0]["DIRS"], tmp_path]
    with override_settings(TEMPLATES=templates, ROOT_URLCONF=__name__):
        yield "page.html"


@pytest.fixture(autouse=True)
def _empty_registries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(navigation, "_nouns", {})
    monkeypatch.setattr(navigation, "_search", [])
    monkeypatch.setattr(navigation, "_account", [])
    monkeypatch.setattr(foot, "_sources", [])
    monkeypatch.setattr(panels, "_panels", {})


def ask(url: str = "/models/", **headers: str) -> HttpRequest:
    request = RequestFactory().get(url, headers=headers)
    request.user = Person()  # type: ignore[assignment]
    return request


# --- fragments -----------------------------------------------------------------------------------------


def test_a_browser_gets_the_page(page: str) -> None:
    html = render_page(ask(), page, {"word": "one", "subject": 1}).content.decode()
    assert "<title>Rows · Countersign</title>" in html
    assert '<ul id="rows"><li>one</li></ul>' in html
    assert "<p>around</p>" in html


def test_htmx_gets_the_part_its_target_names(page: str) -> None:
    response = render_page(ask(**{"HX-Request": "true", "HX-Target": "rows"}), page, {"word": "<one>"})
    assert response.content.decode() == '<ul id="rows"><li>&lt;one&gt;</li></ul>'


@pytest.mark.parametrize("target", ["other", "", "../base.html", "rows#rows", "a b"])
def test_an_unknown_target_gets_the_whole_page(page: str, target: str) -> None:
    response = render_page(ask(**{"HX-Request": "true", "HX-Target": target}), page, {"subject": 1})
    assert b"<!doctype html>" in response.content


def test_a_target_without_htmx_gets_the_whole_page(page: str) -> None:
    assert b"<!doctype html>" in render_page(ask(**{"HX-Target": "rows"}), page, {"subject": 1}).content


def test_caches_keep_page_and_part_apart(page: str) -> None:
    for headers in ({}, {"HX-Request": "true", "HX-Target": "rows"}):
        vary = render_page(ask(**headers), page, {"subject": 1})["Vary"]
        assert {"HX-Request", "HX-Target"} <= {name.strip() for name in vary.split(",")}


def test_a_form_to_mend_is_422(page: str) -> None:
    assert render_invalid_form(ask(), page, {"subject": 1}).status_code == 422
    config = render_page(ask(), page, {"subject": 1}).content.decode()
    assert '{"code":"422","swap":true}' in config, "htmx swaps no 4xx unless told"
    assert '"allowEval":false' in config


def test_after_a_change_the_browser_goes_elsewhere(page: str) -> None:
    plain = redirect_after_post(ask(), "models")
    assert (plain.status_code, plain["Location"]) == (303, "/models/")
    htmx = redirect_after_post(ask(**{"HX-Request": "true"}), "models")
    assert (htmx.status_code, htmx["HX-Redirect"]) == (200, "/models/")


# --- navigation and foot -------------------------------------------------------------------------------


def test_the_top_bar_shows_what_exists(page: str) -> None:
    navigation.register(label="Models", url_name="models", order=2, key="m")
    navigation.register(label="Inbox", url_name="inbox", order=1, count=lambda request: 5)
    navigation.register(label="Monitors", url_name="monitors-of-tomorrow", order=3)
    navigation.register_search(url_name="search")
    navigation.register_account(profile="me", sign_in="sign-in", sign_out="sign-out")
    html = render_page(ask("/models/credit-default/"), page, {"subject": 1}).content.decode()
    assert "Monitors" not in html
    assert html.index(">Inbox") < html.index(">Models")
    assert '<a href="/models/" aria-current="true" data-go="m">Models</a>' in html
    assert '<span class="count hot">5<span class="vh"> waiting</span></span>' in html
    assert 'href="/search/"' in html
    assert '<form action="/sign-out/" method="post" data-sign-out>' in html
    assert "Reviewer (Risk)" in html


def test_a_page_may_name_the_noun_it_hangs_under(page: str) -> None:
    navigation.register(label="Models", url_name="models", order=1)
    navigation.register(label="Inbox", url_name="inbox", order=2)
    html = render_page(ask("/models/x/"), page, {"subject": 1, "noun": "Inbox"}).content.decode()
    assert '<a href="/inbox/" aria-current="true">' in html
    assert '<a href="/models/">' in html


def test_a_stranger_sees_no_noun_and_the_way_in(page: str) -> None:
    navigation.register(label="Models", url_name="models", order=1)
    navigation.register_account(profile="me", sign_in="sign-in", sign_out="sign-out")
    foot.register(lambda request: foot.LedgerState("Ledger verified"))
    request = RequestFactory().get("/")
    html = render_page(request, page, {"subject": 1}).content.decode()
    assert "Models" not in html
    assert "Ledger verified" not in html
    assert 'href="/sign-in/"' in html
    assert "data-nothing-saved" in html


def test_the_foot_says_how_the_ledger_stands(page: str) -> None:
    assert "Times are UTC" in render_page(ask(), page, {"subject": 1}).content.decode()
    foot.register(lambda request: foot.LedgerState("Ledger verified 12 seconds ago", "/ledger/", VERSION))
    html = render_page(ask(), page, {"subject": 1}).content.decode()
    assert "Ledger verified 12 seconds ago" in html
    assert 'href="/ledger/"' in html
    assert "Checkpoint verified" in html
    foot.register(lambda request: foot.LedgerState("Ledger differs", None, VERSION, verified=False))
    assert "Checkpoint not verified" in render_page(ask(), page, {"subject": 1}).content.decode()


def test_a_fragment_asks_nothing_of_the_top_bar(page: str) -> None:
    asked = []
    navigation.register(label="Models", url_name="models", order=1, count=lambda request: asked.append(1))
    foot.register(lambda request: asked.append(2))
    render_page(ask(**{"HX-Request": "true", "HX-Target": "rows"}), page, {})
    assert asked == []
    render_page(ask(), page, {"subject": 1})
    assert sorted(asked) == [1, 2], "each once, however often the template reads it"


@pytest.mark.parametrize(("value", "shown"), [("dark", True), ("light", True), ('"><script>', False)])
def test_the_theme_is_one_of_two(page: str, value: str, shown: bool) -> None:
    request = ask()
    request.COOKIES["theme"] = value
    html = render_page(request, page, {"subject": 1}).content.decode()
    assert (f'data-theme="{value}"' in html) is shown


# --- panels --------------------------------------------------------------------------------------------


def panel(name: str, order: int, area: Any = "main", found: str | None = "x") -> panels.Panel:
    return panels.Panel(
        name=name,
        order=order,
        area=area,
        template="panel.html",
        context=lambda request, subject: None if found is None else {"found": found},
    )


def test_panels_stand_in_order_and_may_stay_away(page: str) -> None:
    panels.register(page="test.page", panel=panel("second", 20, found="second"))
    panels.register(page="test.page", panel=panel("first", 10, found="first"))
    panels.register(page="test.page", panel=panel("absent", 5, found=None))
    panels.register(page="test.page", panel=panel("aside", 5, area="aside", found="elsewhere"))
    html = render_page(ask(), page, {"subject": "credit-default"}).content.decode()
    assert html.index("<aside>credit-default first</aside>") < html.index(
        "<aside>credit-default second</aside>"
    )
    assert "elsewhere" not in html
    assert html.count("<aside>") == 2


def test_a_panel_registered_twice_stands_once() -> None:
    for _ in range(2):
        panels.register(page="test.page", panel=panel("gate", 10))
    assert len(panels.panels_for("test.page", request=ask(), subject=1)) == 1


def test_a_panel_for_no_area_is_refused() -> None:
    with pytest.raises(ValueError, match="area"):
        panels.register(page="test.page", panel=panel("gate", 10, area="cellar"))


# --- pages that say no -----------------------------------------------------------------------------------


def test_a_refusal_shows_every_reason(page: str) -> None:
    verdict = Verdict.refuse(Reason("a", "No role."), Reason("b", "Your own version."))
    response = errors.error_page(ask(), Refused(verdict))
    html = response.content.decode()
    assert response.status_code == 403
    assert "No role." in html
    assert "Your own version." in html
    assert "Nothing was changed" in html
    assert "data-nothing-saved" in html


def test_what_is_not_there_and_what_one_may_not_know_of_look_alike(page: str) -> None:
    pages = [errors.not_found(ask(), error).content.decode() for error in (Http404("SECRET"), None)]
    first, second = (re.sub(r'"X-CSRFToken":"\w+"', "", html) for html in pages)
    assert first == second
    assert "SECRET" not in first
    said = errors.error_page(ask(), NotFound("No model is called x."))
    assert said.status_code == 404
    assert b"No model is called x." in said.content


def test_a_lost_race_says_so(page: str) -> None:
    response = errors.error_page(ask(), Conflict("Somebody signed before you."))
    assert response.status_code == 409
    assert b"Somebody signed before you." in response.content


def test_our_fault_is_said_without_asking_anything(page: str) -> None:
    foot.register(lambda request: 1 / 0)  # type: ignore[arg-type, return-value]
    request = ask()
    request.request_id = "req-5e21c07a"  # type: ignore[attr-defined]
    response = errors.server_error(request)
    assert response.status_code == 500
    assert b"req-5e21c07a" in response.content
    assert b"our fault" in response.content


def test_our_fault_is_said_even_when_the_templates_are_broken(settings: Any) -> None:
    templates = deepcopy(settings.TEMPLATES)
    templates[0]["DIRS"] = []
    with override_settings(TEMPLATES=templates):
        response = errors.server_error(gallery_request())
    assert response.status_code == 500
    assert b"our fault" in response.content


# --- headers ---------------------------------------------------------------------------------------------


def test_every_answer_binds_the_browser() -> None:
    answer = SecurityHeaders(lambda request: HttpResponse("x", status=404))(ask())
    policy = answer["Content-Security-Policy"]
    for part in ("default-src 'self'", "script-src 'self'", "frame-ancestors 'none'", "object-src 'none'"):
        assert part in policy
    assert "unsafe" not in policy
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"


def test_a_stricter_policy_is_added_to_not_replaced() -> None:
    served = HttpResponse("bytes", headers={"Content-Security-Policy": "sandbox"})
    policy = SecurityHeaders(lambda request: served)(ask())["Content-Security-Policy"]
    assert policy.startswith("sandbox, default-src 'self'")


def test_a_request_has_an_id_of_ours() -> None:
    seen = []

    def view(request: HttpRequest) -> HttpResponse:
        seen.append(request.request_id)  # type: ignore[attr-defined]
        return HttpResponse("x")

    answers = [RequestContext(view)(ask(**{"X-Request-ID": "forged"})) for _ in range(2)]
    assert [answer["X-Request-ID"] for answer in answers] == seen
    assert len(set(seen)) == 2
    assert "forged" not in seen
