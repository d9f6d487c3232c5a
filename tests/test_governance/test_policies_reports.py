"""Rules on reports: the kind, the trust, the version and the name must fit, and the newest counts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from countersign.blobs.store import receive
from countersign.errors import Invalid
from governance.policies.dry_run import dry_run
from governance.policies.reported import Reports
from governance.policies.requirements import RequirementResult
from governance.policies.verdict import judge
from governance.reports.actions import LIMIT, record_report
from governance.reports.models import Report
from governance.reports.reading import read_report
from governance.yardstick import yardstick_of
from registry.versions.models import ModelVersion
from tests.factories import registry as make
from tests.factories.governance import (
    AUC,
    Subject,
    make_evaluation,
    make_policy,
    make_subject,
    policy_of,
    policy_text,
)
from tests.test_governance import verdict_kit as kit
from tests.test_governance.test_reports import LM_EVALUATION, statement

ASKED: dict[str, Any] = {
    "id": "red-team",
    "title": "Passed the red team",
    "path": "reports.in-toto",
    "trust": "bound",
    "op": "in",
    "limit": ["passed"],
    "why": "People attacked it and say so.",
}
JUNIT = {**ASKED, "path": "reports.junit", "trust": "reported"}


@pytest.fixture(scope="module")
def module_subject(django_db_setup: None, django_db_blocker: Any) -> Iterator[Subject]:
    with kit.one_subject(django_db_blocker) as subject:
        yield subject


@pytest.fixture
def subject(module_subject: Subject, db: None) -> Subject:
    return module_subject


def record(subject: Subject, raw: bytes, version: ModelVersion | None = None) -> Report:
    incoming = receive(iter([raw]), size=None, expected_sha256=None, limit=LIMIT)
    return record_report(
        version=version or subject.version, incoming=incoming, summary=read_report(raw), actor=subject.maker
    )


def attested(digest: str, result: str = "PASSED", name: str = "red team", **predicate: Any) -> bytes:
    configuration = [{"name": name}]
    return json.dumps(statement(digest, result=result, configuration=configuration, **predicate)).encode()


def junit(name: str, *, failed: bool = False) -> bytes:
    inside = "<failure/>" if failed else ""
    return f'<testsuites name="{name}"><testcase name="by sex">{inside}</testcase></testsuites>'.encode()


def judged(subject: Subject, rule: dict[str, Any], version: ModelVersion | None = None) -> RequirementResult:
    found = judge(version=version or subject.version, document=policy_of(rule), evaluation=None, card=None)
    return kit.only(rule["id"], found)


def test_a_report_of_the_kind_bound_to_the_version_and_passed_meets_it(subject: Subject) -> None:
    missing = judged(subject, ASKED)
    assert (missing.state, missing.blocks) == ("not_measured", True)
    assert missing.message == (
        f"No in-toto test result is recorded on {subject.version}. Record one beside its evaluations."
    )
    report = record(subject, attested(subject.version.digest))
    met = judged(subject, ASKED)
    assert (met.state, met.blocks) == ("met", False)
    assert met.message.startswith(f"Report {report.number}, “red team”, recorded on ")
    assert met.message.endswith(" says passed.")
    assert met.looked_at == {
        "path": "reports.in-toto",
        "report": report.number,
        "value": "passed",
        "trust": "bound",
        "digest": f"sha256:{report.blob_id}",
        "asked_trust": "bound",
        "limit": ["passed"],
    }
    assert str(met.link).endswith(f"/reports/{report.number}/")
    assert judged(subject, JUNIT).state == "not_measured"
    assert judged(subject, {**ASKED, "trust": "reported"}).state == "met"


def test_the_report_of_another_version_never_counts(subject: Subject) -> None:
    other = make.make_version(subject.version.model, actor=subject.maker, files={"model.skops": b"PK other"})
    record(subject, attested(other.digest), other)
    record(subject, junit("parity"), other)
    assert judged(subject, ASKED).state == "not_measured"
    assert judged(subject, JUNIT).state == "not_measured"
    assert judged(subject, JUNIT, other).state == "met"


def test_a_report_that_names_no_digest_is_too_little_where_bound_is_asked(subject: Subject) -> None:
    bare = json.loads(attested("a" * 64))
    bare["subject"] = [{"name": "the model, I promise", "digest": {"gitCommit": "abc"}}]
    report = record(subject, json.dumps(bare).encode())
    found = judged(subject, {**ASKED, "on_missing": "not_applicable"})
    assert (found.state, found.blocks, found.looked_at["trust"]) == ("not_met", True, "reported")
    assert found.message.startswith(f"Report {report.number} names no digest, so that it is about")
    assert judged(subject, {**ASKED, "trust": "reported"}).state == "met"


def test_one_that_failed_is_named_with_what_failed_and_a_later_one_takes_its_place(subject: Subject) -> None:
    failed = record(subject, attested(subject.version.digest, "FAILED", failedTests=["jailbreak", "leak"]))
    found = judged(subject, ASKED)
    assert (found.state, found.blocks) == ("not_met", True)
    assert found.message.endswith("says failed (jailbreak, leak); it must be passed.")
    assert judged(subject, {**ASKED, "severity": "warn"}).blocks is False
    record(subject, attested(subject.version.digest))
    again = judged(subject, ASKED)
    assert again.state == "met"
    assert again.message.endswith(f"It stands in place of report {failed.number}, which said failed.")
    worse = record(subject, attested(subject.version.digest, "WARNED"))
    assert judged(subject, ASKED).looked_at["report"] == worse.number
    assert judged(subject, ASKED).state == "not_met"
    assert judged(subject, {**ASKED, "limit": ["passed", "warned"]}).state == "met"


def test_what_is_not_trusted_enough_replaces_nothing_and_is_named(subject: Subject) -> None:
    bound = record(subject, attested(subject.version.digest, "FAILED"))
    bare = json.loads(attested("a" * 64)) | {"subject": [{"name": "model"}]}
    later = record(subject, json.dumps(bare).encode())
    found = judged(subject, ASKED)
    assert (found.state, found.looked_at["report"]) == ("not_met", bound.number)
    assert found.message.endswith(f"Report {later.number} is newer and not trusted enough to count.")


def test_of_several_names_the_worst_decides_unless_one_is_named(subject: Subject) -> None:
    parity = record(subject, junit("parity", failed=True))
    style = record(subject, junit("style"))
    found = judged(subject, JUNIT)
    assert (found.state, found.looked_at["report"]) == ("not_met", parity.number)
    assert found.message.endswith("2 reports of this kind count, one a name; the worst decides.")
    only = judged(subject, {**JUNIT, "named": "style"})
    assert (only.state, only.looked_at["report"]) == ("met", style.number)
    assert judged(subject, {**JUNIT, "named": "Style"}).message.startswith(
        "No JUnit report “Style” is recorded"
    )


def test_measures_alone_can_be_asked_to_be_on_record(subject: Subject) -> None:
    rule = {**ASKED, "path": "reports.lm-evaluation-harness", "trust": "reported", "op": "recorded"}
    del rule["limit"]
    assert judged(subject, rule).state == "not_measured"
    report = record(subject, LM_EVALUATION)
    assert judged(subject, rule).message.startswith(f"Report {report.number}, “small”, is recorded on ")


@pytest.mark.parametrize(
    ("rule", "line", "says"),
    [
        ({"trust": None}, "path:", "Say from which trust on a report counts."),
        (
            {"trust": "signed"},
            "trust:",
            "“signed” is not allowed for “trust”. Choose one of: reported, bound.",
        ),
        ({"path": "reports.junit"}, "trust:", "Nobody could meet this: only reports.in-toto names digests"),
        ({"path": "reports.sarif"}, "path:", "Nothing measures this: “reports.sarif”."),
        ({"limit": ["excellent"]}, "limit:", "“reports.in-toto” is never “excellent”."),
        ({"limit": 0.5}, "limit:", "needs a list of words"),
        ({"bound": "ci_low"}, "bound:", "is a fact without an interval or rows. Leave out “bound”."),
        ({"each": "groups"}, "path:", "Nothing measures this for each of groups"),
        (
            {"path": "reports.lm-evaluation-harness", "trust": "reported"},
            "op:",
            "“in” makes no sense of “reports.lm-evaluation-harness”. Use one of: recorded.",
        ),
        ({**AUC, "trust": "bound"}, "trust:", "“trust” is for rules on reports"),
        ({**AUC, "trust": None, "named": "parity"}, "named:", "“named” is for rules on reports"),
    ],
)
def test_a_rule_nobody_could_mean_is_refused_at_its_line(rule: dict[str, Any], line: str, says: str) -> None:
    text = policy_text(rules=[{key: one for key, one in (ASKED | rule).items() if one is not None}])
    with pytest.raises(Invalid) as refused:
        policy_of({key: one for key, one in (ASKED | rule).items() if one is not None})
    said = next(one for one in refused.value.fields["text"] if says in one)
    number = int(said.removeprefix("line ").partition(":")[0])
    assert line in text.splitlines()[number - 1]


@pytest.mark.django_db
def test_a_report_is_no_evidence_of_an_evaluation_and_costs_one_query_for_all(
    django_assert_num_queries: Any,
) -> None:
    subject = make_subject()
    policy = make_policy(policy_text(rules=[AUC, ASKED]))
    evaluation = make_evaluation(subject)
    record(subject, attested(subject.version.digest))
    assert "red-team" not in {one.rule_id for one in yardstick_of(evaluation).requirements}
    run = dry_run(actor=subject.maker, policy=policy.policy, in_force=policy, draft=None)
    (found,) = [one for one in run.judged if one.version.pk == subject.version.pk]
    assert found.now
    assert kit.only("red-team", found.now.results).state == "met"
    for count in (1, 2):
        if count == 2:
            make.make_version(subject.version.model, actor=subject.maker, files={"model.skops": b"PK two"})
        versions = list(ModelVersion.objects.filter(model=subject.version.model).select_related("model"))
        reports = Reports(versions)
        with django_assert_num_queries(1):
            for version in versions:
                reports.on(version)
