"""The seam of search: what somebody typed, how names rank, what is marked."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from countersign.actors import Actor
from countersign.ledger import queries
from countersign.permissions import Role
from countersign.web.search import Query
from tests.factories import people
from tests.test_core.ledger_kit import begin
from tests.test_governance.evidence_kit import browser, text_of


@pytest.mark.parametrize(
    ("typed", "numbered"),
    [
        ("credit-default 14", ("credit-default", 14)),
        ("Review 62", ("review", 62)),
        ("entry 48,209", ("entry", 48_209)),
        ("62", ("", 62)),
        ("#62", ("", 62)),
        ("review", None),
        ("14 days", None),
        ("1" * 30, None),
    ],
)
def test_a_number_is_read_with_the_words_before_it(typed: str, numbered: tuple[str, int] | None) -> None:
    assert Query(typed).numbered == numbered


@pytest.mark.parametrize(
    ("typed", "digest"),
    [
        ("3169f9", "3169f9"),
        ("sha256:3169F9F0", "3169f9f0"),
        ("3169f", None),
        ("credit", None),
        ("a" * 64, "a" * 64),
        ("a" * 65, None),
    ],
)
def test_a_digest_has_six_digits_or_more(typed: str, digest: str | None) -> None:
    assert Query(typed).digest == digest


def test_an_id_is_read_whole() -> None:
    assert Query(" 01a20d60-40d7-7dc0-8d43-118130c1afd5 ").uuid == UUID(
        "01a20d60-40d7-7dc0-8d43-118130c1afd5"
    )
    assert Query("01a20d60").uuid is None


def test_what_was_typed_is_marked_and_everything_escaped() -> None:
    assert Query("B>").marked("a<b>c") == "a&lt;<mark>b&gt;</mark>c"
    assert Query("x").marked("<script>") == "&lt;script&gt;"
    assert Query("").marked("<i>") == "&lt;i&gt;"
    assert Query("ss").marked("Straße") == "Straße", "folding may change the length"


@pytest.mark.django_db
def test_people_are_found_by_who_may_know_them() -> None:
    begin()
    people.make_user("vera", full_name="Vera Validator")
    nobody = browser(people.make_user("nobody"))
    viewer = browser(people.make_user("viola", roles=[(Role.VIEWER, people.make_team("Risk"))]))
    assert "Vera Validator" in text_of(viewer.get("/search/?q=vera"))
    assert "Vera Validator" not in text_of(nobody.get("/search/?q=vera"))
    assert Client().get("/search/?q=vera").status_code == 303


@pytest.mark.django_db
def test_an_entry_is_found_by_its_id_where_it_may_be_read() -> None:
    begin()
    theirs = people.make_team("Theirs")
    entry = queries.entries(actor=Actor.system(), filters=queries.Filters(subject_ref=theirs.pk)).entries[0]
    auditor = browser(people.make_user(roles=[(Role.AUDITOR, None)]))
    viewer = browser(people.make_user(roles=[(Role.VIEWER, people.make_team("Ours"))]))
    assert f"/ledger/entries/{entry.id}/" in auditor.get(f"/search/?q={entry.id}").content.decode()
    assert f"/ledger/entries/{entry.id}/" in auditor.get(f"/search/?q={theirs.pk}").content.decode()
    assert f"/ledger/entries/{entry.id}/" not in viewer.get(f"/search/?q={entry.id}").content.decode()


@pytest.mark.django_db
def test_the_palette_is_the_part_of_the_page() -> None:
    begin()
    people.make_user("vera", full_name="Vera Validator")
    client = browser(people.make_user(roles=[(Role.AUDITOR, None)]))
    part = client.get("/search/?q=vera", headers={"HX-Request": "true", "HX-Target": "hits"})
    assert part.content.decode().strip().startswith('<div class="hits" id="hits"')
    assert "<html" not in part.content.decode()
    assert "<mark>Vera</mark> Validator" in part.content.decode()
    page = client.get("/search/").content.decode()
    assert '<template id="palette">' in page
    assert 'data-key="/"' in page


@pytest.mark.django_db
@pytest.mark.parametrize("typed", ["%25", "_", "'", "a" * 5_000, "=1", "\\", "1" * 20, "%F0%9F%98%80", "-1"])
def test_whatever_is_typed_is_answered(typed: str) -> None:
    begin()
    client = browser(people.make_user(roles=[(Role.AUDITOR, None)]))
    assert client.get(f"/search/?q={typed}").status_code == 200


@pytest.mark.django_db
def test_it_costs_the_same_for_few_hits_and_for_many() -> None:
    begin()
    client = browser(people.make_user(roles=[(Role.AUDITOR, None)]))

    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            client.get("/search/?q=twin")
        return len(captured)

    for number in range(6):
        people.make_user(f"twin{number}")
    few = cost()
    for number in range(6, 20):
        people.make_user(f"twin{number}")
    assert cost() == few
