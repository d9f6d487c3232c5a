"""The reader of predictions believes nothing and stops at the first wrong byte."""

import itertools
import json
import struct
from typing import Any

import numpy
import pytest

from governance.evaluation.sandbox import Limits
from governance.evaluation.sandbox.failures import CODES, Refusal
from governance.evaluation.sandbox.frames import PredictionReader, check_values
from governance.evaluation.sandbox.inside.answers import END, NOTE, Refused
from governance.evaluation.sandbox.inside.predict import _numbers

IMPORTED = {"stage": "imported", "versions": {"numpy": "2"}, "seconds": 1}
LOADED = {"stage": "loaded"}
HEADER = {"stage": "header", "k": 2, "classes": ["no", "yes"]}


def note(content: Any) -> bytes:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return struct.pack("<QI", NOTE, len(body)) + body


def rows(*values: float, count: int | None = None) -> bytes:
    return struct.pack("<Q", len(values) // 2 if count is None else count) + struct.pack(
        f"<{len(values)}d", *values
    )


END_RECORD = struct.pack("<Q", END)
START = note(IMPORTED) + note(LOADED) + note(HEADER)


def reader(*sent: int) -> PredictionReader:
    ticks = itertools.count()
    handed_over = [(count, 0.0) for count in sent]
    return PredictionReader(
        expected=sum(sent), limits=Limits(columns=3), sent=handed_over, clock=lambda: float(next(ticks))
    )


def test_an_honest_answer_is_read_byte_by_byte_as_well_as_at_once() -> None:
    content = START + rows(0.1, 0.9, 0.2, 0.8) + rows(0.5, 0.5) + END_RECORD
    whole, piecewise = reader(2, 1), reader(2, 1)
    whole.feed(content)
    for place in range(len(content)):
        piecewise.feed(content[place : place + 1])
    for one in (whole, piecewise):
        assert one.complete
        assert one.classes == ("no", "yes")
        assert one.scores.tolist() == [[0.1, 0.9], [0.2, 0.8], [0.5, 0.5]]
        assert len(one.latencies) == 2


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"GARBAGE!" * 3, "not_predictions"),
        (END_RECORD, "not_predictions"),
        (note(LOADED), "not_predictions"),
        (note(HEADER), "not_predictions"),
        (START + note(HEADER), "not_predictions"),
        (note(IMPORTED) + note(b"{" * 9), "not_predictions"),
        (note(IMPORTED) + note(b"[" * 60_000), "not_predictions"),
        (note(IMPORTED) + note(b"7"), "not_predictions"),
        (note(IMPORTED) + struct.pack("<QI", NOTE, 1 << 17), "not_predictions"),
        (note(IMPORTED) + note(LOADED) + rows(0.5, 0.5), "not_predictions"),
        *[
            (note(IMPORTED) + note(LOADED) + note(HEADER | change), "not_predictions")
            for change in (
                {"k": 4, "classes": ["a", "b", "c", "d"]},
                {"k": 0, "classes": []},
                {"k": True, "classes": ["a"]},
                {"k": "2"},
                {"k": 2.0},
                {"classes": ["a"]},
                {"classes": ["a", "a"]},
                {"classes": ["a", 1]},
                {"classes": ["a", "\u202etxt"]},
                {"classes": ["a", "b" * 201]},
                {"classes": None},
            )
        ],
        (START + rows(count=1 << 40), "wrong_row_count"),
        (START + rows(0.5, 0.5, count=1), "wrong_row_count"),
        (START + rows(*[0.5] * 6), "wrong_row_count"),
        (START + END_RECORD, "wrong_row_count"),
        (START + rows(0.1, 0.9, 0.2, 0.8) + END_RECORD + b"x", "not_predictions"),
        (START + rows(0.1, 0.9, 0.2, 0.8) + rows(0.1, 0.9, 0.2, 0.8) + END_RECORD, "wrong_row_count"),
        (START + note({"stage": "failed", "code": "cannot_load", "said": "x"}), "cannot_load"),
        (START + note({"stage": "failed", "code": "cancelled"}), "not_predictions"),
        (START + note({"stage": "failed", "code": ["crashed"]}), "not_predictions"),
        (START + note({"stage": "failed", "code": "sandbox_unavailable"}), "not_predictions"),
        (note({"stage": "failed", "code": "sandbox_unavailable"}), "sandbox_unavailable"),
    ],
)
def test_anything_else_is_refused(content: bytes, code: str) -> None:
    with pytest.raises(Refusal) as caught:
        reader(2).feed(content)
    assert caught.value.code == code
    assert caught.value.code in CODES
    assert caught.value.message.endswith(".")


def test_more_rows_than_asked_for_are_refused_before_they_arrive() -> None:
    one = reader(2)
    one.feed(START)
    with pytest.raises(Refusal, match="returned 40000000 predictions for 2 rows"):
        one.feed(struct.pack("<Q", 40_000_000))


def test_what_a_failing_model_says_is_shortened_and_made_printable() -> None:
    said = "\x1b[2J" + "a" * 5000 + "\u202e\n<b>"
    with pytest.raises(Refusal) as caught:
        reader(2).feed(START + note({"stage": "failed", "code": "crashed", "said": said}))
    assert len(caught.value.said) == 2000
    assert caught.value.said.isprintable()
    columns = ["x" * 500, "\x00bad", *map(str, range(40))]
    with pytest.raises(Refusal) as caught:
        reader(2).feed(START + note({"stage": "failed", "code": "wrong_schema", "missing": columns}))
    assert caught.value.message.isprintable()
    assert "and 32 more" in caught.value.message
    assert "x" * 81 not in caught.value.message


@pytest.mark.parametrize(
    "scores",
    [
        numpy.array([["a"]]),
        numpy.array([[1 + 2j]]),
        numpy.array([[None]], dtype=object),
        numpy.array([["2020-01-01"]], dtype="M8[D]"),
        [[0.5, 0.5]],
        "text",
        None,
        numpy.float64(0.5),
        numpy.zeros((1, 1, 1)),
    ],
)
def test_only_real_numbers_leave_the_model(scores: Any) -> None:
    with pytest.raises(Refused) as caught:
        _numbers(scores, "predict_proba")
    assert caught.value.code == "not_numbers"


def test_probabilities_may_be_off_by_rounding_only() -> None:
    check_values(numpy.array([[1 + 1e-12, -1e-12]]))
    for wrong, code in ((1.001, "out_of_range"), (-0.1, "out_of_range"), (numpy.inf, "not_finite")):
        with pytest.raises(Refusal) as caught:
            check_values(numpy.array([[0.5, 0.5], [wrong, 0.0]]))
        assert caught.value.code == code
        assert caught.value.message.startswith("1 of 2 predictions")
