"""The pages and the REST of policies: words beside lines, drafting, and the second person."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from countersign.accounts.models import User
from countersign.actors import Actor
from countersign.permissions import Role, Scope
from countersign.web import navigation
from governance.policies.actions import draft_revision, put_in_force, ship_policies, start_policy
from governance.policies.models import Policy, PolicyRevision, RevisionState
from governance.policies.queries import standing_of
from governance.policies.reading import errors_by_line, marked, read_policy
from tests.factories.governance import AUC, make_environment, make_policy, policy_text
from tests.factories.people import actor_for, api_client, make_team, make_user, token_for
from tests.test_governance import evidence_kit as kit

pytestmark = pytest.mark.django_db

TIGHTER = policy_text(rules=[AUC | {"limit": 0.75}], approval_valid_days=90)
WRONG = policy_text(rules=[AUC | {"path": "metrics.roc_acu"}])


@pytest.fixture
def author(db: None) -> User:
    return make_user("clara", full_name="Clara Author", roles=[(Role.COMPLIANCE, None)])


@pytest.fixture
def second(db: None) -> User:
    return make_user("carl", full_name="Carl Second", roles=[(Role.COMPLIANCE, None)])


@pytest.fixture
def in_force(db: None) -> PolicyRevision:
    return make_policy()


def url_of(policy: Policy, *, revision: int | None = None) -> str:
    return reverse("governance:policy", args=[policy.pk]) + (f"?revision={revision}" if revision else "")


def drafted(policy: Policy, author: User, text: str = TIGHTER) -> PolicyRevision:
    return draft_revision(policy=policy, text=text, actor=actor_for(author))


def put_url(revision: PolicyRevision) -> str:
    return reverse("governance:policy-put-in-force", args=[revision.policy_id, revision.number])


# --- the list ---------------------------------------------------------------------------------------------


def test_policies_are_a_noun_of_the_top_bar(author: User) -> None:
    page = kit.browser(author).get(reverse("governance:policies"))
    assert 'href="/policies/" aria-current="page"' in page.content.decode()
    assert navigation.url_of("governance:policies") == "/policies/"


def test_shipped_policies_stand_by_tier_and_environment(author: User) -> None:
    make_environment("staging")
    make_environment("production")
    ship_policies(actor=Actor.system())
    world = kit.credit_world(tier="high")
    words = kit.text_of(kit.browser(world.maker_user).get(reverse("governance:policies")))
    assert "High 1 model you may see" in words
    assert "Medium 0 models you may see" in words
    assert "High tier, staging revision 1" in words
    assert "shipped with the product High tier, production revision 1" in words
    assert "shipped with the product" in words
    assert "waits for" not in words


def test_without_policies_the_page_says_what_that_means(author: User) -> None:
    make_environment("production")
    page = kit.browser(author).get(reverse("governance:policies"))
    words = kit.text_of(page)
    assert "Until one is in force, nothing can be promoted." in words
    assert "high tier in production, medium tier in production, low tier in production" in words
    assert 'href="/policies/new/"' in page.content.decode()
    owner = kit.browser(make_user(roles=[(Role.OWNER, make_team())]))
    refused = owner.get(reverse("governance:policies"))
    assert "“write policy” needs the role compliance." in kit.text_of(refused)
    assert 'aria-disabled="true" aria-describedby="why-not">Draft a policy' in refused.content.decode()


def test_a_draft_waits_for_everybody_but_its_author(
    author: User, second: User, in_force: PolicyRevision
) -> None:
    drafted(in_force.policy, author)
    listed = reverse("governance:policies")
    assert "draft 2 waits for a second person" in kit.text_of(kit.browser(author).get(listed))
    words = kit.text_of(kit.browser(second).get(listed))
    assert "High tier, production: draft 2 waits for you Drafted by Clara Author. Revision 1 binds" in words


def test_the_list_costs_the_same_for_one_policy_and_for_six(author: User) -> None:
    client = kit.browser(author)
    make_policy()
    listed = reverse("governance:policies")
    client.get(listed)
    with CaptureQueriesContext(connection) as few:
        client.get(listed)
    make_environment("staging")
    ship_policies(actor=Actor.system())
    for policy in Policy.objects.all():
        text = policy.revisions.get(state=RevisionState.IN_FORCE).text
        drafted(policy, author, f"{text}\n# again\n")
    client.get(listed)
    with CaptureQueriesContext(connection) as many:
        client.get(listed)
    assert len(many) == len(few)


# --- one policy -------------------------------------------------------------------------------------------


def test_every_rule_is_a_sentence_beside_its_numbered_lines(author: User) -> None:
    make_environment("production")
    [revision] = ship_policies(actor=Actor.system())[:1]
    page = kit.browser(author).get(url_of(revision.policy))
    body, words = page.content.decode(), kit.text_of(page)
    reading = read_policy(revision)
    lines = revision.text.splitlines()
    for one in reading.requirements:
        assert one.text in words
        for line in one.lines:
            assert lines[line.number - 1] == line.text
    rule = next(one for one in reading.requirements if one.id == "auc")
    assert any(line.text.strip() == "- id: auc" for line in rule.lines)
    assert re.search(rf'<span class="ln">{rule.lines[0].number} &nbsp;|{rule.lines[0].number} ', body)
    for sentence in reading.sign_offs:
        assert sentence in words
    for title in reading.card_sections:
        assert title in words
    assert "In force" in words
    assert "shipped with the product" in words


def test_a_draft_is_read_against_what_is_in_force(
    author: User, second: User, in_force: PolicyRevision
) -> None:
    text = policy_text(
        rules=[
            AUC | {"limit": 0.75},
            AUC | {"id": "brier", "path": "metrics.brier", "op": "<=", "bound": "ci_high"},
        ],
        approval_valid_days=90,
    )
    draft = drafted(in_force.policy, author, text)
    page = kit.browser(second).get(url_of(in_force.policy, revision=2))
    words = kit.text_of(page)
    assert "Waits for a second person" in words
    assert "2 of 3 differ" in words
    assert "An approval holds for 90 days instead of 365." in words
    assert "must be at least 0.75. In force now: ROC AUC" in words
    assert "Changed" in words
    assert re.search(
        r'<span class="l old"><span class="ln">\d+ −</span><span>\s*limit: 0.7</span>', page.content.decode()
    )
    assert re.search(
        r'<span class="l new"><span class="ln">\d+ \+</span><span>\s*limit: 0.75</span>',
        page.content.decode(),
    )
    assert "Put revision 2 in force" in words
    assert draft.digest[:12] in words
    plain = kit.text_of(kit.browser(second).get(url_of(in_force.policy)))
    assert "Put revision" not in plain and "Draft 2 Clara Author" in plain  # noqa: PT018


def test_what_a_draft_takes_away_is_shown() -> None:
    author = make_user(roles=[(Role.COMPLIANCE, None)])
    first = make_policy(policy_text(rules=[AUC, AUC | {"id": "other", "limit": 0.6}]))
    draft = drafted(first.policy, author, policy_text(rules=[AUC]))
    reading = read_policy(draft, against=first)
    assert [one.id for one in reading.gone] == ["other"]
    assert reading.changed == 1
    words = kit.text_of(kit.browser(author).get(url_of(first.policy, revision=2)))
    assert "Taken away by the draft" in words


def test_the_yaml_is_handed_out_byte_for_byte(author: User, in_force: PolicyRevision) -> None:
    answer = kit.browser(author).get(reverse("governance:policy-text", args=[in_force.policy_id, 1]))
    assert answer.content.decode() == in_force.text
    assert answer["Content-Type"] == "text/yaml; charset=utf-8"
    assert 'filename="high-production-1.yaml"' in answer["Content-Disposition"]


def test_models_of_other_teams_are_not_named(in_force: PolicyRevision) -> None:
    world = kit.credit_world(tier="high")
    mine = kit.text_of(kit.browser(world.maker_user).get(url_of(in_force.policy)))
    assert "credit-default Risk mara 1 newest 2 not measured Evaluated" in mine
    stranger = kit.browser(make_user(roles=[(Role.OWNER, make_team())]))
    assert "credit-default" not in kit.text_of(stranger.get(url_of(in_force.policy)))


def test_what_is_not_there_is_not_found(author: User, in_force: PolicyRevision) -> None:
    client = kit.browser(author)
    assert client.get(reverse("governance:policy", args=[in_force.pk])).status_code == 404
    for wrong in ("9", "x", "-1"):
        assert client.get(f"{url_of(in_force.policy)}?revision={wrong}").status_code == 404
    nobody = kit.browser(make_user())
    assert nobody.get(url_of(in_force.policy)).status_code == 403


# --- drafting ---------------------------------------------------------------------------------------------


def test_a_compliance_officer_drafts_from_what_is_in_force(author: User, in_force: PolicyRevision) -> None:
    client = kit.browser(author)
    form = reverse("governance:policy-draft", args=[in_force.policy_id])
    page = client.get(form)
    assert "metrics.roc_auc" in page.content.decode()
    answer = client.post(form, {"text": TIGHTER.replace("\n", "\r\n")})
    draft = PolicyRevision.objects.get(number=2)
    assert (answer.status_code, answer["Location"]) == (303, url_of(in_force.policy, revision=2))
    assert (draft.text, draft.state, draft.author) == (TIGHTER, RevisionState.DRAFT, author)
    assert standing_of(in_force.policy).in_force == in_force


def test_errors_stand_under_their_lines_and_the_text_is_kept(author: User, in_force: PolicyRevision) -> None:
    client = kit.browser(author)
    answer = client.post(reverse("governance:policy-draft", args=[in_force.policy_id]), {"text": WRONG})
    body, words = answer.content.decode(), kit.text_of(answer)
    line = next(n for n, text in enumerate(WRONG.splitlines(), 1) if "roc_acu" in text)
    assert answer.status_code == 422
    assert f"1 error. Line {line} . Nothing was saved; your text stands below." in words
    assert f'href="#e{line}"' in body and f'id="e{line}"' in body  # noqa: PT018
    assert "Did you mean “metrics.roc_auc”?" in words
    assert "roc_acu" in re.search(r"<textarea.*?</textarea>", body, re.S)[0]  # type: ignore[index]
    assert "data-nothing-saved" in body
    assert PolicyRevision.objects.count() == 1


@pytest.mark.parametrize("text", ["rules: [", "\t", "a: 1\n" * 3, "ünïcode: \u2028"])
def test_what_is_no_policy_is_answered_with_lines(author: User, in_force: PolicyRevision, text: str) -> None:
    form = reverse("governance:policy-draft", args=[in_force.policy_id])
    answer = kit.browser(author).post(form, {"text": text})
    assert answer.status_code == 422
    assert "Nothing was saved" in kit.text_of(answer)


def test_nothing_typed_is_missing(author: User, in_force: PolicyRevision) -> None:
    answer = kit.browser(author).post(
        reverse("governance:policy-draft", args=[in_force.policy_id]), {"text": ""}
    )
    assert answer.status_code == 422
    assert "Policy is missing." in kit.text_of(answer)


def test_another_tier_and_the_same_text_are_refused_in_place(author: User, in_force: PolicyRevision) -> None:
    client = kit.browser(author)
    form = reverse("governance:policy-draft", args=[in_force.policy_id])
    other = client.post(form, {"text": policy_text(risk_tier="low")})
    assert (other.status_code, "“risk_tier” must stay “high”" in kit.text_of(other)) == (422, True)
    same = client.post(form, {"text": in_force.text})
    assert same.status_code == 409
    assert "Revision 1 is in force and says exactly this." in kit.text_of(same)
    assert PolicyRevision.objects.count() == 1


def test_a_first_policy_is_begun_where_there_is_none(author: User, second: User) -> None:
    make_environment("production")
    client = kit.browser(author)
    assert "risk_tier: high , environment: production" in kit.text_of(client.get("/policies/new/"))
    answer = client.post("/policies/new/", {"text": policy_text()})
    policy = Policy.objects.get()
    assert answer["Location"] == url_of(policy, revision=1)
    words = kit.text_of(kit.browser(second).get(url_of(policy)))
    assert "Waits for a second person" in words
    again = client.post("/policies/new/", {"text": policy_text()})
    assert again.status_code == 409
    assert "has a policy for Production already" in kit.text_of(again)
    unknown = client.post("/policies/new/", {"text": policy_text(environment="moon")})
    assert unknown.status_code == 422
    assert "There is no environment “moon”. Known: production." in kit.text_of(unknown)
    assert "environment: moon" in unknown.content.decode()  # the text is kept


def test_only_compliance_drafts_and_puts_in_force(author: User, in_force: PolicyRevision) -> None:
    draft = drafted(in_force.policy, author)
    owner = kit.browser(make_user(roles=[(Role.OWNER, make_team()), (Role.APPROVER, make_team())]))
    form = reverse("governance:policy-draft", args=[in_force.policy_id])
    page = owner.get(url_of(in_force.policy, revision=2))
    assert "“write policy” needs the role compliance." in kit.text_of(page)
    assert 'aria-disabled="true" aria-describedby="why-not-put"' in page.content.decode()
    for answer in (
        owner.get(form),
        owner.post(form, {"text": TIGHTER}),
        owner.get("/policies/new/"),
        owner.post(put_url(draft)),
    ):
        assert answer.status_code == 403
    assert standing_of(in_force.policy).in_force == in_force


# --- putting in force -------------------------------------------------------------------------------------


def test_the_second_person_puts_it_in_force(author: User, second: User, in_force: PolicyRevision) -> None:
    draft = drafted(in_force.policy, author)
    client = kit.browser(second)
    assert client.get(put_url(draft)).status_code == 405
    answer = client.post(put_url(draft))
    assert (answer.status_code, answer["Location"]) == (303, url_of(in_force.policy))
    words = kit.text_of(client.get(url_of(in_force.policy)))
    assert "Revision 2 is in force." in words
    assert "put by Carl Second" in words
    assert "Clara Author" in words


def test_the_author_sees_why_not(author: User, in_force: PolicyRevision) -> None:
    draft = drafted(in_force.policy, author)
    client = kit.browser(author)
    page = client.get(url_of(in_force.policy, revision=2))
    assert "You drafted this revision; another compliance officer must put it in force." in kit.text_of(page)
    assert 'aria-disabled="true" aria-describedby="why-not-put"' in page.content.decode()
    assert client.post(put_url(draft)).status_code == 403
    assert standing_of(in_force.policy).in_force == in_force


def test_who_comes_too_late_sees_who_was_first(author: User, second: User, in_force: PolicyRevision) -> None:
    draft = drafted(in_force.policy, author)
    third = make_user(full_name="Theo Third", roles=[(Role.COMPLIANCE, None)])
    put_in_force(revision=draft, actor=actor_for(second))
    answer = kit.browser(third).post(put_url(draft))
    words = kit.text_of(answer)
    assert answer.status_code == 409
    assert "It was not put in force. Revision 2 is in force already." in words
    assert "In force is revision 2, put by Carl Second" in words


def test_an_overtaken_draft_is_offered_to_nobody(
    author: User, second: User, in_force: PolicyRevision
) -> None:
    early = drafted(in_force.policy, author)
    late = drafted(in_force.policy, author, policy_text(rules=[AUC | {"limit": 0.8}]))
    put_in_force(revision=late, actor=actor_for(second))
    client = kit.browser(second)
    words = kit.text_of(client.get(url_of(in_force.policy, revision=2)))
    assert "This draft was overtaken." in words
    assert "Put revision" not in words
    answer = client.post(put_url(early))
    assert (answer.status_code, "would be undone by it" in kit.text_of(answer)) == (409, True)


# --- reading errors ---------------------------------------------------------------------------------------


def test_errors_are_placed_by_their_line() -> None:
    found = errors_by_line(["line 3: Wrong: it says.", "line 3: Also this.", "And 4 more errors."])
    assert found == {3: ["Wrong: it says.", "Also this."], 1: ["And 4 more errors."]}
    lines = marked("a\nb\nc\nd\ne\nf\ng\nh\ni\nj", {2: ["two"], 10: ["ten"], 14: ["past the end"]}, around=1)
    assert [line and (line.number, line.says) for line in lines] == [
        (1, ()),
        (2, ("two",)),
        (3, ()),
        None,
        (9, ()),
        (10, ("ten", "past the end")),
    ]


# --- REST -------------------------------------------------------------------------------------------------


def rest(user: User, *scopes: Scope) -> Client:
    return api_client(token_for(user, *(scopes or (Scope.READ, Scope.WRITE))))


def post(client: Client, url: str, **body: Any) -> Any:
    return client.post(url, body, content_type="application/json")


def test_rest_lists_and_reads(author: User, in_force: PolicyRevision) -> None:
    drafted(in_force.policy, author)
    client = rest(make_user(roles=[(Role.VIEWER, make_team())]))
    [listed] = client.get("/api/v1/policies").json()["results"]
    assert listed == {
        "id": str(in_force.policy_id),
        "name": "High tier, production",
        "risk_tier": "high",
        "environment": "production",
        "in_force": 1,
        "drafts": [2],
    }
    body = client.get(f"/api/v1/policies/{in_force.policy_id}").json()
    assert [(one["number"], one["state"]) for one in body["revisions"]] == [(2, "draft"), (1, "in_force")]
    assert body["revisions"][0]["author"] == "Clara Author"
    assert body["revisions"][1]["text"] == in_force.text
    [rule] = body["requirements"]
    assert rule["id"] == "auc" and rule["sentence"].startswith("ROC AUC")  # noqa: PT018
    first, last = rule["lines"]
    assert in_force.text.splitlines()[first - 1].strip() == "- id: auc"
    assert last > first
    assert client.get(f"/api/v1/policies/{in_force.pk}").status_code == 404


def test_rest_drafts_and_puts_in_force_by_two(author: User, second: User, in_force: PolicyRevision) -> None:
    url = f"/api/v1/policies/{in_force.policy_id}/revisions"
    created = post(rest(author), url, text=TIGHTER)
    assert (created.status_code, created.json()["number"], created.json()["state"]) == (201, 2, "draft")
    own = rest(author).post(f"{url}/2/put-in-force")
    assert (own.status_code, own.json()["code"]) == (403, "author_cannot_approve")
    put = rest(second).post(f"{url}/2/put-in-force")
    assert (put.status_code, put.json()["state"], put.json()["approved_by"]) == (
        200,
        "in_force",
        "Carl Second",
    )
    again = rest(second).post(f"{url}/2/put-in-force")
    assert (again.status_code, again.json()["code"]) == (409, "policy_moved_on")


def test_rest_answers_errors_by_line(author: User, in_force: PolicyRevision) -> None:
    answer = post(rest(author), f"/api/v1/policies/{in_force.policy_id}/revisions", text=WRONG)
    assert (answer.status_code, answer.json()["code"]) == (422, "policy_invalid")
    [error] = answer.json()["errors"]
    assert error["attr"] == "text"
    assert re.match(r"line \d+: Nothing measures this", error["detail"])


def test_rest_creates_once_under_a_key(author: User, in_force: PolicyRevision) -> None:
    client, url = rest(author), f"/api/v1/policies/{in_force.policy_id}/revisions"
    answers = [
        client.post(url, {"text": TIGHTER}, content_type="application/json", headers={"Idempotency-Key": "k"})
        for _ in range(2)
    ]
    assert [one.status_code for one in answers] == [201, 201]
    assert answers[1]["Idempotency-Replayed"] == "true"
    assert PolicyRevision.objects.count() == 2


def test_rest_begins_a_policy(author: User) -> None:
    make_environment("production")
    answer = post(rest(author), "/api/v1/policies", text=policy_text())
    assert (answer.status_code, answer.json()["in_force"], answer.json()["drafts"]) == (201, None, [1])
    assert post(rest(author), "/api/v1/policies", text=policy_text()).json()["code"] == "policy_exists"


def test_rest_is_for_compliance(in_force: PolicyRevision) -> None:
    owner = rest(make_user(roles=[(Role.OWNER, make_team())]))
    url = f"/api/v1/policies/{in_force.policy_id}/revisions"
    assert post(owner, url, text=TIGHTER).status_code == 403
    assert owner.post(f"{url}/1/put-in-force").status_code == 403
    assert post(owner, "/api/v1/policies", text=policy_text()).status_code == 403
    assert Client().get("/api/v1/policies").status_code == 401
    assert PolicyRevision.objects.count() == 1


def test_a_started_policy_without_a_revision_in_force_reads_as_a_draft(author: User, second: User) -> None:
    make_environment("production")
    revision = start_policy(text=policy_text(), actor=actor_for(author))
    words = kit.text_of(kit.browser(second).get(url_of(revision.policy)))
    assert "Put revision 1 in force" in words
    listed = kit.text_of(kit.browser(second).get(reverse("governance:policies")))
    assert "Nothing is in force here until then, so nothing can be promoted." in listed
