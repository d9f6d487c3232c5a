"""Saving a model card: a new revision, never a change of an old one."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction

from countersign import canonical, clock
from countersign.accounts.models import User
from countersign.actors import Actor, ActorKind
from countersign.errors import Conflict, Invalid, Refused, TooLarge
from countersign.ledger.append import append_entry
from countersign.permissions import Permission
from governance.cards.models import CardRevision
from governance.cards.queries import last_changes, newest_revision, revisions_of
from governance.cards.sections import SECTIONS
from governance.cards.texts import SECTION_BYTES_LIMIT, is_bare_not_applicable, too_long
from governance.cards.verbs import CARD_SAVED
from registry.names import checked_text
from registry.versions.actions import add_contributor
from registry.versions.actions.locks import lock_version, refuse_archived
from registry.versions.models import ContributorKind, KnownBy, ModelVersion


@transaction.atomic
def save_card(
    *, version: ModelVersion, sections: Mapping[str, str], actor: Actor, base_revision: int | None
) -> CardRevision:
    """Save written sections (id → Markdown) as the next revision of a version's card.

    A section that is not named keeps its text; an empty text takes it away. `base_revision` is the number
    of the revision the writer began from, None for a version without a card. Equal texts make no revision:
    the newest is returned. Whoever saves becomes a contributor of the version (a service account's
    responsible person), so they cannot sign for it.

    Raises Refused, Conflict (code `card_moved_on`: somebody saved meanwhile), TooLarge, Invalid (an unknown
    section; one that is drawn; “not applicable” without a reason)."""
    if not (verdict := actor.may(Permission.EDIT_CARD, version.model.team_id)):
        raise Refused(verdict)
    given = _checked(sections)
    version = lock_version(version)
    refuse_archived(version)
    newest = newest_revision(version)
    if base_revision != (newest.number if newest else None):
        raise _moved_on(newest, base_revision)
    before = newest.sections if newest else {}
    texts = {name: text for name, text in (before | given).items() if text}
    changed = [name for name in SECTIONS if texts.get(name) != before.get(name)]
    if newest is not None and not changed:
        return newest
    if not texts:
        raise Invalid("The card was not saved.", fields={"sections": ["Write at least one section."]})
    revision = CardRevision.objects.create(
        version=version,
        number=newest.number + 1 if newest else 1,
        sections=texts,
        digest=canonical.digest(texts).removeprefix("sha256:"),
        author_id=actor.person,
        service_account=actor.ref if actor.kind is ActorKind.SERVICE else None,
        created_at=clock.now(),
    )
    if actor.person is not None:
        add_contributor(
            version=version,
            user=User.objects.get(pk=actor.person),
            kind=ContributorKind.CARD_AUTHOR,
            known_by=KnownBy.AUTHENTICATED,
            actor=actor,
        )
    append_entry(verb=CARD_SAVED, subject=revision, actor=actor, details={"changed": changed})
    return revision


@transaction.atomic
def save_section(
    *, version: ModelVersion, section: str, text: str, actor: Actor, base_revision: int | None
) -> CardRevision:
    """Save one section as the next revision, whatever others did meanwhile to the rest of the card.

    `base_revision` is the number of the revision the writer read the section in, None for none. Equal text makes no
    revision. Raises as `save_card`, Conflict (code `card_moved_on`) only where this section moved on."""
    if not (verdict := actor.may(Permission.EDIT_CARD, version.model.team_id)):
        raise Refused(verdict)
    version = lock_version(version)
    newest = newest_revision(version)
    base = revisions_of(version).filter(number=base_revision).first() if base_revision else None
    read, now = (one.sections.get(section, "") if one else "" for one in (base, newest))
    if (base_revision and base is None) or read != now:
        raise _moved_on(last_changes(version, until=newest).get(section, newest), base_revision)
    return save_card(
        version=version,
        sections={section: text},
        actor=actor,
        base_revision=newest.number if newest else None,
    )


def _checked(sections: Mapping[str, str]) -> dict[str, str]:
    texts: dict[str, str] = {}
    problems: dict[str, list[str]] = {}
    for name, raw in sections.items():
        section = SECTIONS.get(name)
        if section is None:
            known = ", ".join(one.id for one in SECTIONS.values() if one.is_written)
            problems[str(name)[:60]] = [f"A card has no such section. Known: {known}."]
        elif not section.is_written:
            problems[name] = [f"“{section.title}” is drawn from facts; nobody writes it. Leave it out."]
        elif isinstance(raw, str) and (sentence := too_long(section.title, raw)):
            raise TooLarge(sentence)
        else:
            texts[name] = checked_text(raw, field=name, limit=SECTION_BYTES_LIMIT)
            if is_bare_not_applicable(texts[name]):
                problems[name] = ["Say why it is not applicable: “Not applicable: …”."]
    if problems:
        raise Invalid("The card was not saved.", fields=problems)
    return texts


def _moved_on(newest: CardRevision | None, base: int | None) -> Conflict:
    if newest is None:
        return Conflict(
            f"This version has no card yet, so nothing follows revision {base}.", code="card_moved_on"
        )
    who = newest.author.full_name if newest.author else "The platform"
    when = f"{newest.created_at:%H:%M:%S} UTC on {newest.created_at:%d %b %Y}"
    return Conflict(
        f"{who} saved revision {newest.number} at {when}, after you began. Your text was not saved over it: "
        "look at the difference, then save again from there.",
        code="card_moved_on",
    )
