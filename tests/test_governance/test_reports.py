"""What others measured: read, bound to bytes or not, recorded once, shown, and refused in words."""

from __future__ import annotations

import base64
import json
import threading
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.urls import reverse

from countersign.blobs.store import receive
from countersign.errors import Conflict, Invalid, Refused
from countersign.ledger.verification import verify
from countersign.permissions import Role, Scope
from governance.reports.actions import LIMIT, record_report
from governance.reports.models import Report
from governance.reports.reading import Kind, read_report
from tests.factories.people import api_client, token_for
from tests.test_core.ledger_kit import begin
from tests.test_governance import evidence_kit as kit
from tests.test_registry.kit import assert_entry, last

JUNIT = b"""<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="fairness checks">
  <testsuite name="a" tests="3">
    <testcase classname="tests.parity" name="by sex"/>
    <testcase classname="tests.parity" name="by age"><failure message="0.71">below 0.8</failure></testcase>
    <testcase name="slow"><skipped/></testcase>
  </testsuite>
  <testsuite name="b"><testcase name="loads"><error>no file</error></testcase></testsuite>
</testsuites>"""
LM_EVALUATION = json.dumps(
    {
        "results": {
            "hellaswag": {
                "alias": "hellaswag",
                "acc,none": 0.5,
                "acc_stderr,none": 0.005,
                "f1,strict": "N/A",
            },
            "arc": {"acc,none": 0.25, "acc_stderr,none": "N/A"},
        },
        "n-samples": {"hellaswag": {"original": 10042, "effective": 10000}},
        "model_name": "small",
    }
).encode()


def statement(digest: str, *, result: str = "PASSED", **predicate: Any) -> dict[str, Any]:
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "model", "digest": {"sha256": digest}}],
        "predicateType": "https://in-toto.io/attestation/test-result/v0.1",
        "predicate": {
            "result": result,
            "configuration": [{"name": "red team", "digest": {"sha256": "0" * 64}}],
            "passedTests": ["a", "b"],
            "failedTests": [],
            **predicate,
        },
    }


def enveloped(payload: dict[str, Any]) -> bytes:
    encoded = base64.b64encode(json.dumps(payload).encode()).decode()
    signatures = [{"keyid": "ci-key", "sig": "AAAA"}]
    return json.dumps(
        {"payloadType": "application/vnd.in-toto+json", "payload": encoded, "signatures": signatures}
    ).encode()


def test_a_junit_report_is_counted() -> None:
    read = read_report(JUNIT)
    assert (read.kind, read.name, read.result) == (Kind.JUNIT, "fairness checks", "failed")
    assert read.counts == {"passed": 1, "failed": 2, "skipped": 1}
    assert read.failing == ["tests.parity.by age", "loads"]


def test_results_of_the_harness_get_the_normal_interval_of_its_standard_error() -> None:
    read = read_report(LM_EVALUATION)
    first, second = read.measures
    assert (first["task"], first["measure"], first["filter"], first["n"]) == (
        "hellaswag",
        "acc",
        "none",
        10000,
    )
    assert first["ci_low"] == pytest.approx(0.5 - 1.959963984540054 * 0.005, abs=1e-12)
    assert (second["ci_low"], second["method"], second["n"]) == (None, "no standard error given", None)
    assert read.result == ""


def test_a_test_result_is_read_bare_and_in_its_envelope() -> None:
    said = statement("a" * 64, result="WARNED", warnedTests=["c"])
    for raw, keys in ((json.dumps(said).encode(), []), (enveloped(said), ["ci-key"])):
        read = read_report(raw)
        assert (read.result, read.name, read.keys, read.digests) == ("warned", "red team", keys, ["a" * 64])
        assert read.counts == {"passed": 2, "warned": 1, "failed": 0}


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        pytest.param(b"", "neither XML nor JSON", id="empty"),
        pytest.param(b"\x80\x05pickle", "neither XML nor JSON", id="binary"),
        pytest.param(b"[1]", "no object", id="list"),
        pytest.param(b'{"a": 1}', "neither an in-toto statement", id="other-json"),
        pytest.param(b"<html></html>", "no JUnit report", id="other-xml"),
        pytest.param(b"<testsuite><testcase", "cannot be read", id="cut"),
        pytest.param(b"<testsuite/>", "holds no test", id="no-test"),
        pytest.param(
            b'<!DOCTYPE a [<!ENTITY b "c">]><testsuite><testcase name="&b;"/></testsuite>',
            "document type",
            id="entity",
        ),
        pytest.param(b'{"results": {"a": {"acc": NaN}}}', "neither XML nor JSON", id="nan"),
        pytest.param(b'{"results": {"a": {"acc": "x"}}}', "no number", id="no-number"),
        pytest.param(
            b'{"results": {"a": {"acc,none": 1e308, "acc_stderr,none": 1e308}}}', "too large", id="overflow"
        ),
        pytest.param(b"[" * 100_000, "nested deeper", id="deep"),
        *(
            pytest.param(
                f'<?xml version="1.0" encoding="{name}"?><testsuite><testcase name="a"/></testsuite>'.encode(),
                "cannot be read",
                id=f"encoding-{name}",
            )
            for name in ("utf-7", "shift_jis", "nonsense")
        ),
        pytest.param(json.dumps(statement("a" * 64, result="GREAT")).encode(), "PASSED", id="result"),
        pytest.param(
            b'{"payloadType": "application/vnd.in-toto+json", "payload": "%"}', "Base64", id="payload"
        ),
        pytest.param(b'{"predicateType": "https://slsa.dev/provenance/v1"}', "test-result", id="provenance"),
    ],
)
def test_what_cannot_be_read_says_what_can(raw: bytes, says: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_report(raw)
    assert refused.value.code == "report_unreadable"
    assert says in str(refused.value)
    assert "lm-evaluation-harness" in str(refused.value)


@pytest.fixture
def world(transactional_db: None) -> kit.World:
    begin()
    return kit.credit_world()


def record(world: kit.World, raw: bytes, actor: Any = None) -> Report:
    incoming = receive(iter([raw]), size=None, expected_sha256=None, limit=LIMIT)
    return record_report(
        version=world.version, incoming=incoming, summary=read_report(raw), actor=actor or world.maker
    )


@pytest.mark.django_db(transaction=True)
def test_a_report_that_names_the_version_is_bound_and_has_one_exact_entry(world: kit.World) -> None:
    report = record(world, enveloped(statement(world.version.digest)))
    assert (report.trust, report.result) == ("bound", "passed")
    assert_entry(
        last("governance.report.recorded"),
        verb="governance.report.recorded",
        subject=report,
        actor=world.maker,
        after={
            "number": report.number,
            "version": str(world.version.pk),
            "kind": "in-toto",
            "result": "passed",
            "trust": "bound",
            "digest": f"sha256:{report.blob_id}",
        },
    )
    file = world.version.files.get(path=world.version.entry_file)
    assert record(world, json.dumps(statement(file.blob_id.upper())).encode()).trust == "bound"
    assert record(world, JUNIT).trust == "reported"
    assert [str(finding) for finding in verify(anchors=[]).findings] == []


@pytest.mark.django_db(transaction=True)
def test_what_is_refused_leaves_nothing(world: kit.World, monkeypatch: pytest.MonkeyPatch) -> None:
    viewer = kit.actor_for(world.user(Role.VIEWER))
    record(world, JUNIT)
    with kit.nothing_changes():
        with pytest.raises(Refused):
            record(world, LM_EVALUATION, viewer)
        with pytest.raises(Invalid, match="about other bytes"):
            record(world, json.dumps(statement("b" * 64)).encode())
        with pytest.raises(Conflict, match="already"):
            record(world, JUNIT)
        with kit.broken_ledger(monkeypatch):
            record(world, LM_EVALUATION)


@pytest.mark.django_db(transaction=True)
def test_two_at_once_record_it_once(world: kit.World) -> None:
    ready, outcomes = threading.Barrier(2), []

    def go() -> None:
        try:
            ready.wait(10)
            outcomes.append(record(world, JUNIT).number)
        except Conflict as conflict:
            outcomes.append(conflict.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=go) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(map(str, outcomes)) == sorted([str(Report.objects.get().number), "report_known"])


@pytest.mark.django_db(transaction=True)
def test_a_pipeline_brings_one_by_rest_and_a_reader_sees_it(world: kit.World) -> None:
    machine = api_client(token_for(world.maker_user, Scope.READ, Scope.WRITE))
    where = reverse("governance:api-reports", args=[world.model.name, 1])
    file = SimpleUploadedFile("junit.xml", JUNIT)
    made = machine.post(where, {"file": file}, headers={"Idempotency-Key": "one"})
    assert made.status_code == 201, made.content
    body = machine.get(made["Location"]).json()
    assert (body["kind"], body["result"], body["trust"]) == ("junit", "failed", "reported")
    assert machine.get(f"{made['Location']}/file").getvalue() == JUNIT
    large = SimpleUploadedFile("junit.xml", JUNIT + b" " * LIMIT)
    assert machine.post(where, {"file": large}, headers={"Idempotency-Key": "two"}).status_code == 413

    page = kit.browser(world.user(Role.REVIEWER))
    listed = kit.text_of(page.get(reverse("governance:evaluations", args=[world.model.name, 1])))
    assert "Evidence from outside" in listed
    shown = page.get(reverse("governance:report", args=[world.model.name, 1, body["number"]]))
    words = kit.text_of(shown)
    assert "The report names no digest" in words
    assert "tests.parity.by age" in words


@pytest.mark.django_db(transaction=True)
def test_the_form_says_beside_the_file_what_is_wrong_with_it(world: kit.World) -> None:
    client = kit.browser(world.maker_user)
    where = reverse("governance:reports", args=[world.model.name, 1])
    wrong = client.post(where, {"file": SimpleUploadedFile("a.txt", b"hello")})
    assert wrong.status_code == 422
    assert "neither XML nor JSON" in kit.text_of(wrong)
    right = client.post(where, {"file": SimpleUploadedFile("lm.json", LM_EVALUATION)}, follow=True)
    assert "hellaswag" in kit.text_of(right)
