"""Reading what others measured: an in-toto test result, a JUnit report, results of lm-evaluation-harness.

Each becomes one summary. What the file calls things is data: cut to a length, control characters taken out.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeGuard
from xml.parsers import expat

from countersign.api.bodies import loads
from countersign.errors import Invalid

MOST_LISTED = 100
"""Failing tests and measures that are listed; the counts cover all."""
LONGEST = 200
Z95 = 1.959963984540054
TEST_RESULT = "https://in-toto.io/attestation/test-result/"
STATEMENT = "https://in-toto.io/Statement/v1"
ENVELOPE = "application/vnd.in-toto+json"


class Kind(StrEnum):
    """The forms that are read."""

    IN_TOTO = "in-toto"
    JUNIT = "junit"
    LM_EVALUATION = "lm-evaluation-harness"


@dataclass(slots=True)
class Summary:
    """What a report says. `result` is passed, warned or failed, or empty where the form has no verdict (measures
    alone). `digests` are the SHA-256 the report says it is about; `keys` who signed it, unchecked."""

    kind: Kind
    name: str = ""
    result: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    failing: list[str] = field(default_factory=list)
    measures: list[dict[str, Any]] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The part that is kept beside the file."""
        return {
            "name": self.name,
            "counts": self.counts,
            "failing": self.failing,
            "measures": self.measures,
            "keys": self.keys,
        }


def read_report(raw: bytes) -> Summary:
    """The summary of a report, whose form is told by its content. Raises Invalid (report_unreadable)."""
    if raw.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return _junit(raw)
    try:
        document = loads(raw.decode("utf-8-sig"))
    except ValueError as error:
        raise _unreadable(f"It is neither XML nor JSON ({error}).") from None
    if not isinstance(document, dict):
        raise _unreadable("Its JSON is no object.")
    if document.get("payloadType") == ENVELOPE or "predicateType" in document:
        return _in_toto(document)
    if isinstance(document.get("results"), dict):
        return _lm_evaluation(document)
    raise _unreadable("Its JSON is neither an in-toto statement nor results of lm-evaluation-harness.")


def _unreadable(what: str) -> Invalid:
    sentence = (
        f"{what} Send an in-toto test result (statement or DSSE envelope), a JUnit XML report, or the results JSON "
        "of lm-evaluation-harness."
    )
    return Invalid(sentence, fields={"file": [sentence]}, code="report_unreadable")


def _text(value: object) -> str:
    return "".join(c if c.isprintable() else " " for c in str(value))[:LONGEST].strip()


def _listed(names: Iterator[str]) -> list[str]:
    return [name for _, name in zip(range(MOST_LISTED), names, strict=False)]


def _in_toto(document: Mapping[str, Any]) -> Summary:
    """A statement (in-toto attestation framework, v1) with the predicate test-result v0.1, bare or in a DSSE
    envelope. Signatures are listed and not checked: which keys to trust nobody has told us."""
    keys: list[str] = []
    if "payload" in document:
        signatures = document.get("signatures")
        keys = [
            _text(one.get("keyid") or "unnamed")
            for one in (signatures if isinstance(signatures, list) else [])[:MOST_LISTED]
            if isinstance(one, Mapping)
        ]
        try:
            document = loads(base64.b64decode(str(document["payload"]), validate=True).decode())
        except (ValueError, binascii.Error):
            raise _unreadable("The envelope's payload is not JSON in Base64.") from None
        if not isinstance(document, dict):
            raise _unreadable("The envelope's payload is no object.")
    if document.get("_type") != STATEMENT or not str(document.get("predicateType")).startswith(TEST_RESULT):
        raise _unreadable("It is no in-toto statement v1 with the predicate test-result.")
    predicate, subjects = document.get("predicate"), document.get("subject")
    if not isinstance(predicate, Mapping) or not isinstance(subjects, list):
        raise _unreadable("The statement lacks its subject or its predicate.")
    result = str(predicate.get("result", "")).lower()
    if result not in ("passed", "warned", "failed"):
        raise _unreadable("The predicate's result is none of PASSED, WARNED and FAILED.")
    tests = {name: _names(predicate.get(f"{name}Tests")) for name in ("passed", "warned", "failed")}
    configuration = predicate.get("configuration")
    first = configuration[0] if isinstance(configuration, list) and configuration else {}
    return Summary(
        Kind.IN_TOTO,
        name=_text(first.get("name") or first.get("uri") or "") if isinstance(first, Mapping) else "",
        result=result,
        counts={name: len(found) for name, found in tests.items()},
        failing=_listed(iter(tests["failed"])),
        digests=[
            str(one["digest"]["sha256"]).lower()
            for one in subjects
            if isinstance(one, Mapping)
            and isinstance(one.get("digest"), Mapping)
            and "sha256" in one["digest"]
        ],
        keys=keys,
    )


def _names(raw: object) -> list[str]:
    return [_text(name) for name in raw] if isinstance(raw, list) else []


def _junit(raw: bytes) -> Summary:
    """The de-facto JUnit XML: every `testcase`, failed with a child `failure` or `error`, skipped with `skipped`. A
    document type is refused, so no entity can grow or point anywhere."""
    summary = Summary(Kind.JUNIT, counts={"passed": 0, "failed": 0, "skipped": 0})
    case: list[str] = []
    ended = ["passed"]
    seen: list[str] = []

    def start(tag: str, attributes: dict[str, str]) -> None:
        tag = tag.rpartition(":")[2]
        if not seen:
            if tag not in ("testsuites", "testsuite"):
                raise _unreadable("Its XML is no JUnit report.")
            summary.name = _text(attributes.get("name", ""))
        seen.append(tag)
        if tag == "testcase":
            case[:] = [".".join(part for key in ("classname", "name") if (part := attributes.get(key)))]
            ended[:] = ["passed"]
        elif case and tag in ("failure", "error"):
            ended[:] = ["failed"]
        elif case and tag == "skipped" and ended == ["passed"]:
            ended[:] = ["skipped"]

    def end(tag: str) -> None:
        if tag.rpartition(":")[2] != "testcase" or not case:
            return
        summary.counts[ended[0]] += 1
        if ended == ["failed"] and len(summary.failing) < MOST_LISTED:
            summary.failing.append(_text(case[0]))
        case.clear()

    def refuse(*_: object) -> None:
        raise _unreadable("It has a document type, which a JUnit report needs none of.")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(raw, True)
    except (expat.ExpatError, LookupError, ValueError) as error:  # the last two: an encoding expat lacks
        raise _unreadable(f"Its XML cannot be read ({error}).") from None
    if not sum(summary.counts.values()):
        raise _unreadable("The report holds no test.")
    summary.result = "failed" if summary.counts["failed"] else "passed"
    return summary


def _lm_evaluation(document: Mapping[str, Any]) -> Summary:
    """Results of lm-evaluation-harness: `results[task]["metric,filter"]` with `metric_stderr,filter`. The interval
    is the normal one around the value, from the harness's standard error."""
    counts = document.get("n-samples")
    summary = Summary(Kind.LM_EVALUATION, name=_text(document.get("model_name") or ""))
    for task, numbers in document["results"].items():
        if not isinstance(numbers, Mapping):
            raise _unreadable(f"The results of “{_text(task)}” are no object.")
        samples = counts.get(task) if isinstance(counts, Mapping) else None
        n = samples.get("effective") if isinstance(samples, Mapping) else None
        for key, value in numbers.items():
            metric, _, kept = str(key).partition(",")
            if metric.endswith("_stderr") or not _is_number(value) or metric in ("alias", "sample_len"):
                continue
            error = numbers.get(f"{metric}_stderr,{kept}" if kept else f"{metric}_stderr")
            spread = Z95 * float(error) if _is_number(error) else None
            if spread is not None and not math.isfinite(abs(float(value)) + spread):
                raise _unreadable(f"The standard error of “{_text(metric)}” is too large to be one.")
            summary.measures.append(
                {
                    "task": _text(task),
                    "measure": _text(metric),
                    "filter": _text(kept),
                    "value": float(value),
                    "ci_low": None if spread is None else float(value) - spread,
                    "ci_high": None if spread is None else float(value) + spread,
                    "method": "no standard error given"
                    if spread is None
                    else "normal, the harness's standard error",
                    "n": n if type(n) is int else None,
                }
            )
    if not summary.measures:
        raise _unreadable("The results hold no number.")
    summary.counts = {"measures": len(summary.measures)}
    del summary.measures[MOST_LISTED:]
    return summary


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
