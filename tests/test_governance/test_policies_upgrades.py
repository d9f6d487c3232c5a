"""A release that ships newer policies says so until people decide, and changes nothing by itself."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from django.urls import reverse

from countersign.accounts.models import User
from countersign.actors import Actor
from countersign.permissions import Role
from countersign.upkeep.doctor.findings import State
from governance.policies import shipping
from governance.policies.actions import (
    discard_draft,
    draft_revision,
    put_in_force,
    ship_policies,
    start_policy,
)
from governance.policies.models import Policy, PolicyRevision, RevisionState
from governance.policies.queries import policies_with_standing, standing_of
from governance.policies.upgrades import findings
from tests.factories.governance import make_environment, policy_text
from tests.factories.people import actor_for, make_team, make_user
from tests.test_governance import evidence_kit as kit
from tests.test_registry.kit import last

pytestmark = pytest.mark.django_db
NOW = (shipping.SHIPPED / "high-production.yaml").read_text(encoding="utf-8")


def without_crossings(text: str) -> str:
    """The file as an earlier release had it: no rule on crossings, another limit on ranking."""
    earlier = re.sub(r"  - id: crossed-selection\n.*?(?=  - id: )", "", text, flags=re.DOTALL)
    return earlier.replace("    limit: 0.70\n", "    limit: 0.68\n", 1)


@pytest.fixture
def upgraded(db: None, tmp_path: Path) -> PolicyRevision:
    """The high tier for production as an earlier release put it in force, under the release of now."""
    make_environment("production")
    make_user(roles=[(Role.REVIEWER, team := make_team()), (Role.APPROVER, team)])
    (tmp_path / "high-production.yaml").write_text(without_crossings(NOW), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shipping, "SHIPPED", tmp_path)
        shipping.shipped_texts.cache_clear()
        (revision,) = ship_policies(actor=Actor.system())
    shipping.shipped_texts.cache_clear()
    return revision


@pytest.fixture
def author(db: None) -> User:
    return make_user("clara", full_name="Clara Author", roles=[(Role.COMPLIANCE, None)])


@pytest.fixture
def second(db: None) -> Actor:
    return actor_for(make_user("carl", full_name="Carl Second", roles=[(Role.COMPLIANCE, None)]))


def words(user: User, url: str) -> str:
    return kit.text_of(kit.browser(user).get(url))


def url_of(policy: Policy) -> str:
    return reverse("governance:policy", args=[policy.pk])


def test_the_upgrade_itself_changes_nothing_and_says_what_waits(
    upgraded: PolicyRevision, author: User
) -> None:
    others = ship_policies(actor=Actor.system())  # as the upgrade's bootstrap does: only where there is none
    assert {one.policy.risk_tier for one in others} == {"low", "medium"}
    upgraded.refresh_from_db()
    assert upgraded.state == RevisionState.IN_FORCE
    listed = words(author, reverse("governance:policies"))
    assert (
        "High tier, production: this release ships another text Revision 1 binds until compliance" in listed
    )
    shown = words(author, url_of(upgraded.policy))
    assert "This release ships another text: 2 requirements would change" in shown
    assert "New No crossing of groups is passed over. In every crossing of two sensitive attributes" in shown
    assert "must be at least 0.70 on at least 1,000 rows. In force now: ROC AUC" in shown
    (found,) = findings()
    assert (found.state, found.name) == (State.WEAK, "Shipped policies")
    assert found.seen == "this release ships newer texts for “High tier, production”"


def test_one_press_drafts_it_and_the_second_person_puts_it_in_force(
    upgraded: PolicyRevision, author: User, second: Actor
) -> None:
    client = kit.browser(author)
    page = client.get(url_of(upgraded.policy)).content.decode()
    (action, sent) = re.findall(
        r'<form method="post" action="(/policies/[^"]*/draft/)">.*?name="text" value="([^"]*)"',
        page,
        re.DOTALL,
    )[0]
    answer = client.post(action, {"text": html.unescape(sent).replace("\n", "\r\n")})
    assert answer.status_code == 303
    draft = upgraded.policy.revisions.get(number=2)
    assert (draft.text, draft.state, draft.author) == (NOW, RevisionState.DRAFT, author)
    assert last("governance.policy_revision.drafted")["subject"]["ref"] == str(draft.pk)
    assert standing_of(upgraded.policy).in_force == upgraded
    assert "This release ships another text" not in words(author, url_of(upgraded.policy))
    put_in_force(revision=draft, actor=second)
    assert "this release ships another text" not in words(author, reverse("governance:policies"))
    assert [one.state for one in findings()] == [State.OK]


def test_to_discard_it_or_to_edit_the_draft_is_a_decision_too(
    upgraded: PolicyRevision, author: User, second: Actor
) -> None:
    theirs = draft_revision(
        policy=upgraded.policy,
        text=upgraded.text.replace("limit: 0.68", "limit: 0.75"),
        actor=actor_for(author),
    )
    put_in_force(revision=theirs, actor=second)
    assert standing_of(upgraded.policy).newer is not None  # limits of one's own are no decision on this text
    draft = draft_revision(policy=upgraded.policy, text=NOW, actor=actor_for(author))
    edited = NOW.replace("limit: 0.70", "limit: 0.75", 1)
    draft_revision(policy=upgraded.policy, text=edited, actor=actor_for(author), replaces=draft)
    assert standing_of(upgraded.policy).newer is None
    (left,) = standing_of(upgraded.policy).drafts
    discard_draft(revision=left, reason="Ours are tighter.", actor=second)
    assert standing_of(upgraded.policy).newer is None


def test_who_may_not_draft_reads_why_and_comments_are_no_other_text(upgraded: PolicyRevision) -> None:
    reader = make_user(roles=[(Role.VIEWER, make_team())])
    page = kit.browser(reader).get(url_of(upgraded.policy)).content.decode()
    assert 'aria-describedby="why-no-draft">Draft the shipped text' in page
    assert 'name="text"' not in page
    same = PolicyRevision(
        policy=upgraded.policy, author=None, digest=shipping.parse(f"# More.\n{NOW}").digest
    )
    assert shipping.newer_shipped(upgraded.policy, [same]) is None


def test_a_policy_that_people_began_is_never_compared(author: User, second: Actor) -> None:
    make_environment("production")
    make_user(roles=[(Role.APPROVER, make_team())])
    mine = start_policy(text=policy_text(), actor=actor_for(author))
    put_in_force(revision=mine, actor=second)
    assert [one.newer for one in policies_with_standing(second)] == [None]
    assert "This release ships another text" not in words(author, url_of(mine.policy))
    assert [one.state for one in findings()] == [State.OK]
