"""Drafts of policies: edited without changing a text, discarded with a reason, tried out before they bind; and
policies nobody could ever satisfy."""

from __future__ import annotations

import re
import threading
from typing import Any

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from countersign.accounts.actions import grant_role
from countersign.accounts.models import User
from countersign.actors import Actor
from countersign.errors import Conflict, Invalid, Refused
from countersign.ledger import append
from countersign.ledger.presenters import present
from countersign.permissions import Role, Scope
from governance.evaluation.measures.catalogue import EVIDENCE, FAIRNESS_RULES, GROUP_METRICS, METRICS
from governance.policies.actions import discard_draft, draft_revision, put_in_force
from governance.policies.bounds import RANGES
from governance.policies.checks import FACTS
from governance.policies.dry_run import dry_run
from governance.policies.models import Policy, PolicyRevision, RevisionState
from governance.policies.queries import standing_of
from governance.policies.rules import parse
from tests.factories.governance import AUC, make_compliance, make_policy, policy_text
from tests.factories.people import actor_for, api_client, make_team, make_user, token_for
from tests.test_core.accounts_kit import leaves
from tests.test_governance import evidence_kit as kit

pytestmark = pytest.mark.django_db

TIGHTER = policy_text(rules=[AUC | {"limit": 0.75}])
TIGHTEST = policy_text(rules=[AUC | {"limit": 0.99}])
SIGN_OFF: dict[str, Any] = {"key": "approval", "title": "Approval", "meaning": "approval", "role": "approver"}


@pytest.fixture
def policy(db: None) -> Policy:
    return make_policy().policy


def person(name: str) -> User:
    return make_user(name, full_name=name.capitalize(), roles=[(Role.COMPLIANCE, None)])


def url(name: str, *args: Any) -> str:
    return reverse(f"governance:{name}", args=args)


# --- editing and discarding -----------------------------------------------------------------------------------


def test_to_edit_a_draft_is_to_draft_its_successor(policy: Policy) -> None:
    author, other = make_compliance(), make_compliance()
    first = draft_revision(policy=policy, text=TIGHTER, actor=author)
    began = len(leaves())
    second = draft_revision(policy=policy, text=TIGHTEST, actor=other, replaces=first)
    first.refresh_from_db()
    assert (first.state, first.text, first.discard_reason) == (
        RevisionState.DISCARDED,
        TIGHTER,
        "Replaced by draft 3.",
    )
    assert (second.number, second.author_id) == (3, other.ref)
    assert [one.number for one in standing_of(policy).drafts] == [3]
    told = leaves()[began:]
    assert [leaf["verb"] for leaf in told] == [
        "governance.policy_revision.drafted",
        "governance.policy_revision.discarded",
    ]
    assert "replaced draft 2 of the policy" in str(present(told[1], {}))
    assert told[1]["data"]["before"]["state"] == "draft"
    # Whoever read draft 2 does not put draft 3 in force by it; and who wrote draft 3 not by themselves.
    with pytest.raises(Conflict, match="Revision 2 is discarded already"):
        put_in_force(revision=first, actor=make_compliance())
    with pytest.raises(Refused):
        put_in_force(revision=second, actor=other)
    put_in_force(revision=second, actor=author)


def test_a_draft_is_discarded_with_a_reason_that_is_no_part_of_the_ledger(policy: Policy) -> None:
    draft = draft_revision(policy=policy, text=TIGHTER, actor=make_compliance())
    somebody = make_compliance()
    discarded = discard_draft(revision=draft, reason=" Too early. ", actor=somebody)
    assert (discarded.discarded_by_id, discarded.discard_reason) == (somebody.ref, "Too early.")
    leaf = leaves()[-1]
    assert leaf["verb"] == "governance.policy_revision.discarded"
    assert "Too early" not in str(leaf)
    assert "discarded draft 2 of the policy" in str(present(leaf, {}))
    with pytest.raises(Conflict, match="Revision 2 is discarded already"):
        discard_draft(revision=draft, reason="Again.", actor=somebody)
    # Its number stays taken, and the same text may be drafted again.
    assert draft_revision(policy=policy, text=TIGHTER, actor=somebody).number == 3


def test_only_a_draft_is_discarded_by_whoever_writes_policies_and_says_why(policy: Policy) -> None:
    draft = draft_revision(policy=policy, text=TIGHTER, actor=make_compliance())
    with pytest.raises(Invalid) as missing:
        discard_draft(revision=draft, reason="  ", actor=make_compliance())
    assert missing.value.fields["reason"]
    with pytest.raises(Refused):
        discard_draft(
            revision=draft, reason="No.", actor=actor_for(make_user(roles=[(Role.OWNER, make_team())]))
        )
    with pytest.raises(Conflict, match="is in force already"):
        discard_draft(revision=policy.revisions.get(number=1), reason="No.", actor=make_compliance())
    draft.refresh_from_db()
    assert draft.state == RevisionState.DRAFT


def test_if_the_ledger_cannot_be_written_the_draft_stands(
    policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = draft_revision(policy=policy, text=TIGHTER, actor=make_compliance())
    somebody = make_compliance()
    monkeypatch.setattr(append, "_INSERT", "INSERT INTO ledger_entry (canonical) VALUES (%s), (NULL)")
    with pytest.raises(IntegrityError), transaction.atomic():
        discard_draft(revision=draft, reason="No.", actor=somebody)
    with pytest.raises(IntegrityError), transaction.atomic():
        draft_revision(policy=policy, text=TIGHTEST, actor=somebody, replaces=draft)
    draft.refresh_from_db()
    assert (draft.state, policy.revisions.count()) == (RevisionState.DRAFT, 2)


@pytest.mark.django_db(transaction=True)
def test_discarding_and_putting_in_force_at_once_end_in_one_of_both() -> None:
    policy = make_policy().policy
    draft = draft_revision(policy=policy, text=TIGHTER, actor=make_compliance())
    barrier, told = threading.Barrier(2), []
    somebody, another = make_compliance(), make_compliance()
    acts = [
        lambda: put_in_force(revision=draft, actor=somebody),
        lambda: discard_draft(revision=draft, reason="No.", actor=another),
    ]

    def run(act: Any) -> None:
        try:
            barrier.wait(timeout=30)
            told.append(act().state)
        except Conflict as conflict:
            told.append(conflict.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    draft.refresh_from_db()
    assert sorted(told) == sorted(["policy_moved_on", draft.state])


# --- pages ----------------------------------------------------------------------------------------------------


def test_two_edit_one_draft_and_nothing_typed_is_lost(policy: Policy) -> None:
    draft = draft_revision(policy=policy, text=TIGHTER, actor=actor_for(person("clara")))
    mine, theirs = kit.browser(person("carl")), kit.browser(person("cora"))
    form = f"{url('policy-draft', policy.pk)}?edit={draft.number}"
    assert "limit: 0.75" in mine.get(form).content.decode()
    assert "Save in place of draft 2" in kit.text_of(theirs.get(form))
    saved = theirs.post(form, {"text": TIGHTEST})
    assert saved["Location"].endswith("?revision=3")
    my_text = policy_text(rules=[AUC | {"limit": 0.8}])
    lost = mine.post(form, {"text": my_text})
    words = kit.text_of(lost)
    assert lost.status_code == 409
    assert "Draft 2 is no draft any more. Cora ended it" in words
    assert "What revision 3 changes of draft 2" in words
    assert "limit: 0.99" in words
    assert "limit: 0.8" in re.search(r"<textarea.*?</textarea>", lost.content.decode(), re.S)[0]  # type: ignore[index]
    again = mine.post(url("policy-draft", policy.pk), {"text": my_text})
    assert again["Location"].endswith("?revision=4")
    assert [one.number for one in standing_of(policy).drafts] == [4, 3]


def test_a_draft_is_discarded_on_its_page_and_says_so_afterwards(policy: Policy) -> None:
    draft_revision(policy=policy, text=TIGHTER, actor=actor_for(person("clara")))
    client = kit.browser(person("carl"))
    assert "Discard draft 2" in kit.text_of(client.get(url("policy", policy.pk) + "?revision=2"))
    empty = client.post(url("policy-discard", policy.pk, 2), {"reason": ""})
    assert (empty.status_code, "Why it goes no further is missing." in kit.text_of(empty)) == (422, True)
    assert client.post(url("policy-discard", policy.pk, 2), {"reason": "Too early."}).status_code == 303
    words = kit.text_of(client.get(url("policy", policy.pk) + "?revision=2"))
    assert "by Carl: Too early." in words
    assert "Put revision 2 in force" not in words
    late = client.post(url("policy-discard", policy.pk, 2), {"reason": "Again."})
    assert (late.status_code, "is discarded already" in kit.text_of(late)) == (409, True)
    viewer = kit.browser(make_user(roles=[(Role.VIEWER, make_team())]))
    assert viewer.post(url("policy-discard", policy.pk, 2), {"reason": "x"}).status_code == 403


def test_any_revision_is_read_against_an_earlier_one(policy: Policy) -> None:
    author = make_compliance()
    put_in_force(revision=draft_revision(policy=policy, text=TIGHTER, actor=author), actor=make_compliance())
    page = kit.browser(person("clara")).get(url("policy", policy.pk) + "?revision=2&against=1")
    words = kit.text_of(page)
    assert "Revision 2 is read against revision 1." in words
    assert "must be at least 0.75. In force now: ROC AUC" in words or "0.75" in words
    assert "All changed lines, against revision 1" in words
    assert re.search(
        r'<span class="l new"><span class="ln">\d+ \+</span><span>\s*limit: 0.75', page.content.decode()
    )


# --- who would be refused -----------------------------------------------------------------------------------


@pytest.fixture
def world(db: None) -> kit.World:
    world = kit.credit_world(tier="high")
    kit.make_evidence(world.version, world.data, actor=world.maker)
    make_user(roles=[(Role.APPROVER, world.team)])
    return world


def test_a_draft_says_whom_it_would_refuse(world: kit.World) -> None:
    policy = make_policy(policy_text(rules=[AUC | {"limit": 0.5}])).policy
    draft = draft_revision(policy=policy, text=TIGHTEST, actor=make_compliance())
    run = dry_run(actor=world.maker, policy=policy, in_force=policy.revisions.get(number=1), draft=draft)
    assert [str(one.version) for one in run.newly_refused] == ["credit-default 1"]
    assert run.sentence == "It would newly refuse 1 of 1 version."
    words = kit.text_of(kit.browser(world.maker_user).get(url("policy", policy.pk) + "?revision=2"))
    assert "It would newly refuse 1 of 1 version." in words
    assert "credit-default 1 All met 1 not met" in words
    back = dry_run(actor=world.maker, policy=policy, in_force=draft, draft=policy.revisions.get(number=1))
    assert back.sentence == "It would newly allow 1 of 1 version."
    same = dry_run(actor=world.maker, policy=policy, in_force=draft, draft=draft)
    assert same.sentence == "No answer would change for 1 version."
    stranger = actor_for(make_user(roles=[(Role.OWNER, make_team())]))
    assert dry_run(actor=stranger, policy=policy, in_force=draft).models == []


def test_a_dry_run_costs_the_same_for_one_model_and_for_five(world: kit.World) -> None:
    policy = make_policy(policy_text(rules=[AUC])).policy
    draft = draft_revision(policy=policy, text=TIGHTER, actor=make_compliance())
    client = kit.browser(person("clara"))

    def cost() -> int:
        client.get(url("policy", policy.pk) + "?revision=2")
        with CaptureQueriesContext(connection) as queries:
            client.get(url("policy", policy.pk) + "?revision=2")
        return len(queries)

    few = cost()
    for number in range(4):
        other = kit.credit_world(name=f"model-{number}", tier="high", people=f"mara{number}")
        make_user(roles=[(Role.APPROVER, other.team)])
    assert len(dry_run(actor=make_compliance(), policy=policy, in_force=None, draft=draft).models) == 5
    assert cost() == few


# --- what nobody could satisfy --------------------------------------------------------------------------------


def problems(text: str) -> list[str]:
    with pytest.raises(Invalid) as refused:
        parse(text)
    assert refused.value.code == "policy_invalid"
    return refused.value.fields["text"]


def test_every_measure_has_a_range() -> None:
    numbers = {name for name, operators in FACTS.items() if ">=" in operators}
    assert set(RANGES) >= set(METRICS) | set(FAIRNESS_RULES) | set(GROUP_METRICS) | set(EVIDENCE) | numbers


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"limit": 1.2}, "“metrics.roc_auc” lies between 0 and 1, so a limit of 1.2"),
        ({"limit": -0.1}, "“metrics.roc_auc” lies between 0 and 1"),
        ({"limit": 1, "op": ">"}, "Nobody could meet this: “metrics.roc_auc” is never above 1."),
        ({"limit": 0, "op": "<"}, "Nobody could meet this: “metrics.roc_auc” is never below 0."),
        ({"path": "metrics.log_loss", "limit": -1, "op": "<="}, "lies at 0 at least"),
        ({"path": "metrics.r_squared", "limit": 2}, "lies at 1 at most"),
        (
            {"path": "comparison.diffs.roc_auc", "compare_to": "champion", "bound": "value", "limit": -2},
            "lies between -1 and 1",
        ),
    ],
)
def test_a_limit_outside_the_range_is_named_with_its_line(change: dict[str, Any], said: str) -> None:
    suite = ["default-binary", "default-regression"]
    text = policy_text(suite=suite, rules=[AUC | change])
    [problem] = problems(text)
    assert said in problem
    line = int(problem.removeprefix("line ").partition(":")[0])
    assert "limit:" in text.splitlines()[line - 1]


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        ({"bound": "ci_low", "limit": 0.8}, {"bound": "ci_high", "op": "<=", "limit": 0.7}, True),
        ({"bound": "value", "limit": 0.8}, {"bound": "value", "op": "<=", "limit": 0.7}, True),
        ({"bound": "ci_high", "op": "<=", "limit": 0.7}, {"bound": "ci_low", "limit": 0.8}, True),
        ({"bound": "value", "op": ">", "limit": 0.7}, {"bound": "value", "op": "<=", "limit": 0.7}, True),
        ({"bound": "value", "limit": 0.7}, {"bound": "value", "op": "<=", "limit": 0.7}, False),
        ({"bound": "ci_high", "limit": 0.8}, {"bound": "ci_low", "op": "<=", "limit": 0.7}, False),
        ({"bound": "value", "limit": 0.8}, {"bound": "value", "op": "<=", "limit": 0.9}, False),
        (
            {"bound": "value", "limit": 0.8},
            {"bound": "value", "op": "<=", "limit": 0.7, "severity": "warn"},
            False,
        ),
    ],
)
def test_rules_that_contradict_each_other_are_named(
    one: dict[str, Any], other: dict[str, Any], apart: bool
) -> None:
    text = policy_text(rules=[AUC | one, AUC | {"id": "other"} | other])
    if apart:
        [problem] = problems(text)
        assert "Nobody could meet this together with the rule “auc”" in problem
    else:
        parse(text)


def test_words_without_one_in_common_contradict_each_other() -> None:
    scan = {key: AUC[key] for key in ("title", "why")} | {"path": "scan.verdict", "op": "in"}
    text = policy_text(
        rules=[scan | {"id": "a", "limit": ["clean"]}, scan | {"id": "b", "limit": ["unlisted_names"]}]
    )
    [problem] = problems(text)
    assert "the two allow no word in common" in problem


VALIDATION = SIGN_OFF | {
    "key": "validation",
    "title": "Validation",
    "meaning": "validation",
    "role": "reviewer",
}


def test_a_sign_off_nobody_may_give_is_named_with_team_and_mend(policy: Policy) -> None:
    world = kit.credit_world(tier="high")
    text = policy_text(sign_offs=[VALIDATION])
    with pytest.raises(Invalid) as refused:
        draft_revision(policy=policy, text=text, actor=make_compliance())
    [problem] = refused.value.fields["text"]
    line = next(n for n, said in enumerate(text.splitlines(), 1) if "key: validation" in said)
    assert problem.startswith(f"line {line}: Nobody could sign “Validation” for the models of Risk mara")
    assert "no active person holds the role reviewer" in problem
    assert "Have the role granted first" in problem
    assert policy.revisions.count() == 1
    make_user(roles=[(Role.REVIEWER, world.team)])
    assert draft_revision(policy=policy, text=text, actor=make_compliance()).number == 2


def test_one_person_cannot_fill_two_sign_offs() -> None:
    policy = make_policy(policy_text(sign_offs=[SIGN_OFF])).policy
    world = kit.credit_world(tier="high")
    grant_role(user=world.maker_user, role=Role.REVIEWER, team=world.team, actor=Actor.system())
    authorship = {"key": "authorship", "title": "Authorship", "meaning": "authorship", "role": "owner"}
    text = policy_text(sign_offs=[authorship, VALIDATION])
    with pytest.raises(Invalid) as refused:
        draft_revision(policy=policy, text=text, actor=make_compliance())
    assert "one person fills one, and only 1 person may sign there at all" in refused.value.fields["text"][0]
    make_user(roles=[(Role.REVIEWER, world.team)])
    assert draft_revision(policy=policy, text=text, actor=make_compliance()).number == 2


def test_who_makes_models_there_is_not_independent(policy: Policy) -> None:
    world = kit.credit_world(tier="high")
    make_user(roles=[(Role.REVIEWER, world.team), (Role.CONTRIBUTOR, world.team)])
    text = policy_text(sign_offs=[VALIDATION | {"independent": True}])
    with pytest.raises(Invalid, match="not saved") as refused:
        draft_revision(policy=policy, text=text, actor=make_compliance())
    assert "without being contributor or owner there" in refused.value.fields["text"][0]
    # As far as the policy in force asks the same already, a rule may still be tightened.
    assert draft_revision(policy=policy, text=TIGHTER, actor=make_compliance()).number == 2


def test_one_team_without_signers_keeps_no_rule_from_the_others(policy: Policy) -> None:
    kit.credit_world(tier="high")
    other = kit.credit_world(name="other", tier="high", people="omar")
    make_user(roles=[(Role.REVIEWER, other.team)])
    draft_revision(policy=policy, text=policy_text(sign_offs=[VALIDATION]), actor=make_compliance())
    words = kit.text_of(kit.browser(person("clara")).get(url("policy", policy.pk) + "?revision=2"))
    assert "Nobody could sign “Validation” for the models of Risk mara" in words
    assert "Risk omar" not in words.partition("Nobody could sign")[2].partition("Models it governs")[0]


# --- REST -----------------------------------------------------------------------------------------------------


def rest(user: User) -> Client:
    return api_client(token_for(user, Scope.READ, Scope.WRITE))


def post(client: Client, path: str, body: Any) -> Any:
    return client.post(path, body, content_type="application/json")


def test_rest_replaces_discards_and_tries_out(world: kit.World) -> None:
    policy = make_policy(policy_text(rules=[AUC | {"limit": 0.5}])).policy
    client, base = rest(person("clara")), f"/api/v1/policies/{policy.pk}/revisions"
    assert post(client, base, {"text": TIGHTER}).json()["number"] == 2
    replaced = post(client, base, {"text": TIGHTEST, "replaces": 2})
    assert (replaced.status_code, replaced.json()["number"]) == (201, 3)
    late = post(client, base, {"text": policy_text(approval_valid_days=9), "replaces": 2})
    assert (late.status_code, late.json()["code"]) == (409, "policy_moved_on")
    assert post(client, base, {"text": TIGHTER, "replaces": 99}).status_code == 404
    tried = client.get(f"{base}/3/dry-run").json()
    assert tried == {
        "revision": 3,
        "in_force": 1,
        "summary": "It would newly refuse 1 of 1 version.",
        "newly_refused": 1,
        "newly_allowed": 0,
        "versions": [
            {
                "model": "credit-default",
                "version": 1,
                "live": False,
                "in_force": {"allowed": True, "refusing": []},
                "revision": {"allowed": False, "refusing": ["auc"]},
            }
        ],
        "more": False,
    }
    assert post(client, f"{base}/3/discard", {}).status_code == 422
    gone = post(client, f"{base}/3/discard", {"reason": "Too early."}).json()
    assert (gone["state"], gone["discarded_by"], gone["discard_reason"]) == (
        "discarded",
        "Clara",
        "Too early.",
    )
    assert post(client, f"{base}/3/discard", {"reason": "Again."}).json()["code"] == "policy_moved_on"
    owner = rest(world.maker_user)
    assert owner.get(f"{base}/3/dry-run").status_code == 200
    assert post(owner, f"{base}/3/discard", {"reason": "x"}).status_code == 403


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("rules: [", 1, "not YAML"),
        ('{"policy": "x", }}', 1, "not YAML"),
        ("\tpolicy: x", 1, "not YAML"),
        ("a: &b [x]\nc: *b", 1, "Anchors and aliases"),
        ("a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]", 1, "Anchors and aliases"),
        ("policy: x\npolicy: y", 2, "“policy” stands here twice."),
        ("policy: !!python/object:os.system x", 1, "Tags"),
        ("a: " + "[" * 40 + "]" * 40, 1, "nested too deeply"),
        ("#" * 70_000, 1, "longer than 64 kB"),
        ("- just\n- a list", 1, "must be a mapping"),
        ("", 1, ""),
        (policy_text().replace("approval_valid_days: 365", "approval_valid_days: soon"), 5, "a whole number"),
        (policy_text(environment="moon", risk_tier="low"), 3, "There is no environment “moon”."),
        (policy_text(rules=[AUC | {"path": "metrics.roc_acu"}], risk_tier="low"), 0, "Did you mean"),
        (
            policy_text(sign_offs=[SIGN_OFF | {"role": "wizard"}], risk_tier="low"),
            0,
            "“wizard” is not allowed",
        ),
        (policy_text(card_sections=["purposes"], risk_tier="low"), 0, "There is no card section “purposes”"),
    ],
    ids=[
        *("broken YAML", "broken JSON", "a tab", "an alias", "a bomb of aliases", "a key twice", "a tag"),
        *("too deep", "too long", "a list", "nothing", "a wrong type", "an unknown environment"),
        *("an unknown measure", "an unknown role", "an unknown section"),
    ],
)
def test_rest_names_the_line_of_whatever_is_wrong(policy: Policy, text: str, line: int, said: str) -> None:
    answer = post(rest(person("clara")), "/api/v1/policies", {"text": text})
    assert answer.status_code == 422
    body = answer.json()
    sentences = [error["detail"] for error in body["errors"]]
    assert any(said in sentence for sentence in sentences), sentences
    if text:
        assert body["code"] == "policy_invalid"
        assert all(re.match(r"line \d+: ", sentence) for sentence in sentences), sentences
    if line and text:
        assert sentences[0].startswith(f"line {line}: "), sentences
    assert PolicyRevision.objects.count() == 1
