"""A card changes by revisions, never in place; who writes one has made the version and cannot sign for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from countersign import canonical
from countersign.actors import Actor
from countersign.errors import Conflict, Invalid, Refused, TooLarge
from countersign.ledger.models import Entry
from countersign.ledger.presenters import present
from countersign.permissions import Role
from governance.cards.actions import save_card
from governance.cards.models import CardRevision
from governance.cards.queries import cards_visible_to, last_changes, newest_revision, revisions_of
from governance.cards.texts import not_applicable_reason
from registry.versions.actions import archive_version
from registry.versions.models import Contributor, ContributorKind
from tests.factories.governance import Subject, make_card, make_subject
from tests.factories.people import actor_for, make_service_account, make_team, make_user
from tests.test_registry.kit import assert_entry, leaves, verbs_since

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def shared(django_db_setup: None, django_db_blocker: Any) -> Iterator[Subject]:
    """One version for all tests here that roll back."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield make_subject()
        transaction.set_rollback(True)


def save(subject: Subject, base: int | None, actor: Actor | None = None, **sections: str) -> CardRevision:
    return save_card(
        version=subject.version, sections=sections, actor=actor or subject.maker, base_revision=base
    )


def writer(subject: Subject, name: str = "") -> Actor:
    return actor_for(make_user(full_name=name, roles=[(Role.CONTRIBUTOR, subject.team)]))


def test_a_first_and_a_second_revision(shared: Subject) -> None:
    first = save(shared, None, purpose="Scores accounts.", risks="None known.")
    second = save(shared, 1, purpose="Scores card accounts.")
    assert (first.number, second.number) == (1, 2)
    assert second.sections == {"purpose": "Scores card accounts.", "risks": "None known."}
    assert newest_revision(shared.version) == second
    assert [one.number for one in revisions_of(shared.version)] == [2, 1]
    first.refresh_from_db()
    assert first.sections["purpose"] == "Scores accounts."
    assert first.digest != second.digest
    assert f"sha256:{second.digest}" == canonical.digest(second.sections)
    assert second.author_id == shared.maker.ref


def test_an_empty_text_takes_a_section_away(shared: Subject) -> None:
    save(shared, None, purpose="x", risks="y")
    assert save(shared, 1, risks="  \n").sections == {"purpose": "x"}


def test_equal_texts_make_no_revision(shared: Subject) -> None:
    first = save(shared, None, purpose="x")
    began = Entry.objects.count()
    assert save(shared, 1, purpose="x\r\n") == first
    assert save(shared, 1) == first
    assert Entry.objects.count() == began


def test_text_is_kept_as_it_was_written_but_for_line_ends(shared: Subject) -> None:
    text = "Zürich  \r\n\r\n| a | b |\r\n|---|---|\r\n"
    assert save(shared, None, purpose=text).sections["purpose"] == "Zürich  \n\n| a | b |\n|---|---|"


def test_who_saved_meanwhile_is_named_and_nothing_is_lost(shared: Subject) -> None:
    save(shared, None, purpose="x")
    other = writer(shared, "Grace Hopper")
    save(shared, 1, other, purpose="y")
    began = Entry.objects.count()
    for base in (None, 1, 7):
        with pytest.raises(
            Conflict, match=r"Grace Hopper saved revision 2 at \d\d:\d\d:\d\d UTC"
        ) as conflict:
            save(shared, base, purpose="z")
        assert conflict.value.code == "card_moved_on"
    assert Entry.objects.count() == began
    assert newest_revision(shared.version).sections == {"purpose": "y"}  # type: ignore[union-attr]


def test_a_base_there_never_was(shared: Subject) -> None:
    with pytest.raises(Conflict, match="has no card yet"):
        save(shared, 1, purpose="x")


@pytest.mark.parametrize(
    ("sections", "field", "said"),
    [
        ({"identity": "x"}, "identity", "is drawn from facts; nobody writes it"),
        ({"training": "x"}, "training", "is drawn from facts; nobody writes it"),
        ({"puprose": "x"}, "puprose", "A card has no such section. Known: purpose, "),
        ({"purpose": "a\x00b"}, "purpose", "control character"),
        ({"purpose": "a\ud800b"}, "purpose", "control character"),
        ({"purpose": 7}, "purpose", "not text"),
        ({"purpose": "Not applicable"}, "purpose", "Say why it is not applicable"),
        ({"purpose": " **not applicable:** "}, "purpose", "Say why it is not applicable"),
        ({}, "sections", "Write at least one section."),
        ({"purpose": "  "}, "sections", "Write at least one section."),
    ],
)
def test_what_a_card_cannot_hold(shared: Subject, sections: dict[str, Any], field: str, said: str) -> None:
    began = Entry.objects.count()
    with pytest.raises(Invalid) as invalid:
        save_card(version=shared.version, sections=sections, actor=shared.maker, base_revision=None)
    assert said in invalid.value.fields[field][0]
    assert Entry.objects.count() == began
    assert newest_revision(shared.version) is None


def test_a_section_holds_100_kilobytes(shared: Subject) -> None:
    save(shared, None, purpose="ü" * 50_000)
    with pytest.raises(TooLarge, match=r"has 100,002 bytes; a section holds at most 100,000"):
        save(shared, 1, purpose="ü" * 50_001)


def test_not_applicable_with_a_reason() -> None:
    assert not_applicable_reason("Not applicable: no people are affected.") == "no people are affected."
    assert not_applicable_reason("NOT APPLICABLE — a toy.") == "a toy."
    assert not_applicable_reason("It is not applicable to children.") is None
    assert not_applicable_reason("Not applicables") is None


@pytest.mark.parametrize("role", [Role.VIEWER, Role.REVIEWER, Role.APPROVER])
def test_only_makers_write(shared: Subject, role: Role) -> None:
    began = Entry.objects.count()
    somebody = actor_for(make_user(roles=[(role, shared.team)]))
    began = Entry.objects.count()
    with pytest.raises(Refused):
        save(shared, None, somebody, purpose="x")
    with pytest.raises(Refused):
        save(shared, None, actor_for(make_user(roles=[(Role.OWNER, make_team())])), purpose="x")
    assert not CardRevision.objects.exists()
    assert Entry.objects.count() > began  # the other team and its owner, and no card
    assert "governance.card_revision.saved" not in {leaf["verb"] for leaf in leaves()}


def test_an_archived_version_takes_no_card(shared: Subject) -> None:
    archive_version(version=shared.version, actor=shared.maker)
    with pytest.raises(Refused, match="archived"):
        save(shared, None, purpose="x")


def test_whoever_writes_becomes_a_contributor_once(shared: Subject) -> None:
    author = writer(shared)
    save(shared, None, author, purpose="x")
    save(shared, 1, author, purpose="y")
    found = Contributor.objects.get(version=shared.version, user=author.ref)
    assert (found.kind, found.known_by) == (ContributorKind.CARD_AUTHOR, "authenticated")


def test_for_a_service_account_its_responsible_person_counts(shared: Subject) -> None:
    person = make_user(full_name="Ada Byron")
    account = make_service_account(shared.team, person)
    revision = save(shared, None, actor_for(account, via="rest"), purpose="x")
    assert (revision.author_id, revision.service_account) == (person.pk, account.pk)
    assert Contributor.objects.filter(
        version=shared.version, user=person, kind=ContributorKind.CARD_AUTHOR
    ).exists()


def test_the_entry_says_what_changed_and_holds_no_prose(shared: Subject) -> None:
    save(shared, None, purpose="A secret of the firm.", risks="r")
    began = len(leaves())
    revision = save(shared, 1, purpose="Another secret.", limitations="l")
    (entry,) = leaves()[began:]
    assert_entry(
        entry,
        verb="governance.card_revision.saved",
        subject=revision,
        actor=shared.maker,
        after={
            "version": str(shared.version.pk),
            "number": 2,
            "digest": f"sha256:{revision.digest}",
            "sections": ["limitations", "purpose", "risks"],
            "details": {"changed": ["purpose", "limitations"]},
        },
    )
    assert "secret" not in str(leaves())
    assert str(present(entry, {})) == (
        f"saved revision 2 of the card of {shared.version}: Purpose, users, decision supported; "
        "Limits, overlays, conditions"
    )


def test_a_new_writer_is_told_in_the_same_act(shared: Subject) -> None:
    author = writer(shared)
    began = len(leaves())
    save(shared, None, author, purpose="x")
    assert verbs_since(began) == ["registry.contributor.added", "governance.card_revision.saved"]
    assert {leaf["act"] for leaf in leaves()[began:]} == {str(author.act)}


def test_if_the_ledger_cannot_be_written_nothing_was_saved(
    shared: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    from countersign.ledger import append

    author = writer(shared)
    made = Contributor.objects.count(), Entry.objects.count()
    monkeypatch.setattr(append, "_INSERT", "INSERT INTO ledger_entry (canonical) VALUES (%s), (NULL)")
    with pytest.raises(IntegrityError, match="null value"), transaction.atomic():
        save(shared, None, author, purpose="x")
    assert not CardRevision.objects.exists()
    assert (Contributor.objects.count(), Entry.objects.count()) == made


def test_the_database_lets_nobody_rewrite_a_card(shared: Subject) -> None:
    save(shared, None, purpose="x")
    for attempt in (
        lambda: CardRevision.objects.update(sections={"purpose": "y"}),
        lambda: CardRevision.objects.all().delete(),
    ):
        with pytest.raises(IntegrityError, match="a card changes by a new revision"), transaction.atomic():
            attempt()


def test_who_wrote_which_section(shared: Subject) -> None:
    other = writer(shared)
    first = save(shared, None, purpose="x", risks="r", affected="a")
    second = save(shared, 1, other, risks="r2", affected="")
    third = save(shared, 2, affected="a")
    changes = last_changes(shared.version, until=third)
    assert changes == {"purpose": first, "risks": second, "affected": third}
    assert last_changes(shared.version, until=first) == {"purpose": first, "risks": first, "affected": first}
    assert last_changes(shared.version, until=None) == {}


def test_cards_of_others_are_not_seen(shared: Subject) -> None:
    revision = make_card(shared.version, actor=shared.maker)
    assert list(cards_visible_to(shared.maker)) == [revision]
    assert not cards_visible_to(actor_for(make_user(roles=[(Role.OWNER, make_team())]))).exists()
