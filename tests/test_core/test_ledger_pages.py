"""The audit trail on pages: narrowed, opened, proven, and taken away as CSV."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from countersign import canonical, clock
from countersign.accounts.models import Team, User
from countersign.actors import Actor
from countersign.identifiers import new_id
from countersign.ledger import queries
from countersign.ledger.models import Entry, Pending, PersonalValue, Tree
from countersign.ledger.proofs import verify_inclusion
from countersign.ledger.trail import BATCH, COLUMNS
from countersign.permissions import Role
from countersign.web.csv_file import neutralised
from tests.factories import people
from tests.test_core.ledger_kit import NOTICED, SAVED, Sealing, begin, new_team, newest, record
from tests.test_governance.evidence_kit import browser, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def sealing(tmp_path: Path, settings: Any) -> Sealing:
    settings.LEDGER_ANCHOR_FOLDER = tmp_path

    def move_clock(seconds: float) -> None:
        settings.CLOCK_OFFSET_SECONDS += seconds

    return Sealing(tmp_path, move_clock)


@pytest.fixture
def ledger(db: None) -> Tree:
    return begin()


@pytest.fixture
def auditor(ledger: Tree) -> User:
    return people.make_user("august", full_name="August Auditor", roles=[(Role.AUDITOR, None)])


@pytest.fixture
def page(auditor: User) -> Client:
    return browser(auditor)


def newest_id() -> UUID:
    return UUID(orjson.loads(newest())["id"])


def rows_of(response: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode())))


# --- the list ---------------------------------------------------------------------------------------------


def test_filters_combine_and_stand_as_chips_in_the_url(page: Client, auditor: User) -> None:
    mine = people.actor_for(auditor)
    scoring, claims = new_team("Scoring", actor=mine), new_team("Claims")
    record(scoring, verb=NOTICED, actor=mine, details={"what": "drift"})
    url = f"/ledger/?verb={NOTICED.name}&who=august&subject={scoring.pk}&kind=accounts.team"
    found = page.get(url)
    words = text_of(found)
    assert "1 entry that fits" in words
    assert f"What {NOTICED.name}" in words
    assert "Who august" in words
    assert "About a team" in words
    assert "Entry new" in words
    assert "Not sealed yet" in words
    dropped = f"?who=august&amp;subject={scoring.pk}&amp;kind=accounts.team"
    assert dropped in found.content.decode(), "each chip leads to the list without it"
    assert "No entries" in text_of(page.get(f"/ledger/?verb={NOTICED.name}&subject={claims.pk}"))


def test_days_bound_the_list_and_both_count(page: Client) -> None:
    new_team("Scoring")
    today = f"{clock.now():%-d %b %Y}"
    assert f"From {today}" in text_of(
        page.get("/ledger/", {"since": today, "until": today, "verb": SAVED.name})
    )
    assert "No entries" in text_of(page.get("/ledger/", {"until": "1 Jan 2020"}))


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"who": "nobody at all"}, "Nobody here is called “nobody at all”"),
        ({"verb": "tests.never"}, "No such kind of entry"),
        ({"kind": "tests.thing"}, "Entries are about nothing of this kind"),
        ({"since": "31 Feb 2026"}, "Did you mean 28 Feb 2026?"),
        ({"since": "2 Feb 2026", "until": "1 Feb 2026"}, "The first day lies after the last"),
        ({"subject": "x"}, "Enter a valid UUID."),
    ],
)
def test_a_filter_that_makes_no_sense_is_said_in_place(
    page: Client, query: dict[str, str], said: str
) -> None:
    for path in ("/ledger/", "/ledger/entries.csv"):
        answer = page.get(path, query)
        assert answer.status_code == 422
        assert said in text_of(answer)


def test_the_list_costs_the_same_for_few_entries_and_for_many(page: Client) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert page.get("/ledger/").status_code == 200
        return len(captured)

    for _ in range(2):
        people.make_user(roles=[(Role.CONTRIBUTOR, people.make_team())])
    few = cost()
    for _ in range(15):
        people.make_user(roles=[(Role.CONTRIBUTOR, people.make_team())])
    assert cost() <= few


def test_a_sentence_links_what_it_names(page: Client) -> None:
    user = people.make_user("vera", full_name="Vera <b> Validator")
    listed = page.get("/ledger/?verb=accounts.user.created").content.decode()
    assert f'<a href="/people/{user.pk}/">Vera &lt;b&gt; Validator</a>' in listed


def test_entries_of_other_teams_are_seen_by_nobody_else(ledger: Tree) -> None:
    ours, theirs = people.make_team("Ours"), people.make_team("Theirs")
    viewer = browser(people.make_user("viola", roles=[(Role.VIEWER, ours)]))
    seen = {row["subject_id"] for row in rows_of(viewer.get("/ledger/entries.csv"))}
    assert str(ours.pk) in seen
    assert str(theirs.pk) not in seen
    listed = text_of(viewer.get("/ledger/"))
    assert "Theirs" not in listed
    made = queries.entries(actor=Actor.system(), filters=queries.Filters(subject_ref=theirs.pk)).entries[0]
    assert viewer.get(f"/ledger/entries/{made.id}/").status_code == 404


def test_strangers_and_people_without_a_role_read_nothing(ledger: Tree) -> None:
    assert Client().get("/ledger/entries.csv").status_code == 303
    nobody = browser(people.make_user("nobody"))
    assert nobody.get("/ledger/").status_code == 403
    assert nobody.get("/ledger/entries.csv").status_code == 403


# --- one entry --------------------------------------------------------------------------------------------


def test_an_entry_shows_its_values_and_the_way_to_the_root(page: Client, sealing: Sealing) -> None:
    team = new_team("Scoring")
    record(team, before={"name": "Old", "slug": team.slug}, personal={"reason": "Because."})
    entry = newest_id()
    open_yet = text_of(page.get(f"/ledger/entries/{entry}/"))
    assert "Entry, not sealed yet" in open_yet
    assert "it is not protected by the tree" in open_yet
    sealing()
    new_team("Later")
    sealing()
    answer = page.get(f"/ledger/entries/{entry}/")
    words = text_of(answer)
    proven = queries.proven_entry(actor=Actor.system(), entry=entry)
    index = proven.entry.index
    assert index is not None
    assert proven.sealed_by is not None
    assert proven.proven_by is not None
    assert f"Entry {index}" in words
    assert "Checked now" in words
    assert f"was sealed by checkpoint {proven.sealed_by.size}" in words
    assert f"stands in the newest, {proven.proven_by.size}" in words
    assert "name Old Scoring (changed)" in words
    assert "Because." in words
    for step in proven.path:
        assert step.hex() in answer.content.decode()
    left = [row for row in answer.context["path"] if row["left"]]
    assert all(row["last"] < index for row in left)
    leaf = bytes.fromhex(answer.context["leaf_hash"])
    root = bytes(proven.proven_by.root)
    assert verify_inclusion(leaf, index, proven.proven_by.size, proven.path, root)


def test_an_id_reads_as_the_name_of_its_thing(page: Client) -> None:
    team = people.make_team("Risk & Co")
    user = people.make_user("vera", full_name="Vera Validator", roles=[(Role.REVIEWER, team)])
    listed = queries.entries(
        actor=Actor.system(), filters=queries.Filters(verb="accounts.membership.")
    ).entries
    shown = page.get(f"/ledger/entries/{listed[0].id}/").content.decode()
    assert f'<a href="/people/{user.pk}/">Vera Validator</a>' in shown
    assert "the team Risk &amp; Co" in shown
    record(team, verb=NOTICED, details={"what": str(uuid4()), "who": "no id, but thirty-six letters, see?"})
    assert page.get(f"/ledger/entries/{newest_id()}/").status_code == 200


def test_an_erased_value_stays_erased_on_the_page_and_in_the_file(page: Client) -> None:
    record(new_team("Scoring"), verb=NOTICED, personal={"reason": "Secret reason"})
    entry = newest_id()
    assert "Secret reason" in text_of(page.get(f"/ledger/entries/{entry}/"))
    PersonalValue.objects.filter(entry=entry).delete()
    assert "Erased" in text_of(page.get(f"/ledger/entries/{entry}/"))
    assert b"Secret reason" not in b"".join(page.get("/ledger/entries.csv").streaming_content)


# --- CSV --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@sum", "\tx", "\rx", " =1+1"])
def test_no_cell_begins_as_a_formula(cell: str) -> None:
    assert neutralised(cell) == f"'{cell}"


def test_the_file_holds_what_the_page_shows_and_harms_no_spreadsheet(page: Client) -> None:
    name = '=HYPERLINK("http://evil.example","x")'
    people.make_user("eve", full_name=name)
    new_team("Scoring")
    response = page.get("/ledger/entries.csv?verb=accounts.")
    assert response["Content-Type"].startswith("text/csv")
    assert response["Content-Disposition"].startswith('attachment; filename="ledger-')
    rows = rows_of(response)
    assert tuple(rows[0]) == COLUMNS
    assert {row["verb"].split(".")[0] for row in rows} == {"accounts"}
    created = next(row for row in rows if "HYPERLINK" in row["sentence"])
    assert created["sealed"] == "no"
    assert created["index"] == ""
    for row in rows:
        assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row.values())


def many_entries(count: int) -> None:
    """Entries as a long life leaves them, written in one go."""
    team = new_team("Scoring")
    at = clock.stamp(clock.now())
    leaves = [
        canonical.canonical(
            {
                "act": str(uuid4()),
                "actor": {"kind": "system", "ref": None},
                "data": {"after": {"details": {"number": number}}, "before": None},
                "format": canonical.FORMAT,
                "id": str(new_id()),
                "personal": {},
                "recorded_at": at,
                "request": None,
                "subject": {"ref": str(team.pk), "type": Team.ledger_type},
                "verb": NOTICED.name,
                "verb_version": 1,
                "via": "tests",
            }
        )
        for number in range(count)
    ]
    written = Entry.objects.bulk_create(Entry(canonical=leaf) for leaf in leaves)
    Pending.objects.bulk_create(Pending(entry_id=entry.pk) for entry in written)


def test_ten_thousand_entries_are_streamed_in_bounded_queries(page: Client, sealing: Sealing) -> None:
    many_entries(10_000)
    sealing()
    many_entries(3)
    response = page.get(f"/ledger/entries.csv?verb={NOTICED.name}")
    assert response.streaming
    lines = iter(response.streaming_content)
    with CaptureQueriesContext(connection) as first:
        next(lines), next(lines)
    assert len(first) <= 8, "the first line does not wait for the last entry"
    with CaptureQueriesContext(connection) as rest:
        count = sum(1 for _ in lines)
    assert count + 1 == 10_003
    assert len(rest) <= 5 * (10_003 // BATCH + 2)


# --- the foot ---------------------------------------------------------------------------------------------


def test_the_list_says_how_many_fit_and_leads_to_the_earlier_ones(page: Client, sealing: Sealing) -> None:
    many_entries(60)
    sealing()
    listed = page.get(f"/ledger/?verb={NOTICED.name}")
    assert "60 entries that fit" in text_of(listed)
    later = page.get(f"/ledger/?verb={NOTICED.name}&cursor={listed.context['next_cursor']}")
    assert "Newest entries" in text_of(later)
    assert later.context["count"] == 10
