"""The pages and the REST of model cards: reading, writing, and losing a race without losing words."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from countersign.permissions import Role, Scope
from governance.cards.actions import save_card
from governance.cards.forms import WRITTEN
from governance.cards.models import CardRevision
from governance.cards.queries import newest_revision
from governance.reviews.actions import request_review, sign_off
from governance.reviews.queries import standing_of
from registry.versions.actions import archive_version
from tests.factories import registry as make
from tests.factories.people import actor_for, api_client, make_team, make_user, token_for
from tests.test_governance import evidence_kit as kit

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(db: None) -> kit.World:
    return kit.credit_world(tier="medium")


def card_url(world: kit.World) -> str:
    return reverse("governance:card", args=[world.model.name, 1])


def edit_url(world: kit.World) -> str:
    return reverse("governance:card-edit", args=[world.model.name, 1])


def save(world: kit.World, base: int | None, actor: Any = None, **sections: str) -> CardRevision:
    return save_card(version=world.version, sections=sections, actor=actor or world.maker, base_revision=base)


def typed(page: Any, name: str) -> str:
    """What stands in the text area of a section."""
    found = re.search(rf'<textarea[^>]*id="id_{name}"[^>]*>\n?(.*?)</textarea>', page.content.decode(), re.S)
    assert found is not None
    return found[1]


def form_of(page: Any) -> dict[str, str]:
    """The form as a browser would send it back."""
    base = re.search(r'name="base_revision"(?: value="(\d*)")?', page.content.decode())
    assert base is not None
    return {name: typed(page, name) for name in WRITTEN} | {"base_revision": base[1] or ""}


# --- reading ----------------------------------------------------------------------------------------------


def test_a_card_nobody_wrote_says_what_is_missing_in_words(world: kit.World) -> None:
    page = kit.browser(world.maker_user).get(card_url(world))
    words = kit.text_of(page)
    assert "Nobody has written this card yet" in words
    assert re.search(r"\d+ of 18 sections that medium tier requires are complete", words)
    assert "missing Purpose, users, decision supported Nobody has written this yet." in words
    assert "not measured No evaluation of this version succeeded yet. Start one." in words
    assert "missing No training data are recorded." in words
    assert "optional at medium tier" in words
    assert "Write the card" in words


def test_prose_is_rendered_safely_beside_drawn_facts(world: kit.World) -> None:
    kit.make_limits()
    evidence = kit.make_evidence(world.version, world.data, actor=world.maker)
    save(
        world,
        None,
        purpose="Ranks **accounts**.\n\n<script>alert(1)</script>",
        performance="Ranking matters.",
        oversight="Not applicable: no person is refused by it.",
    )
    page = kit.browser(world.maker_user).get(card_url(world))
    body, words = page.content.decode(), kit.text_of(page)
    assert "<strong>accounts</strong>" in body
    assert "<script>alert" not in body
    assert "Written Mara Maker revision 1," in words
    assert "Data holdout 1" in words
    assert re.search(r"ROC AUC 0\.\d{3} 0\.\d{3} to 0\.\d{3} 1,200", words)
    by_age = evidence.results_document["fairness"][0]
    compared = next(one["group"] for one in by_age["groups"] if one["status"] == "measured")
    assert f"{compared}, to {by_age['reference']}" in words
    assert "insufficient" in words  # the small group is named as such
    assert "Compared by sex, age_band" in words
    assert 'title="not applicable"' in body
    assert "Revision 1 by Mara Maker" in words


def test_the_tab_says_how_far_the_card_is(world: kit.World) -> None:
    client = kit.browser(world.maker_user)
    overview = reverse("registry:version", args=[world.model.name, 1])
    assert re.search(r"Card \d+ %", kit.text_of(client.get(overview)))
    bare = kit.credit_world(name="no-tier", people="nora")
    words = kit.text_of(kit.browser(bare.maker_user).get(reverse("registry:version", args=["no-tier", 1])))
    assert re.search(r"Card Files", words)


def test_an_earlier_revision_is_shown_as_such(world: kit.World) -> None:
    save(world, None, purpose="First words.")
    save(world, 1, purpose="Second words.", limitations="None.")
    client = kit.browser(world.maker_user)
    page = client.get(f"{card_url(world)}?revision=1")
    words = kit.text_of(page)
    assert "This is revision 1; revision 2 is newer." in words
    assert "First words." in words and "Second words." not in words  # noqa: PT018
    newest = kit.text_of(client.get(card_url(world)))
    assert "Second words." in newest
    assert "2 Purpose, users, decision supported, Limits, overlays, conditions" in newest
    for wrong in ("9", "x", "-1", "1e3"):
        assert client.get(f"{card_url(world)}?revision={wrong}").status_code == 404


def test_who_may_only_see_reads_and_is_told_why_not_to_write(world: kit.World) -> None:
    client = kit.browser(world.user(Role.VIEWER))
    page = client.get(card_url(world))
    assert "“edit card” needs the role contributor, owner." in kit.text_of(page)
    assert 'aria-disabled="true" aria-describedby="why-not">Edit the card' in page.content.decode()
    assert client.get(edit_url(world)).status_code == 403
    assert client.post(edit_url(world), {"purpose": "x"}).status_code == 403
    stranger = kit.browser(make_user(roles=[(Role.OWNER, make_team())]))
    assert stranger.get(card_url(world)).status_code == 404
    assert stranger.get(edit_url(world)).status_code == 404
    assert newest_revision(world.version) is None


def queries_of(client: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as caught:
        assert client.get(url).status_code == 200
    return len(caught)


def test_more_revisions_and_sections_cost_no_more_queries(world: kit.World) -> None:
    client = kit.browser(world.maker_user)
    save(world, None, purpose="One.")
    client.get(card_url(world))
    few = queries_of(client, card_url(world))
    for number in range(1, 5):
        save(world, number, purpose=f"Text {number}.", limitations=f"Limit {number}.", risks="None.")
    assert queries_of(client, card_url(world)) == few


# --- writing ----------------------------------------------------------------------------------------------


def test_the_form_saves_every_section_and_lands_on_the_card(world: kit.World) -> None:
    client = kit.browser(world.maker_user)
    page = client.get(edit_url(world))
    words = kit.text_of(page)
    assert "Whoever saves becomes a contributor and cannot sign for this version." in words
    assert typed(page, "purpose") == ""
    answer = client.post(
        edit_url(world),
        form_of(page) | {"purpose": "Line one.\r\nLine two.", "limitations": "Weak for the young."},
    )
    assert (answer.status_code, answer["Location"]) == (303, card_url(world))
    card = newest_revision(world.version)
    assert card is not None
    assert card.sections == {"purpose": "Line one.\nLine two.", "limitations": "Weak for the young."}
    assert "Revision 1 is saved." in kit.text_of(client.get(card_url(world)))


def test_saving_nothing_new_makes_no_revision(world: kit.World) -> None:
    save(world, None, purpose="Same.")
    client = kit.browser(world.maker_user)
    client.post(edit_url(world), form_of(client.get(edit_url(world))))
    assert CardRevision.objects.count() == 1
    assert "Nothing changed." in kit.text_of(client.get(card_url(world)))


def test_labels_say_which_sections_the_tier_leaves_free(world: kit.World) -> None:
    page = kit.browser(world.maker_user).get(edit_url(world)).content.decode()
    assert '<label for="id_purpose">Purpose, users, decision supported</label>' in page
    low = kit.credit_world(name="low", tier="low", people="lena")
    url = reverse("governance:card-edit", args=["low", 1])
    page = kit.browser(low.maker_user).get(url).content.decode()
    assert 'Risk register, residual risk <span class="mute">optional</span>' in page
    assert (
        " required" not in re.sub(r"<textarea[^>]*>|", "", page).split("<form class")[1].split("</form>")[0]
    )


def test_a_wrong_section_is_named_and_the_words_are_kept(world: kit.World) -> None:
    client = kit.browser(world.maker_user)
    form = form_of(client.get(edit_url(world)))
    answer = client.post(edit_url(world), form | {"risks": "Not applicable", "purpose": "Kept words."})
    assert answer.status_code == 422
    assert "Say why it is not applicable" in kit.text_of(answer)
    assert typed(answer, "purpose") == "Kept words."
    assert newest_revision(world.version) is None
    empty = client.post(edit_url(world), form)
    assert empty.status_code == 422
    assert "The card was not saved." in kit.text_of(empty)


def test_a_text_that_is_too_long_is_kept_too(world: kit.World) -> None:
    client = kit.browser(world.maker_user)
    answer = client.post(edit_url(world), form_of(client.get(edit_url(world))) | {"purpose": "x" * 100_001})
    assert answer.status_code == 422
    assert "Shorten it, or say where the rest is kept." in kit.text_of(answer)
    assert len(typed(answer, "purpose")) == 100_001


def test_an_archived_version_takes_no_card(world: kit.World) -> None:
    client = kit.browser(world.maker_user)
    form = form_of(client.get(edit_url(world)))
    archive_version(version=world.version, actor=world.maker)
    assert client.post(edit_url(world), form | {"purpose": "x"}).status_code == 403


def test_the_loser_of_a_race_keeps_their_words_and_sees_the_winners(world: kit.World) -> None:
    save(world, None, purpose="First.", risks="None known.")
    other = world.user(Role.CONTRIBUTOR, full_name="Owen Other")
    mine, theirs = kit.browser(world.maker_user), kit.browser(other)
    my_form, their_form = form_of(mine.get(edit_url(world))), form_of(theirs.get(edit_url(world)))
    theirs.post(edit_url(world), their_form | {"purpose": "Owen's words.", "monitoring": "Weekly."})
    lost = mine.post(edit_url(world), my_form | {"purpose": "Mara's words.", "limitations": "Few rows."})
    words = kit.text_of(lost)
    assert lost.status_code == 409
    assert "Owen Other saved revision 2 at" in words
    assert (
        "Both of you changed Purpose, users, decision supported : what the other changed stands under yours."
        in words
    )
    assert typed(lost, "purpose") == "Mara&#x27;s words."
    assert typed(lost, "limitations") == "Few rows."
    assert typed(lost, "monitoring") == "Weekly."  # a section she did not touch: Owen's text is not lost
    assert typed(lost, "risks") == "None known."
    assert "1 place changed since you began removed: First. added: Owen's words." in words
    assert "against revision 2 1 word out, 1 in removed: Owen's added: Mara's words." in words
    # The browser must not put its copy of the sections she did not touch over Owen's.
    assert "data-nothing-saved" not in lost.content.decode()
    assert CardRevision.objects.count() == 2
    again = mine.post(edit_url(world), form_of(lost) | {"purpose": "Both of us."})
    assert again.status_code == 303
    card = newest_revision(world.version)
    assert card is not None
    assert card.number == 3
    assert card.sections == {
        "purpose": "Both of us.",
        "risks": "None known.",
        "monitoring": "Weekly.",
        "limitations": "Few rows.",
    }


def test_a_race_over_different_sections_is_saved_at_once(world: kit.World) -> None:
    client = kit.browser(world.maker_user)
    form = form_of(client.get(edit_url(world)))
    save(world, None, actor_for(world.user(Role.CONTRIBUTOR, full_name="Owen Other")), risks="Some.")
    lost = client.post(edit_url(world), form | {"purpose": "Mine."})
    assert lost.status_code == 409
    assert "You changed no section in common" in kit.text_of(lost)
    assert client.post(edit_url(world), form_of(lost)).status_code == 303
    card = newest_revision(world.version)
    assert card is not None
    assert card.sections == {"purpose": "Mine.", "risks": "Some."}


def test_the_form_warns_that_sign_offs_become_stale(world: kit.World) -> None:
    revision = kit.make_limits(rules=[kit.AUC | {"limit": 0.5}])
    kit.make_evidence(world.version, world.data, actor=world.maker)
    client = kit.browser(world.maker_user)
    assert "Saving makes sign-offs stale." not in kit.text_of(client.get(edit_url(world)))
    review = request_review(
        version=world.version,
        environment=revision.policy.environment,
        reason="Good.",
        due_on=None,
        actor=world.maker,
    )
    assert "Saving makes sign-offs stale." not in kit.text_of(client.get(edit_url(world)))
    sign_off(
        review=review,
        requirement="approval",
        decision="approve",
        seen_digest=standing_of(review).subject.digest,
        reason="Read.",
        reauthenticated_at=kit.clock.now(),
        method="password",
        actor=actor_for(world.user(Role.APPROVER)),
    )
    assert f"what was signed in review {review.number}" in kit.text_of(client.get(edit_url(world)))


# --- REST -------------------------------------------------------------------------------------------------


def rest(world: kit.World, *scopes: Scope, user: Any = None) -> Client:
    return api_client(token_for(user or world.maker_user, *(scopes or (Scope.READ, Scope.WRITE))))


def api_url(world: kit.World) -> str:
    return reverse("governance:api-card", args=[world.model.name, 1])


def put(client: Client, url: str, **body: Any) -> Any:
    return client.put(url, body, content_type="application/json")


def test_rest_reads_what_is_open(world: kit.World) -> None:
    body = rest(world).get(api_url(world)).json()
    assert (body["model"], body["version"], body["revision"], body["risk_tier"]) == (
        "credit-default",
        1,
        None,
        "medium",
    )
    assert (body["required"], len(body["sections"])) == (18, 19)
    purpose = next(one for one in body["sections"] if one["id"] == "purpose")
    assert purpose == {
        "id": "purpose",
        "title": "Purpose, users, decision supported",
        "kind": "written",
        "required": True,
        "state": "missing",
        "text": "",
    }


def test_rest_saves_revisions(world: kit.World) -> None:
    client = rest(world)
    first = put(client, api_url(world), sections={"purpose": " Ranks. "}, base_revision=None)
    assert first.status_code == 201
    assert first.json()["revision"] == 1
    assert first["ETag"] == client.get(api_url(world))["ETag"]
    assert next(one for one in first.json()["sections"] if one["id"] == "purpose")["state"] == "complete"
    same = put(client, api_url(world), sections={"purpose": "Ranks."}, base_revision=1)
    assert (same.status_code, same.json()["revision"]) == (200, 1)
    second = put(client, api_url(world), sections={"purpose": "", "risks": "Few."}, base_revision=1)
    assert (second.status_code, second.json()["author"]) == (201, "Mara Maker")
    card = newest_revision(world.version)
    assert card is not None
    assert card.sections == {"risks": "Few."}
    read = client.get(api_url(world))
    assert (read.json()["revision"], read["ETag"]) == (2, second["ETag"])


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"sections": {"purpose": "x"}, "base_revision": 7}, 409, "card_moved_on"),
        ({"sections": {"identity": "x"}, "base_revision": None}, 422, "invalid"),
        ({"sections": {"unheard-of": "x"}, "base_revision": None}, 422, "invalid"),
        ({"sections": {}, "base_revision": None}, 422, "invalid"),
        ({"sections": {"purpose": "Not applicable."}, "base_revision": None}, 422, "invalid"),
        ({"sections": {"purpose": "x"}}, 422, "invalid"),
        ({"sections": "x", "base_revision": None}, 422, "invalid"),
    ],
)
def test_rest_refuses_with_a_code(world: kit.World, body: dict[str, Any], status: int, code: str) -> None:
    answer = put(rest(world), api_url(world), **body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert newest_revision(world.version) is None


def test_rest_asks_for_permission_and_hides_other_teams(world: kit.World) -> None:
    body: dict[str, Any] = {"sections": {"purpose": "x"}, "base_revision": None}
    viewer = rest(world, user=world.user(Role.VIEWER))
    assert viewer.get(api_url(world)).status_code == 200
    assert put(viewer, api_url(world), **body).status_code == 403
    assert put(rest(world, Scope.READ), api_url(world), **body).json()["code"] == "token_scope"
    stranger = rest(world, user=make_user(roles=[(Role.OWNER, make_team())]))
    assert stranger.get(api_url(world)).status_code == 404
    assert put(stranger, api_url(world), **body).status_code == 404
    assert Client().get(api_url(world)).status_code == 401
    make.make_version(world.model, actor=world.maker)
    assert newest_revision(world.version) is None
