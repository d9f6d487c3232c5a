"""Writing one section of a card, previewing it, beginning from an earlier version, and reading revisions."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from countersign.errors import Conflict
from countersign.permissions import Role, Scope
from governance.cards.actions import save_section
from governance.cards.models import CardRevision
from governance.cards.queries import newest_revision
from tests.factories import registry as make
from tests.factories.people import actor_for, api_client, make_team, make_user, token_for
from tests.test_governance import evidence_kit as kit
from tests.test_governance.test_pages_cards import card_url, edit_url, save, typed
from tests.test_governance.test_pages_cards import form_of as whole_form

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(db: None) -> kit.World:
    return kit.credit_world(tier="medium")


def section_url(world: kit.World, section: str = "purpose", number: int = 1) -> str:
    return reverse("governance:card-section", args=[world.model.name, number, section])


def revisions_url(world: kit.World) -> str:
    return reverse("governance:card-revisions", args=[world.model.name, 1])


def form_of(page: Any, section: str = "purpose") -> dict[str, str]:
    base = page.context["form"]["base_revision"].value()
    return {section: typed(page, section), "base_revision": "" if base is None else str(base)}


def texts(world: kit.World) -> dict[str, str]:
    card = newest_revision(world.version)
    return dict(card.sections) if card else {}


# --- one section ------------------------------------------------------------------------------------------


def test_a_section_has_a_page_of_its_own_beside_its_drawn_facts(world: kit.World) -> None:
    evaluation = kit.make_evidence(world.version, world.data, actor=world.maker)
    client = kit.browser(world.maker_user)
    page = client.get(section_url(world, "fairness"))
    words, body = kit.text_of(page), page.content.decode()
    assert "Results by group, explanation" in words
    assert "Medium tier requires it." in words
    assert "age_band: Selection rate ratio" in words
    assert f'href="/models/credit-default/versions/1/evaluations/{evaluation.number}/"' in body
    assert "What it may hold" in words
    assert typed(page, "fairness") == ""  # the template never becomes content
    answer = client.post(section_url(world, "fairness"), form_of(page, "fairness") | {"fairness": "By age."})
    assert (answer.status_code, answer["Location"]) == (303, f"{card_url(world)}#fairness")
    assert texts(world) == {"fairness": "By age."}


@pytest.mark.parametrize("section", ["identity", "unheard-of"])
def test_what_is_drawn_has_no_page_to_write(world: kit.World, section: str) -> None:
    assert kit.browser(world.maker_user).get(section_url(world, section)).status_code == 404


def test_who_may_not_write_gets_no_form(world: kit.World) -> None:
    assert kit.browser(world.user(Role.VIEWER)).get(section_url(world)).status_code == 403
    stranger = kit.browser(make_user(roles=[(Role.OWNER, make_team())]))
    for answer in (stranger.get(section_url(world)), stranger.post(section_url(world), {"purpose": "x"})):
        assert answer.status_code == 404
    assert stranger.get(revisions_url(world)).status_code == 404


def test_work_on_another_section_is_no_conflict(world: kit.World) -> None:
    client = kit.browser(world.maker_user)
    page = client.get(section_url(world))
    save(world, None, actor_for(world.user(Role.CONTRIBUTOR)), risks="Some.")
    assert client.post(section_url(world), form_of(page) | {"purpose": "Ranks."}).status_code == 303
    assert texts(world) == {"risks": "Some.", "purpose": "Ranks."}


def test_two_browsers_one_section_and_nothing_is_lost(world: kit.World) -> None:
    save(world, None, purpose="Ranks accounts each month.")
    other = world.user(Role.CONTRIBUTOR, full_name="Owen Other")
    mine, theirs = kit.browser(world.maker_user), kit.browser(other)
    my_page, their_page = mine.get(section_url(world)), theirs.get(section_url(world))
    theirs.post(section_url(world), form_of(their_page) | {"purpose": "Ranks accounts each week."})
    lost = mine.post(section_url(world), form_of(my_page) | {"purpose": "Ranks all accounts each month."})
    words = kit.text_of(lost)
    assert lost.status_code == 409
    assert "Owen Other saved revision 2 at" in words
    assert "What you typed stands below." in words
    assert "Ranks accounts each removed: month. added: week." in words  # what the other changed
    assert typed(lost, "purpose") == "Ranks all accounts each month."
    assert texts(world) == {"purpose": "Ranks accounts each week."}
    again = mine.post(section_url(world), form_of(lost) | {"purpose": "Ranks all accounts each week."})
    assert again.status_code == 303
    assert texts(world) == {"purpose": "Ranks all accounts each week."}
    assert CardRevision.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_of_two_who_save_a_section_at_once_one_is_told() -> None:
    world = kit.credit_world(tier="medium")
    writers = [world.maker, actor_for(world.user(Role.CONTRIBUTOR))]
    barrier, told = threading.Barrier(2), []

    def write(number: int) -> None:
        try:
            barrier.wait(timeout=30)
            save_section(
                version=world.version,
                section="purpose",
                text=f"Text {number}.",
                base_revision=None,
                actor=writers[number],
            )
            told.append("saved")
        except Conflict as conflict:
            told.append(conflict.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=write, args=[number]) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == ["card_moved_on", "saved"]
    assert CardRevision.objects.count() == 1


def test_a_form_that_was_tampered_with_says_so(world: kit.World) -> None:
    answer = kit.browser(world.maker_user).post(section_url(world), {"purpose": "x", "base_revision": "9e9"})
    assert answer.status_code == 422
    assert "Load the page again." in kit.text_of(answer)
    assert typed(answer, "purpose") == "x"


def test_unicode_is_kept(world: kit.World) -> None:
    client = kit.browser(world.maker_user)
    said = "Größe ≥ 3 · 日本語 · עברית · 🙂"
    client.post(section_url(world), form_of(client.get(section_url(world))) | {"purpose": said})
    assert texts(world) == {"purpose": said}
    assert said in kit.text_of(client.get(card_url(world)))


def test_five_megabytes_are_refused_with_a_reason(world: kit.World) -> None:
    client = kit.browser(world.maker_user)
    long = client.post(section_url(world), {"purpose": "x" * 1_000_000, "base_revision": ""})
    assert long.status_code == 422
    assert "has 1,000,000 bytes; a section holds at most 100,000." in kit.text_of(long)
    longer = client.post(section_url(world), {"purpose": "x" * 5_000_000, "base_revision": ""})
    assert longer.status_code == 413
    assert "MB a form may hold" in kit.text_of(longer)
    assert texts(world) == {}


# --- preview ----------------------------------------------------------------------------------------------


def test_a_preview_saves_nothing_and_does_no_harm(world: kit.World) -> None:
    save(world, None, purpose="Ranks accounts.")
    client = kit.browser(world.maker_user)
    form = form_of(client.get(section_url(world)))
    text = "Ranks **all** accounts. <script>alert(1)</script> [x](javascript:alert(1))"
    seen = client.post(section_url(world), form | {"purpose": text, "act": "preview"})
    body = seen.content.decode()
    assert seen.status_code == 200
    assert "<strong>all</strong>" in body
    assert "&lt;script&gt;" in body
    assert "<script>alert" not in body
    assert 'href="javascript' not in body
    assert "1 place" in kit.text_of(seen)
    assert "removed: accounts. added: **all** accounts." in kit.text_of(seen)
    assert typed(seen, "purpose").startswith("Ranks **all** accounts.")
    assert texts(world) == {"purpose": "Ranks accounts."}


def test_with_script_only_the_preview_is_sent(world: kit.World) -> None:
    client = kit.browser(world.maker_user)
    headers = {"HX-Request": "true", "HX-Target": "preview"}
    form = whole_form(client.get(edit_url(world))) | {"purpose": "New.", "act": "preview"}
    part = client.post(edit_url(world), form, headers=headers)
    body = part.content.decode()
    assert body.strip().startswith('<div id="preview"')
    assert "<p>New.</p>" in body
    assert "<html" not in body
    wrong = client.post(edit_url(world), form | {"purpose": "x" * 100_001}, headers=headers)
    assert wrong.status_code == 422
    assert "There is nothing to preview yet." in wrong.content.decode()
    assert "a section holds at most 100,000" in wrong.content.decode()


# --- beginning from an earlier version ----------------------------------------------------------------------


def test_a_new_version_begins_from_the_card_before(world: kit.World) -> None:
    save(world, None, purpose="Ranks.", risks="Few.")
    second = make.make_version(world.model, actor=world.maker)
    client = kit.browser(world.maker_user)
    url = reverse("governance:card-edit", args=[world.model.name, second.number])
    page = client.get(url)
    assert "Take 2 empty sections from version 1" in kit.text_of(page)
    mine = whole_form(page) | {"purpose": "My own words."}
    filled = client.post(url, mine | {"act": "take"})
    words = kit.text_of(filled)
    assert (typed(filled, "purpose"), typed(filled, "risks")) == ("My own words.", "Few.")
    assert "Taken from revision 1 of version 1 , by Mara Maker; not saved yet." in words
    assert newest_revision(second) is None
    assert client.post(url, whole_form(filled)).status_code == 303
    card = newest_revision(second)
    assert card is not None
    assert card.sections == {"purpose": "My own words.", "risks": "Few."}
    shown = kit.text_of(client.get(reverse("governance:card", args=[world.model.name, second.number])))
    assert shown.count("as in version 1") == 1


def test_a_section_is_taken_by_itself(world: kit.World) -> None:
    save(world, None, purpose="Ranks.")
    second = make.make_version(world.model, actor=world.maker)
    client = kit.browser(world.maker_user)
    url = section_url(world, number=second.number)
    assert "Begin from version 1" in kit.text_of(client.get(url))
    filled = client.post(url, {"purpose": " ", "base_revision": "", "act": "take"})
    assert typed(filled, "purpose") == "Ranks."
    assert "taken from version 1, revision 1 by Mara Maker, not saved yet" in kit.text_of(filled)
    assert "Begin from" not in kit.text_of(filled)


# --- revisions --------------------------------------------------------------------------------------------


def test_any_two_revisions_are_read_against_each_other(world: kit.World) -> None:
    save(world, None, purpose="Watched each quarter.", risks="None.")
    save(world, 1, purpose="Watched each month.")
    save(
        world,
        2,
        actor_for(world.user(Role.CONTRIBUTOR, full_name="Owen Other")),
        risks="Few.",
        design="Trees.",
    )
    client = kit.browser(world.maker_user)
    words = kit.text_of(client.get(revisions_url(world)))
    assert "Revision 3 against revision 2 2 sections differ" in words
    assert "removed: None. added: Few." in words
    assert "Owen Other" in words
    assert "Method, rationale, assumptions, trade-offs; Risk register, residual risk" in words
    both = kit.text_of(client.get(f"{revisions_url(world)}?from=1&to=2"))
    assert "Watched each removed: quarter. added: month." in both
    assert "1 section differs" in both
    first = kit.text_of(client.get(f"{revisions_url(world)}?to=1"))
    assert "Revision 1 against an empty card" in first
    same = kit.text_of(client.get(f"{revisions_url(world)}?from=2&to=2"))
    assert "They say the same." in same
    for wrong in ("?to=9", "?from=x", "?to=-1", f"?to={'9' * 5000}"):
        assert client.get(f"{revisions_url(world)}{wrong}").status_code == 404


def test_the_list_of_revisions_costs_the_same_for_two_and_for_twenty(world: kit.World) -> None:
    client = kit.browser(world.maker_user)

    def cost() -> int:
        client.get(revisions_url(world))
        with CaptureQueriesContext(connection) as queries:
            client.get(revisions_url(world))
        return len(queries)

    for number in range(2):
        save(world, number or None, purpose=f"Text {number}.")
    few = cost()
    for number in range(2, 20):
        save(world, number, purpose=f"Text {number}.")
    assert cost() == few


def test_a_card_nobody_wrote_has_no_revisions(world: kit.World) -> None:
    assert "No revision yet" in kit.text_of(kit.browser(world.maker_user).get(revisions_url(world)))


def test_version_and_model_say_how_far_the_card_is(world: kit.World) -> None:
    save(world, None, purpose="Ranks.")
    client = kit.browser(world.maker_user)
    for name, args in (("registry:version", [world.model.name, 1]), ("registry:model", [world.model.name])):
        words = kit.text_of(client.get(reverse(name, args=args)))
        assert "of 18 sections that medium tier requires" in words
        assert "Uses to avoid, foreseeable misuse" in words


# --- REST -------------------------------------------------------------------------------------------------


def rest(world: kit.World, user: Any = None) -> Client:
    return api_client(token_for(user or world.maker_user, Scope.READ, Scope.WRITE))


def api_url(world: kit.World, name: Any, *args: Any) -> str:
    return reverse(f"governance:{name}", args=[world.model.name, 1, *args])


def patch(client: Client, url: str, body: dict[str, Any], **headers: str) -> Any:
    return client.patch(url, body, content_type="application/json", headers=headers)


def test_rest_saves_one_section_under_if_match(world: kit.World) -> None:
    client, url = rest(world), api_url(world, "api-card-section", "purpose")
    empty = client.get(url)
    assert (empty.json()["text"], empty.json()["written_in"]) == ("", None)
    saved = patch(client, url, {"text": "Ranks."}, **{"If-Match": empty["ETag"]})
    assert (saved.status_code, saved.json()["text"], saved.json()["written_in"]) == (200, "Ranks.", 1)
    save(world, 1, risks="Few.")  # another section: the ETag of this one holds
    second = patch(client, url, {"text": "Ranks all."}, **{"If-Match": saved["ETag"]})
    assert (second.status_code, second.json()["written_in"]) == (200, 3)
    late = patch(client, url, {"text": "Lost."}, **{"If-Match": saved["ETag"]})
    assert (late.status_code, late.json()["code"]) == (412, "precondition_failed")
    assert late["ETag"] == second["ETag"]
    assert texts(world) == {"purpose": "Ranks all.", "risks": "Few."}


@pytest.mark.parametrize(
    ("section", "body", "status", "code"),
    [
        ("purpose", {"text": "x", "base_revision": 7}, 409, "card_moved_on"),
        ("purpose", {"text": "x"}, 422, "invalid"),
        ("purpose", {"text": "Not applicable", "base_revision": None}, 422, "invalid"),
        ("purpose", {"base_revision": None}, 422, "invalid"),
        ("purpose", {"text": "x" * 100_001, "base_revision": None}, 413, "too_large"),
        ("identity", {"text": "x", "base_revision": None}, 422, "invalid"),
        ("unheard-of", {"text": "x", "base_revision": None}, 422, "invalid"),
    ],
)
def test_rest_refuses_a_section_with_a_code(
    world: kit.World, section: str, body: dict[str, Any], status: int, code: str
) -> None:
    answer = patch(rest(world), api_url(world, "api-card-section", section), body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert newest_revision(world.version) is None


def test_rest_reads_revisions_and_their_difference(world: kit.World) -> None:
    save(world, None, purpose="Watched each quarter.", risks="None.")
    save(world, 1, purpose="Watched each month.")
    client = rest(world)
    listed = client.get(api_url(world, "api-card-revisions")).json()["results"]
    assert [(one["number"], one["changed"], one["author"]) for one in listed] == [
        (2, ["purpose"], "Mara Maker"),
        (1, ["purpose", "risks"], "Mara Maker"),
    ]
    paged = client.get(api_url(world, "api-card-revisions") + "?page_size=1").json()
    assert [one["changed"] for one in paged["results"]] == [["purpose"]]
    first = client.get(api_url(world, "api-card-revision", 1)).json()
    assert first["sections"] == {"purpose": "Watched each quarter.", "risks": "None."}
    body = client.get(api_url(world, "api-card-difference", 1, 2)).json()
    [section] = body["sections"]
    assert (section["section"], section["places"], section["removed"], section["added"]) == (
        "purpose",
        1,
        1,
        1,
    )
    assert section["pieces"] == [
        {"kind": "same", "text": "Watched each "},
        {"kind": "removed", "text": "quarter. "},
        {"kind": "added", "text": "month. "},
    ]
    begun = client.get(api_url(world, "api-card-difference", 0, 1)).json()
    assert [one["section"] for one in begun["sections"]] == ["purpose", "risks"]
    for path in ("api-card-revision", 9), ("api-card-difference", 1, 9), ("api-card-difference", 9, 1):
        assert client.get(api_url(world, *path)).status_code == 404
    stranger = rest(world, make_user(roles=[(Role.OWNER, make_team())]))
    for name in ("api-card-revisions", "api-card"):
        assert stranger.get(api_url(world, name)).status_code == 404
    for one in ("api-card-revision", 1), ("api-card-section", "purpose"):
        assert stranger.get(api_url(world, *one)).status_code == 404
