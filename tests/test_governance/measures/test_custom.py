"""Measures of the operator's own, from a real installed package."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from governance.evaluation.measures.custom import custom_catalogue, installed, measure_custom

MODULE = """
def profit(*, task, labels, scores, threshold, seed):
    taken = scores >= threshold
    value = float((labels[taken] * 2.0 - 1.0).mean())
    return {"value": value, "ci_low": value - 0.1, "ci_high": value + 0.1, "method": "flat", "n": int(taken.sum())}

def endless(**arguments):
    return {"value": float("inf"), "ci_low": None, "ci_high": None, "method": "none", "n": 1}

def broken(**arguments):
    raise KeyError("no such price")

def silent(**arguments):
    return {"value": None, "ci_low": None, "ci_high": None, "method": "none", "n": 0}
"""
ENTRY_POINTS = "[countersign.measures]\n" + "".join(
    f"{name} = bank_measures_of_a_test:{name}\n" for name in ("profit", "endless", "broken", "silent")
)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package as pip leaves one: a module, and beside it what it says of itself."""
    (tmp_path / "bank_measures_of_a_test.py").write_text(MODULE)
    about = tmp_path / "bank_measures_of_a_test-1.2.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: bank-measures-of-a-test\nVersion: 1.2\n")
    (about / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(tmp_path)
    installed.cache_clear()
    yield
    installed.cache_clear()
    sys.modules.pop("bank_measures_of_a_test", None)


def measured() -> Any:
    return measure_custom(
        task="binary",
        labels=np.array([0, 1, 1, 0]),
        scores=np.array([0.1, 0.9, 0.8, 0.7]),
        threshold=0.5,
        seed=1,
    )


def test_without_packages_there_is_nothing() -> None:
    assert measured() == ({}, [])


def test_an_installed_measure_is_evidence_with_its_package(package: None) -> None:
    found, _ = measured()
    third = 1 / 3
    assert found == {
        "profit": {
            "value": pytest.approx(third, abs=1e-12),
            "ci_low": pytest.approx(third - 0.1, abs=1e-12),
            "ci_high": pytest.approx(third + 0.1, abs=1e-12),
            "method": "flat",
            "n": 3,
            "package": "bank-measures-of-a-test 1.2",
        }
    }


def test_one_that_fails_is_not_measured_and_says_why(package: None) -> None:
    _, left_out = measured()
    said = {one["what"]: one["why"] for one in left_out}
    assert "KeyError: 'no such price'" in said["Broken"]
    assert "value is not a finite number" in said["Endless"]
    assert "undefined does not say why" in said["Silent"]


def test_names_are_known_without_loading_anything(package: None) -> None:
    known = custom_catalogue()
    assert known["custom.profit"].label == "Profit"
    assert "bank_measures_of_a_test" not in sys.modules
