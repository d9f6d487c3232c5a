"""The reader of predictions believes nothing and stops at the first wrong byte."""

import itertools
import json
import struct
from typing import Any

import numpy
import pytest

from governance.evaluation.sandbox import Limits
from governance.evaluation.sandbox.failures import CODES, Refusal
from governance.evaluation.sandbox.frames import Faults, PredictionReader
from governance.evaluation.sandbox.inside.answers import END, NOTE, REFUSED, Refused
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


def reader(*sent: int, **settings: Any) -> PredictionReader:
    ticks = itertools.count()
    return PredictionReader(
        expected=sum(sent),
        sent=[(count, 0.0) for count in sent],
        clock=lambda: float(next(ticks)),
        **({"limits": Limits(columns=3)} | settings),
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
        (note(IMPORTED) + note(b"[" * 200_000), "not_predictions"),
        (note(IMPORTED) + note(b"7"), "not_predictions"),
        (note(IMPORTED) + struct.pack("<QI", NOTE, 1 << 19), "not_predictions"),
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


def fault(*values: list[float], probabilities: bool = True) -> Refusal | None:
    return Faults.of(numpy.array(values), probabilities=probabilities).refusal(len(values))


def test_probabilities_may_be_off_by_rounding_only() -> None:
    assert fault([1 + 1e-12, -1e-12]) is None
    assert fault([7.0], probabilities=False) is None
    for wrong, code in ((1.001, "out_of_range"), (-0.1, "out_of_range"), (numpy.inf, "not_finite")):
        found = fault([0.5, 0.5], [wrong, 0.0])
        assert found
        assert found.code == code
        assert found.message.startswith("1 of 2 predictions")


def refused(text: bytes, length: int | None = None) -> bytes:
    return struct.pack("<QI", REFUSED, len(text) if length is None else length) + text


def test_a_batch_that_may_fail_costs_its_own_rows_only() -> None:
    one = reader(1, 2, 1, 1, tolerated_from=1)
    one.feed(START + rows(0.1, 0.9) + refused(b"ValueError: \x1b[2J\xffno <b>"))
    one.feed(rows(0.5, numpy.nan) + rows(0.5, 1.5) + END_RECORD)
    assert one.complete
    assert one.faults() is None
    assert one.scores[0].tolist() == [0.1, 0.9]
    assert numpy.isnan(one.scores[1:]).all()
    assert len(one.latencies) == 4
    assert one.refusals == {
        1: "The model could not answer; its process said: ValueError: \ufffd[2J\ufffdno <b>",
        2: "1 of 1 predictions are not finite numbers (NaN or infinite).",
        3: "1 of 1 predictions lie outside 0 to 1.",
    }


@pytest.mark.parametrize(
    ("choice", "content", "code"),
    [
        ({}, START + refused(b"no"), "not_predictions"),
        ({"tolerated_from": 1}, START + refused(b"no"), "not_predictions"),
        ({"tolerated_from": 0}, note(IMPORTED) + note(LOADED) + refused(b"no"), "not_predictions"),
        ({"tolerated_from": 0}, START + refused(b"no", 2001), "not_predictions"),
        ({"tolerated_from": 0}, START + refused(b"no") * 3, "wrong_row_count"),
        ({"tolerated_from": 0}, START + rows(0.5, 0.5, 0.5, 0.5), "wrong_row_count"),
        ({"keep": "maybe"}, START, "not_binary"),
        ({"limits": Limits(score_bytes=31)}, START, "too_many_predictions"),
    ],
)
def test_tolerance_and_choice_have_their_bounds(choice: Any, content: bytes, code: str) -> None:
    with pytest.raises(Refusal) as caught:
        reader(1, 1, **choice).feed(content)
    assert caught.value.code == code


def test_before_the_tolerated_batches_every_number_counts() -> None:
    one = reader(1, 1, tolerated_from=1)
    one.feed(START + rows(0.5, numpy.nan) + refused(b"no") + END_RECORD)
    found = one.faults()
    assert found
    assert found.code == "not_finite"


def test_one_class_alone_is_kept_and_the_others_are_still_checked() -> None:
    for wrong, faulty in ((0.1, False), (-1.0, True)):
        one = reader(2, keep="yes")
        one.feed(START + rows(wrong, 0.9, 0.2, 0.8) + END_RECORD)
        assert one.scores.tolist() == [[0.9], [0.8]]
        assert one.classes == ("no", "yes")
        assert bool(one.faults()) is faulty


def test_a_thousand_classes_fit() -> None:
    classes = [f"class number {place}" for place in range(1000)]
    one = reader(2, limits=Limits())
    header = note({"stage": "header", "k": 1000, "classes": classes})
    one.feed(note(IMPORTED) + note(LOADED) + header + rows(*[0.001] * 2000, count=2) + END_RECORD)
    assert one.scores.shape == (2, 1000)
    assert one.classes == tuple(classes)


def test_what_rounding_put_beyond_0_or_1_is_measured_as_0_or_1() -> None:
    one = reader(2)
    one.feed(START + rows(-1e-10, 1 + 1e-10, -0.0, 5e-324) + END_RECORD)
    assert one.faults() is None
    assert one.scores.tolist() == [[0.0, 1.0], [0.0, 5e-324]]
    assert not numpy.signbit(one.scores).any()
