"""A policy is accepted only when it can be read as sentences; whatever is wrong with it is named by its
line."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from countersign.errors import Invalid
from governance.policies.checks import BUILT_IN, FACTS
from governance.policies.clauses import CLAUSES
from governance.policies.rules import canonical_form, parse
from governance.policies.yaml_lines import YamlProblem, read
from tests.factories.governance import AUC, policy_of, policy_text

GOOD = """\
# a comment
policy: High tier, production
risk_tier: high
environment: production
suite: default-binary
approval_valid_days: 365
evaluation_max_age_days: 90

card_sections: [identity, purpose]

sign_offs:
  - key: validation
    title: Validation
    meaning: validation
    role: reviewer
    independent: true

rules:
  - id: auc
    title: Ranks risk well
    path: metrics.roc_auc
    bound: ci_low
    op: ">="
    limit: 0.70
    min_n: 1000
    serves: [ai-act-15-1]
    why: >
      Two
      lines.

  # the next one
  - id: scan
    title: File scanned
    path: scan.verdict
    op: in
    limit: [clean,
      unlisted_names]
    why: Because.
"""


def errors_of(text: str) -> list[str]:
    with pytest.raises(Invalid) as caught:
        parse(text)
    assert caught.value.code == "policy_invalid"
    assert list(caught.value.fields) == ["text"]
    return caught.value.fields["text"]


def with_line(old: str, new: str) -> str:
    assert GOOD.count(old) == 1
    return GOOD.replace(old, new)


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


def test_a_good_policy_is_read_as_it_stands() -> None:
    document = parse(GOOD)
    assert (document.name, document.risk_tier, document.environment) == (
        "High tier, production",
        "high",
        "production",
    )
    assert (document.approval_valid_days, document.evaluation_max_age_days) == (365, 90)
    assert document.card_sections == ("identity", "purpose")
    assert document.sign_offs[0].independent
    auc, scan = document.rules
    assert auc.limit == Decimal("0.70")
    assert (auc.bound, auc.min_n, auc.severity, auc.on_missing) == ("ci_low", 1000, "block", "fail")
    assert auc.serves == ("ai-act-15-1",)
    assert auc.why == "Two lines.\n"
    assert scan.limit == ("clean", "unlisted_names")


def test_each_rule_knows_its_lines_and_no_others() -> None:
    rules = parse(GOOD).rules
    lines = GOOD.splitlines()
    for rule, begins, ends in zip(rules, ("id: auc", "id: scan"), ("lines.", "why: Because."), strict=True):
        first, last = rule.lines
        assert begins in lines[first - 1]
        assert ends in lines[last - 1]


def test_the_digest_is_of_what_is_said_and_not_of_how_it_is_written() -> None:
    same = (
        with_line("# a comment\n", "").replace("limit: 0.70", "limit: 0.7000").replace("high\n", "'high'\n")
    )
    assert parse(same).digest == parse(GOOD).digest
    assert parse(with_line("limit: 0.70", "limit: 0.71")).digest != parse(GOOD).digest
    assert parse(with_line("why: Because.", "why: Because so.")).digest != parse(GOOD).digest
    assert canonical_form(GOOD)["rules"][0]["limit"] == "0.7"


def test_a_limit_is_the_decimal_that_was_written() -> None:
    assert parse(with_line("limit: 0.70", "limit: 0.1")).rules[0].limit == Decimal("0.1")
    assert parse(with_line("limit: 0.70", "limit: 0.005")).rules[0].limit == Decimal("0.005")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("risk_tier: high", "risk_tier: huge", "“huge” is not allowed for “risk_tier”. Choose one of: low,"),
        (
            "risk_tier: high\n",
            "risk_tier: high\nrisk_teir: low\n",
            "“risk_teir” is not a key this place knows",
        ),
        (
            "suite: default-binary",
            "suite: other",
            "There is no suite “other”. Known: default-binary, quick-binary, full-binary, default-multiclass,",
        ),
        ("identity, purpose", "identity, purposes", "no card section “purposes”. Did you mean “purpose”?"),
        ("identity, purpose", "identity, identity", "“card_sections” names something twice."),
        ("approval_valid_days: 365", "approval_valid_days: 0", "“approval_valid_days” is at least 1, not 0."),
        ("approval_valid_days: 365", "approval_valid_days: 1.5", "must be a whole number."),
        ("approval_valid_days: 365", "approval_valid_days: soon", "must be a whole number."),
        ("role: reviewer", "role: reader", "“reader” is not allowed for “role”."),
        ("role: reviewer", "role: approver", "Nobody could sign this: validation is for the role reviewer"),
        (
            "metrics.roc_auc",
            "metrics.roc_acu",
            "measures this: “metrics.roc_acu”. Did you mean “metrics.roc_auc”?",
        ),
        ("metrics.roc_auc", "robustness.x", "Nothing measures this: “robustness.x”. Known: "),
        ('op: ">="', "op: in", "“in” makes no sense of “metrics.roc_auc”."),
        ('op: ">="', 'op: "=="', "“==” is not allowed for “op”."),
        (
            "scan.verdict\n    op: in",
            "lineage.run\n    op: recorded",
            "The operator “recorded” takes no limit.",
        ),
        ("limit: 0.70", "limit: many", "The limit must be a number, such as 0.80."),
        ("limit: 0.70", 'limit: "0.70"', "The limit must be a number, such as 0.80."),
        ("limit: 0.70", "limit: true", "The limit must be a number, such as 0.80."),
        ("limit: 0.70", "limit: 7e-1", "The limit must be a number, such as 0.80."),
        ("limit: 0.70", "limit: .inf", "The limit must be a number, such as 0.80."),
        ("    limit: 0.70\n", "", "The limit must be a number, such as 0.80."),
        ("limit: 0.70", "limit: 0.7000000000000001", "A number has at most 15 characters."),
        ("min_n: 1000", "min_n: 0", "“min_n” is at least 1, not 0."),
        (
            "min_n: 1000",
            "severity: fatal",
            "“fatal” is not allowed for “severity”. Choose one of: block, warn.",
        ),
        ("bound: ci_low", "bound: diff_ci_low", "Here the bound is one of: value, ci_low, ci_high."),
        ("bound: ci_low", "bound: lower", "“lower” is not allowed for “bound”."),
        ("[ai-act-15-1]", "[ai-act-15-11]", "has no “ai-act-15-11”. Did you mean “ai-act-15-1”?"),
        ("id: auc", "id: AUC", "“AUC” does not fit “id”: write small letters"),
        ("id: auc", "id: card", "“card” is the name of a requirement every policy has."),
        ("title: Ranks risk well", "title: 7", "“title” must be text (put it in quotes)."),
        ("      unlisted_names]", "      clear]", "“scan.verdict” is never “clear”. Did you mean “clean”?"),
        ("op: in", "op: in\n    min_n: 5", "is a fact without an interval or rows. Leave out “min_n”."),
        ("id: scan", "id: auc", "The rule “auc” stands here twice."),
        ("title: File scanned", "title: x", "“title” has at least 3 characters."),
    ],
)
def test_what_is_wrong_is_named_with_its_line_and_the_mend(old: str, new: str, said: str) -> None:
    text = with_line(old, new)
    changed = {
        number
        for number, (was, now) in enumerate(
            zip([*GOOD.splitlines(), ""], [*text.splitlines(), ""], strict=False), 1
        )
        if was != now
    }
    found = errors_of(text)
    assert len(found) == 1
    assert said in found[0]
    line = int(found[0].removeprefix("line ").split(":")[0])
    # The line of the slip, or where what it belongs to begins.
    begins = ("card_sections", "key: validation", "id: auc", "limit: [clean")
    assert line in changed | {line_of(text, part) for part in begins if part in text}
    if old.startswith(("risk_tier", "suite", "approval", 'op: ">="', "bound")):
        assert line in changed


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "The text is empty."),
        ("# only a comment\n", 1, "The text is empty."),
        ("a: b: c", 1, "This is not YAML"),
        ("policy: x\n  risk_tier: high", 2, "This is not YAML"),
        ("policy: [a, b", 1, "This is not YAML"),
        ("policy: x\n\trisk_tier: y", 2, "This is not YAML"),
        ("policy: one\npolicy: two", 2, "“policy” stands here twice."),
        ("x: &a 1", 1, "Anchors and aliases"),
        ("x: 1\ny: *a", 2, "Anchors and aliases"),
        ("x: 1\ny: !!python/object/apply:os.system [id]", 2, "Tags (!…) are not allowed here."),
        ("x: 1\n---\ny: 2", 2, "This is not YAML"),
        ("? [a]\n: b", 1, "A key must be a plain word."),
        ('x: 1\ny: "\\0"', 2, "A text holds a control character."),
        ('x: "\\ud800"', 1, "A text holds a control character."),
        ("x: 1\ny: \ud800", 2, "a character that YAML does not allow"),
        ("x: \x00", 1, "a character that YAML does not allow"),
        ("x: " + "9" * 6000, 1, "A number has at most 15 characters."),
        ("x: " + "y" * 70_000, 1, "The text is longer than 64 kB."),
        ("[" * 30_000, 1, "The text is nested too deeply."),
        ("- " * 30_000, 1, "The text is nested too deeply."),
        ("just words", 1, "“the policy” must be a mapping"),
        ("- a\n- b", 1, "“the policy” must be a mapping"),
    ],
)
def test_text_that_is_no_policy_is_refused_quickly(text: str, line: int, said: str) -> None:
    began = time.monotonic()
    found = errors_of(text)
    assert time.monotonic() - began < 5
    assert found[0].startswith(f"line {line}: ")
    assert said in found[0]


def test_a_huge_policy_with_many_errors_names_the_first_of_them() -> None:
    found = errors_of(policy_text(rules=[{"id": f"r{n}"} for n in range(300)]))
    assert len(found) == 31
    assert found[-1].startswith("And ")
    assert sum(map(len, found)) < 10_000


def test_everything_that_is_missing_is_named() -> None:
    found = errors_of("policy: A name\nrules: []\n")
    assert [sentence.split("“")[1].split("”")[0] for sentence in found if "is missing" in sentence] == [
        "approval_valid_days",
        "environment",
        "risk_tier",
        "sign_offs",
        "suite",
    ]
    assert any(sentence == "line 2: “rules” has at least 1 entry." for sentence in found)


@pytest.mark.parametrize(
    ("sign_offs", "said"),
    [
        ([("a", "authorship", "owner", True)], "an owner is never independent of the owning team"),
        ([("a", "compliance review", "reviewer", False)], "compliance review is for the role compliance"),
        (
            [("a", "approval", "approver", False), ("b", "approval", "approver", False)],
            "could not be told apart",
        ),
        (
            [("a", "approval", "approver", False), ("a", "validation", "reviewer", False)],
            "“a” stands here twice",
        ),
        ([], "“sign_offs” has at least 1 entry."),
    ],
)
def test_sign_offs_nobody_could_give_are_refused(sign_offs: list[tuple[Any, ...]], said: str) -> None:
    keys = ("key", "title", "meaning", "role", "independent")
    rows = [dict(zip(keys, (key, "A title", *rest), strict=True)) for key, *rest in sign_offs]
    assert said in errors_of(policy_text(sign_offs=rows))[0]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"each": "fairness", "path": "metrics.roc_auc"}, "Nothing measures this for each of fairness"),
        ({"each": "fairness", "path": "true_positive_rate_difference"}, "Nothing measures this"),
        ({"each": "groups", "path": "metrics.brier"}, "Nothing measures this for each of groups"),
        (
            {"each": "rows"},
            "“rows” does not fit “each”: write groups, crossings, fairness, slices or robustness",
        ),
        ({"each": "slices[attribute=sex]"}, "does not fit “each”"),
        ({"each": "robustness[attribute=sex]"}, "does not fit “each”"),
        (
            {"each": "robustness"},
            "Nothing measures this for each of robustness: “metrics.roc_auc”. Known: drop",
        ),
        ({"each": "slices", "path": "metrics.brier"}, "Nothing measures this for each of slices"),
        ({"each": "crossings", "path": "drop"}, "Nothing measures this for each of crossings"),
        ({"path": "metrics.roc_auc_shortfall"}, "Nothing measures this: “metrics.roc_auc_shortfall”."),
        ({"path": "leakage.row_overlp"}, "Did you mean “leakage.row_overlap”?"),
        (
            {"path": "leakage.row_overlap", "bound": "diff_ci_low"},
            "Here the bound is one of: value, ci_low, ci_high.",
        ),
        ({"path": "leakage.row_overlap", "limit": 2}, "“leakage.row_overlap” lies between -1 and 1"),
        ({"path": "data_quality.blockers", "op": "<", "limit": 0}, "Nobody could meet this"),
        (
            {"path": "reproduction.verdict", "op": "in", "limit": ["same"]},
            "“reproduction.verdict” is never “same”",
        ),
        ({"path": "source", "op": "in", "limit": ["reporte"]}, "Did you mean “reported”?"),
        ({"each": "fairness[attribute=]"}, "does not fit “each”"),
        ({"compare_to": "champion", "path": "metrics.roc_auc"}, "Nothing measures this"),
        ({"compare_to": "champion", "each": "groups"}, "Groups are not compared with the champion."),
        (
            {"compare_to": "champion", "path": "comparison.diffs.roc_auc"},
            "Here the bound is one of: value, diff",
        ),
        ({"path": "lineage.run"}, "“>=” makes no sense of “lineage.run”. Use one of: recorded."),
    ],
)
def test_a_rule_reads_only_what_is_measured_where_it_stands(rule: dict[str, Any], said: str) -> None:
    assert said in "\n".join(errors_of(policy_text(rules=[AUC | rule])))


def test_signed_differences_are_judged_at_the_end_nearer_to_worse() -> None:
    compared = {**AUC, "compare_to": "champion", "path": "comparison.diffs.roc_auc", "limit": -0.01}
    del compared["bound"]
    assert policy_of(compared).rules[0].bound == "diff_ci_low"
    assert (
        policy_of(compared | {"path": "comparison.diffs.brier", "op": "<="}).rules[0].bound == "diff_ci_high"
    )


def test_too_few_rows_fail_a_whole_and_are_noted_of_a_group_unless_the_policy_says_otherwise() -> None:
    each = {**AUC, "each": "fairness", "path": "selection_rate_ratio"}
    assert policy_of(AUC).rules[0].on_insufficient == "fail"
    assert policy_of(each).rules[0].on_insufficient == "note"
    assert policy_of(each | {"on_insufficient": "fail"}).rules[0].on_insufficient == "fail"


def test_the_clause_register_is_sound() -> None:
    assert {clause.status for clause in CLAUSES.values()} <= {
        "in_force",
        "applies_from",
        "superseded",
        "draft",
        "voluntary",
    }
    for name, clause in CLAUSES.items():
        assert clause.id == name
        assert clause.title
        assert clause.source
        assert (clause.status == "applies_from") <= (clause.valid_from is not None)
        assert (clause.status == "superseded") <= (clause.valid_until is not None)
    assert CLAUSES["sr-11-7"].status == "superseded"
    assert CLAUSES["cfr-1607-4d"].name == "29 CFR part 1607, 1607.4(D)"


def test_facts_and_built_in_requirements_do_not_share_names() -> None:
    assert not set(BUILT_IN) & set(FACTS)


@given(st.text(max_size=300))
@settings(deadline=None, max_examples=300)
def test_any_text_is_read_or_refused_with_a_line(text: str) -> None:
    problem = None
    try:
        value, lines = read(text)
    except YamlProblem as found:
        problem = found
    if problem is not None:
        assert 1 <= problem.line <= len(text) + 1
        assert problem.message.endswith(".")
    else:
        assert lines[()][0] >= 1
        assert value is None or isinstance(value, str | int | Decimal | list | dict)


_words = st.text(st.characters(whitelist_categories=("Ll", "Nd")), min_size=1, max_size=8)


@given(st.lists(_words, min_size=1, max_size=6, unique=True), st.integers(0, 3))
@settings(deadline=None)
def test_lines_span_exactly_what_was_written(names: list[str], gap: int) -> None:
    """Blocks of known heights, with blank lines between them."""
    rows, wanted = ["list:"], []
    for height, name in enumerate(names, 1):
        wanted.append((len(rows) + 1, len(rows) + 1 + height))
        rows += [f"  - name: k{name}", "    text: |", *([f"      {name}"] * (height - 1 or 1))]
        wanted[-1] = (wanted[-1][0], len(rows))
        rows += [""] * gap
    _, lines = read("\n".join(rows))
    assert [lines[("list", number)] for number in range(len(names))] == wanted
