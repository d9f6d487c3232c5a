"""Cards and policies with real commits: two who save at once, and what `verify` finds."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from countersign.actors import Actor
from countersign.errors import CountersignError
from countersign.ledger.verification import verify
from countersign.permissions import Role
from governance.cards.actions import save_card
from governance.cards.models import CardRevision
from governance.cards.queries import newest_revision
from governance.policies.actions import draft_revision, put_in_force, ship_policies
from governance.policies.models import PolicyRevision
from registry.versions.models import Contributor, ContributorKind
from tests.factories.governance import make_card, make_compliance, make_environment, make_subject
from tests.factories.people import actor_for, make_user
from tests.test_core.ledger_kit import Sealing, begin


@pytest.mark.django_db(transaction=True)
def test_of_two_who_save_at_once_one_is_told() -> None:
    subject = make_subject()
    make_card(subject.version, actor=subject.maker)
    writers = [actor_for(make_user(roles=[(Role.CONTRIBUTOR, subject.team)])) for _ in range(5)]

    def attempt(number: int) -> Any:
        try:
            return save_card(
                version=subject.version,
                sections={"purpose": f"text {number}"},
                actor=writers[number],
                base_revision=1,
            )
        except CountersignError as error:
            return error.code
        finally:
            connection.close()

    with ThreadPoolExecutor(5) as pool:
        given = list(pool.map(attempt, range(5)))
    (won,) = [one for one in given if isinstance(one, CardRevision)]
    assert given.count("card_moved_on") == 4
    assert newest_revision(subject.version) == won
    # The maker, and the one who won.
    assert Contributor.objects.filter(kind=ContributorKind.CARD_AUTHOR).count() == 2


@pytest.mark.django_db(transaction=True)
def test_every_card_and_policy_agrees_with_its_newest_entry(settings: Any, tmp_path: Path) -> None:
    def move_clock(seconds: float) -> None:
        settings.CLOCK_OFFSET_SECONDS += seconds

    begin()
    subject = make_subject()
    make_card(subject.version, actor=subject.maker)
    make_card(subject.version, actor=subject.maker, sections={"risks": ""})
    make_environment("production")
    high = next(one for one in ship_policies(actor=Actor.system()) if one.policy.risk_tier == "high")
    text = high.text.replace("limit: 0.05", "limit: 0.04")
    draft = draft_revision(policy=high.policy, text=text, actor=make_compliance())
    put_in_force(revision=draft, actor=make_compliance())
    Sealing(tmp_path / "mirror", move_clock)()
    assert [str(finding) for finding in verify(anchors=[]).findings] == []
    PolicyRevision.objects.filter(id=draft.id).update(state="superseded", in_force_until=draft.created_at)
    findings = [str(finding) for finding in verify(anchors=[]).findings]
    assert findings
    assert all("governance.policy_revision" in finding for finding in findings), findings
