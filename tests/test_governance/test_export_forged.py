"""An exporter who lies and signs the lie with the right key: what the files say must be what the entries say.

And a log that tells of decisions the product would have refused: the checks see those too.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from countersign.ledger.offline import verify
from tests.test_governance import export_kit as kit
from tests.test_governance.export_kit import Change, Exported, edited, json_of, line_edited

FIRST = "{first}"
POLICY = "{policy}"


def put(*keys: Any, value: Any) -> Callable[[Any], None]:
    """An edit that sets one value deep inside a document."""

    def edit(document: Any) -> None:
        for key in keys[:-1]:
            document = document[key]
        document[keys[-1]] = value

    return edit


def drop(*keys: Any) -> Callable[[Any], None]:
    """An edit that removes one item."""

    def edit(document: Any) -> None:
        for key in keys[:-1]:
            document = document[key]
        del document[keys[-1]]

    return edit


def replaced(path: str, old: bytes, new: bytes) -> Change:
    """A change of bytes in one file."""

    def change(files: dict[str, bytes]) -> None:
        assert old in files[path]
        files[path] = files[path].replace(old, new)

    return change


def without(path: str) -> Change:
    """A file is left out."""
    return lambda files: files.pop(path) and None


def added(path: str) -> Change:
    """A file is put in."""

    def change(files: dict[str, bytes]) -> None:
        files[path] = b"{}"

    return change


SIGNED, SUBJECT, REVIEW = "reviews/1/signoffs.json", "reviews/1/subject.json", "reviews/1/review.json"
REMARKS, PROMOTED, LIVE = "reviews/1/remarks.jsonl", "promotions.jsonl", "environments.jsonl"
THREADS = "reviews/1/threads.jsonl"
MADE = f"{FIRST}/contributors.json"
NOBODY = "01a20d08-0000-7000-8000-000000000000"

LIES: dict[str, tuple[str, Callable[[str], Change], str]] = {
    # what: (the file that is changed and must be named, the change, what is said of it)
    "a sign-off approved": (
        SIGNED,
        lambda p: edited(p, put("sign_offs", 0, "decision", value="approve")),
        "list",
    ),
    "a sign-off means more": (
        SIGNED,
        lambda p: edited(p, put("sign_offs", 1, "meaning", value="approval")),
        "list",
    ),
    "a sign-off on another subject": (
        SIGNED,
        lambda p: edited(p, put("sign_offs", 1, "subject_digest", value="sha256:" + "0" * 64)),
        "list",
    ),
    "another signer": (SIGNED, lambda p: edited(p, put("sign_offs", 1, "person", value=NOBODY)), "list"),
    "a sign-off later": (
        SIGNED,
        lambda p: edited(p, put("sign_offs", 1, "signed_at", value="2027-01-01T00:00:00.000000Z")),
        "list",
    ),
    "an objection kept quiet": (SIGNED, lambda p: edited(p, drop("sign_offs", 0)), "list of sign-offs"),
    "a sign-off invented": (
        SIGNED,
        lambda p: edited(p, lambda d: d["sign_offs"].append(d["sign_offs"][3] | {"id": NOBODY})),
        "list of sign-offs",
    ),
    "another printed name": (
        SIGNED,
        lambda p: edited(p, put("sign_offs", 1, "printed_name", "value", value="Eve")),
        "commitment",
    ),
    "another reason": (
        SIGNED,
        lambda p: edited(p, put("sign_offs", 0, "reason", "value", value="Fine.")),
        "commitment",
    ),
    "another entry's reason": (
        SIGNED,
        lambda p: edited(p, put("sign_offs", 0, "reason", "field", value="motive")),
        "commits to no",
    ),
    "a review approved": (
        "reviews/3/review.json",
        lambda p: edited(p, put("state", value="approved")),
        "state",
    ),
    "a review's story shortened": (REVIEW, lambda p: edited(p, drop("moves", 1)), "story"),
    "a review of another version": (REVIEW, lambda p: edited(p, put("version", value=NOBODY)), "version"),
    "fewer sign-offs required": (
        REVIEW,
        lambda p: edited(p, drop("required_sign_offs", 1)),
        "must be signed",
    ),
    "another remark": (
        REMARKS,
        lambda p: line_edited(p, put(0, "body", "value", value="Fine.")),
        "commitment",
    ),
    "another number under a thread": (
        THREADS,
        lambda p: line_edited(p, put(0, "anchor", "said", value="0.999")),
        "list of threads",
    ),
    "a thread resolved by another": (
        THREADS,
        lambda p: line_edited(p, put(1, "by", value="0" * 8)),
        "list of threads",
    ),
    "a remark kept quiet": (REMARKS, lambda p: line_edited(p, drop(0)), "list of remarks"),
    "a remark by another": (
        REMARKS,
        lambda p: line_edited(p, put(0, "author", value=NOBODY)),
        "list of remarks",
    ),
    "another subject": (
        SUBJECT,
        lambda p: edited(p, put("subjects", 1, "document", "card", value=None)),
        "preimage",
    ),
    "a subject kept quiet": (SUBJECT, lambda p: edited(p, drop("subjects", 0)), "what was signed"),
    "other parts of a subject": (
        SUBJECT,
        lambda p: edited(p, put("subjects", 1, "parts", "card", value="0" * 64)),
        "list of parts",
    ),
    "parts without their preimage": (
        SUBJECT,
        lambda p: edited(
            p,
            lambda d: d["subjects"][1].update(
                document=None, parts=d["subjects"][1]["parts"] | {"card": "0" * 64}
            ),
        ),
        "list of parts",
    ),
    "evidence": (
        f"{FIRST}/evidence/2/results.json",
        lambda p: replaced(p, b'"sufficient":false', b'"sufficient":true'),
        "digest",
    ),
    "circumstances": (
        f"{FIRST}/evidence/2/circumstances.json",
        lambda p: replaced(p, b'"level":2', b'"level":3'),
        "digest",
    ),
    "evidence kept quiet": (f"{FIRST}/evidence/2/results.json", without, "is missing"),
    "evidence invented": (f"{FIRST}/evidence/9/results.json", added, "no entry tells of it"),
    "a maker kept quiet": (MADE, lambda p: edited(p, drop("contributors", 2)), "the list"),
    "another maker": (MADE, lambda p: edited(p, put("contributors", 0, "user", value=NOBODY)), "the list"),
    "a maker better known": (
        MADE,
        lambda p: edited(p, put("contributors", 0, "known_by", value="verified")),
        "the list",
    ),
    "a manifest": (f"{FIRST}/manifest.json", lambda p: replaced(p, b"model.skops", b"other.skops"), "digest"),
    "a signature": (f"{FIRST}/signature.json", lambda p: replaced(p, b'"0.3"', b'"0.2"'), "digest"),
    "data better known": (
        f"{FIRST}/lineage.json",
        lambda p: replaced(p, b'"claim":"declared"', b'"claim":"verified"'),
        "the list",
    ),
    "lineage kept quiet": (f"{FIRST}/lineage.json", lambda p: edited(p, drop("upstream", 0)), "the list"),
    "a card": (f"{FIRST}/card/1.json", lambda p: replaced(p, b"Ranks", b"Knows"), "digest"),
    "a card's text": (f"{FIRST}/card/1.md", lambda p: replaced(p, b"Ranks", b"Knows"), "digest"),
    "a card kept quiet": (f"{FIRST}/card/2.json", without, "is missing"),
    "a card invented": (f"{FIRST}/card/7.json", added, "no entry tells of it"),
    "a policy": (f"{POLICY}.yaml", lambda p: replaced(p, b"limit: 0.6", b"limit: 0.1"), "digest"),
    "a policy as parsed": (
        f"{POLICY}.json",
        lambda p: replaced(p, b'"independent":true', b'"independent":false'),
        "digest",
    ),
    "a promotion kept quiet": (PROMOTED, lambda p: line_edited(p, drop(1)), "the list"),
    "a promotion by another": (
        PROMOTED,
        lambda p: line_edited(p, put(0, "promoted_by", value=NOBODY)),
        "promoted_by",
    ),
    "a promotion's review": (PROMOTED, lambda p: line_edited(p, put(0, "review", value=None)), "review"),
    "a promotion's verdict": (
        PROMOTED,
        lambda p: line_edited(p, put(0, "verdict", "allowed", value=False)),
        "the verdict of promotion",
    ),
    "a promotion's reason": (
        PROMOTED,
        lambda p: line_edited(p, put(2, "reason", "value", value="Planned.")),
        "commitment",
    ),
    "live longer": (LIVE, lambda p: line_edited(p, put(1, "to", value=None)), "list of periods"),
    "live from another moment": (
        LIVE,
        lambda p: line_edited(p, put(2, "from", value="2026-01-01T00:00:00.000000Z")),
        "list of periods",
    ),
    "never live": (LIVE, lambda p: line_edited(p, drop(2)), "list of periods"),
    "another alias": (
        LIVE,
        lambda p: line_edited(p, put(0, "alias", value="other")),
        "alias of an environment",
    ),
    "another name": ("people.json", lambda p: edited(p, rename("Eve")), "commitment"),
    "a name beside the commitment": (
        "people.json",
        lambda p: edited(p, rename("Eve", committed=False)),
        "a name",
    ),
    "another role": ("people.json", lambda p: edited(p, another_role), "of a role"),
    "asked by another": (
        "scope.json",
        lambda p: edited(p, put("export", "requested_by", value=NOBODY)),
        "who asked",
    ),
    "another number": ("scope.json", lambda p: edited(p, put("export", "number", value=7)), "the number"),
    "asked for another reason": (
        "scope.json",
        lambda p: edited(p, put("export", "reason", "value", value="Curiosity.")),
        "commitment",
    ),
    "about another model": (
        "scope.json",
        lambda p: edited(p, put("about", "model", value=NOBODY)),
        "what it is about",
    ),
    "no request": ("scope.json", lambda p: edited(p, put("export", "entry", value=NOBODY)), "no entry tells"),
    "another format": ("scope.json", lambda p: edited(p, put("format", value="other/1")), "format"),
    "a smaller log": ("scope.json", lambda p: edited(p, put("ledger", "size", value=1)), "size of the log"),
    "a version kept quiet": (
        "scope.json",
        lambda p: edited(p, drop("models", 0, "versions", 1)),
        "is not listed",
    ),
    "a review kept quiet": ("scope.json", lambda p: edited(p, drop("reviews", 0)), "is not listed"),
    "another version's number": (
        "scope.json",
        lambda p: edited(p, put("models", 0, "versions", 0, "number", value=9)),
        "the number of",
    ),
    "a policy's number": (
        "scope.json",
        lambda p: edited(p, put("policies", 0, "number", value=9)),
        "the number of",
    ),
    "no sense": ("scope.json", lambda p: edited(p, lambda d: []), "TypeError"),
    "another verifier": (
        "verify.py",
        lambda p: replaced(p, b"DOES NOT HOLD", b"HOLDS"),
        "no entry publishes",
    ),
    "another log": ("keys.json", lambda p: edited(p, put("log", value="x")), "the log's key"),
    "another exporter": ("keys.json", lambda p: edited(p, put("export", value="x")), "the exporter's key"),
    "no report": ("report.html", without, "is missing"),
    "no remarks": (REMARKS, without, "is missing"),
    "no threads": (THREADS, without, "is missing"),
    "something put in": ("extra.txt", added, "is no file of this export"),
    "something put beside a version": (f"{FIRST}/extra.txt", added, "is no file of a version"),
    "no JSON": (SIGNED, lambda p: replaced(p, b"{", b"["), "is not JSON"),
    "no JSON in a line": (PROMOTED, lambda p: replaced(p, b"}\n", b"\n"), "is not one JSON document a line"),
}


def rename(name: str, *, committed: bool = True) -> Callable[[Any], None]:
    """Somebody gets another name, with or without the value the commitment is compared with."""

    def edit(document: Any) -> None:
        person = next(one for one in document["people"] if one["name"] == "Vera Validator")
        person["name"] = name
        if committed:
            person["known_from"]["value"] = name

    return edit


def another_role(document: Any) -> None:
    """A reviewer was an approver."""
    person = next(one for one in document["people"] if one["name"] == "Vera Validator")
    person["roles"][0]["role"] = "approver"


@pytest.mark.parametrize("what", LIES)
def test_files_say_what_the_entries_say(exported: Exported, what: str, tmp_path: Path, capsys: Any) -> None:
    path, lie, said = LIES[what]
    scope = json_of(exported.model, "scope.json")
    path = path.format(first=scope["models"][0]["versions"][0]["path"], policy=scope["policies"][0]["path"])
    complaint = exported.says(kit.forged(exported.model, lie(path)), tmp_path, capsys)
    assert complaint.startswith(f"DOES NOT HOLD: {path}: "), complaint
    assert said in complaint


def test_a_period_cannot_be_made_smaller(exported: Exported, tmp_path: Path, capsys: Any) -> None:
    first, last = json_of(exported.period, "scope.json")["about"]["period_indexes"]
    for claimed, said in (
        ([first + 1, last], f"entry {first}, before the first, is of the period too"),
        ([first, last - 1], f"entry {last}, after the last, is of the period too"),
    ):
        lie = kit.forged(exported.period, edited("scope.json", put("about", "period_indexes", value=claimed)))
        assert f"scope.json: {said}" in exported.says(lie, tmp_path, capsys)


def test_an_honest_forger_changes_nothing(exported: Exported, tmp_path: Path) -> None:
    """The forging of these tests itself does no harm."""
    checked = exported.check(kit.forged(exported.model, lambda files: None), tmp_path)
    assert checked.returncode == 0, checked.stderr


# --- a log that tells of what the product refuses ---------------------------------------------------------

Leaves = list[dict[str, Any]]
Lie = Callable[[Leaves, dict[str, str]], None]


def one(leaves: Leaves, verb: str, number: int = 0, **after: Any) -> dict[str, Any]:
    """The entry of a verb, the `number`th of those whose state holds these values."""
    found = [
        leaf
        for leaf in leaves
        if leaf["verb"] == verb and all(leaf["data"]["after"].get(k) == v for k, v in after.items())
    ]
    return found[number]


def set_after(leaf: dict[str, Any], **values: Any) -> None:
    """The state an entry tells is another."""
    leaf["data"]["after"].update(values)


def a_maker_signs(leaves: Leaves, people: dict[str, str]) -> None:
    set_after(one(leaves, "registry.contributor.added"), user=people["validator"])


def without_the_role(leaves: Leaves, people: dict[str, str]) -> None:
    set_after(one(leaves, "accounts.membership.granted", user=people["validator"]), role="viewer")


def after_the_role_ended(leaves: Leaves, people: dict[str, str]) -> None:
    granted = one(leaves, "accounts.membership.granted", user=people["approver"])
    set_after(granted, ends_at=granted["data"]["after"]["starts_at"])


def in_another_team(leaves: Leaves, people: dict[str, str]) -> None:
    set_after(one(leaves, "accounts.membership.granted", user=people["approver"]), team=NOBODY)


def not_independent(leaves: Leaves, people: dict[str, str]) -> None:
    set_after(one(leaves, "accounts.membership.granted", user=people["owner"]), user=people["validator"])


def for_another(leaves: Leaves, people: dict[str, str]) -> None:
    one(leaves, "governance.sign_off.signed", 1)["actor"]["ref"] = people["owner"]


def twice(leaves: Leaves, people: dict[str, str]) -> None:
    validator = people["validator"]
    approval = one(leaves, "governance.sign_off.signed", person=people["approver"])
    set_after(approval, person=validator)
    approval["actor"]["ref"] = validator
    set_after(one(leaves, "accounts.membership.granted", user=people["approver"]), user=validator)


def unasked(leaves: Leaves, people: dict[str, str]) -> None:
    one(leaves, "governance.sign_off.signed", 1)["data"]["after"]["details"]["requirement"] = "other"


FOUR_EYES: dict[str, tuple[Lie, str]] = {
    "a maker signs": (a_maker_signs, "signed a version they contributed to"),
    "without the role": (without_the_role, "did not hold the role reviewer"),
    "after the role ended": (after_the_role_ended, "did not hold the role approver"),
    "in another team": (in_another_team, "did not hold the role approver"),
    "not independent": (not_independent, "was not independent"),
    "for another": (for_another, "a signer"),
    "twice": (twice, "signed the same subject twice"),
    "unasked": (unasked, "asks for no such sign-off"),
}


@pytest.mark.parametrize("what", FOUR_EYES)
def test_four_eyes_are_counted_again(exported: Exported, what: str) -> None:
    lie, said = FOUR_EYES[what]
    people = exported.facts["people"]
    told = f"reviews/1/signoffs.json: .*{said}"
    with (
        kit.believing(exported.model, lambda leaves: lie(leaves, people)) as read,
        pytest.raises(verify.Bad, match=told),
    ):
        verify.check_four_eyes({}, read)


def test_an_author_may_sign_as_author(exported: Exported) -> None:
    with kit.believing(exported.model, lambda leaves: None) as read:
        assert "7 sign-offs" in verify.check_four_eyes({}, read)


def no_review(leaves: Leaves, people: dict[str, str]) -> None:
    set_after(one(leaves, "governance.promotion.made"), review=None)


def not_approved(leaves: Leaves, people: dict[str, str]) -> None:
    set_after(one(leaves, "governance.review.decided", state="approved"), state="changes_requested")


def another_environment(leaves: Leaves, people: dict[str, str]) -> None:
    set_after(one(leaves, "governance.promotion.made"), environment=NOBODY)


def another_version(leaves: Leaves, people: dict[str, str]) -> None:
    second = one(leaves, "governance.promotion.made", 1)["data"]["after"]["version"]
    set_after(one(leaves, "governance.promotion.made"), version=second)


def another_subject(leaves: Leaves, people: dict[str, str]) -> None:
    set_after(one(leaves, "governance.promotion.made"), subject_digest="sha256:" + "0" * 64)


def a_sign_off_missing(leaves: Leaves, people: dict[str, str]) -> None:
    set_after(one(leaves, "governance.sign_off.signed", 1, person=people["validator"]), decision="reject")


def taken_back(leaves: Leaves, people: dict[str, str]) -> None:
    """The validator objects after having approved: the owner's later signature becomes the objection."""
    last = one(leaves, "governance.sign_off.signed", person=people["approver"])
    set_after(last, person=people["validator"], decision="request_changes")


def by_the_approver(leaves: Leaves, people: dict[str, str]) -> None:
    one(leaves, "governance.promotion.made")["actor"]["ref"] = people["approver"]


PROMOTIONS: dict[str, tuple[Lie, str]] = {
    "no review": (no_review, "rests on no review"),
    "not approved": (not_approved, "the review of promotion 1 is changes_requested"),
    "another environment": (another_environment, "the environment of promotion 1"),
    "another version": (another_version, "the version of promotion 1"),
    "another subject": (another_subject, "lacks the sign-off"),
    "a sign-off missing": (a_sign_off_missing, "lacks the sign-off validation"),
    "taken back": (taken_back, "lacks the sign-off"),
    "by the only approver": (by_the_approver, "made by the only person who approved it"),
}


@pytest.mark.parametrize("what", PROMOTIONS)
def test_a_promotion_rests_on_an_approval_in_full(exported: Exported, what: str) -> None:
    lie, said = PROMOTIONS[what]
    people = exported.facts["people"]
    with kit.believing(exported.model, lambda leaves: lie(leaves, people)) as read:
        promotion = min(
            (e for e in read.entries.by_id.values() if e.verb == "governance.promotion.made"),
            key=lambda entry: entry.index,
        )
        with pytest.raises(verify.Bad, match=f"promotions.jsonl: .*{said}"):
            verify.check_approval(read, promotion)


def test_a_protected_alias_moves_by_promotion_only(exported: Exported) -> None:
    def by_hand(leaves: Leaves) -> None:
        moved = one(leaves, "registry.alias.set", 1, name="production")
        moved["act"] = NOBODY

    lines = kit.lines_of(exported.model, LIVE)
    told = r"entry \d+ moved a protected alias without a promotion"
    with kit.believing(exported.model, by_hand) as read, pytest.raises(verify.Bad, match=told):
        verify.check_aliases(read, lines)

    def look_alike(leaves: Leaves) -> None:
        set_after(one(leaves, "registry.alias.set", name="candidate"), name="Ｐroduction")

    with kit.believing(exported.model, look_alike) as read, pytest.raises(verify.Bad, match=told):
        verify.check_aliases(read, lines)


def test_the_log_must_be_the_one_whose_key_was_given(exported: Exported) -> None:
    def another_origin(leaves: Leaves) -> None:
        set_after(one(leaves, "ledger.created"), vkey="other")

    def no_export_key(leaves: Leaves) -> None:
        one(leaves, "ledger.export_key.published")["data"]["after"]["details"]["vkey"] = "other"

    for lie, said in ((another_origin, "did not begin with the key"), (no_export_key, "no entry publishes")):
        with kit.believing(exported.model, lie) as read, pytest.raises(verify.Bad, match=said):
            verify.check_scope({}, read)
