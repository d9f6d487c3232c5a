"""Hashes of text are those of pandas, whatever the text's length, alphabet and place in a longer array."""

import random

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from governance.evaluation.honesty.hashing import HashFile, distinct_in_each, shares
from governance.evaluation.honesty.siphash import text_hashes


def words(longest: int) -> list[str]:
    """Words of every length up to this one, some of letters beyond ASCII."""
    letters = random.Random(longest)
    return [
        "".join(letters.choice("abcé日0123") for _ in range(letters.randrange(longest + 1)))
        for _ in range(6000)
    ]


@pytest.mark.parametrize("longest", [8, 40, 400])
def test_hashes_are_those_of_pandas(longest: int) -> None:
    given = words(longest)
    expected = pd.util.hash_array(np.array(given, dtype=object), categorize=False)
    for values in (
        pa.array(given),
        pa.array(given, pa.large_string()),
        pa.array([one.encode() for one in given]),
    ):
        assert (text_hashes(values) == expected).all()
    assert (text_hashes(pa.array(given).slice(7, 100)) == expected[7:107]).all()
    assert not len(text_hashes(pa.array([], pa.string())))


def test_a_missing_word_is_one_value() -> None:
    found = text_hashes(pa.array(["a", None, "", None]))
    assert found[1] == found[3]
    assert len(set(found.tolist())) == 3


def test_rows_in_shares_are_all_rows_with_equal_ones_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("governance.evaluation.honesty.hashing._AT_ONCE", 1000)
    random_numbers = np.random.default_rng(1)
    hashes = text_hashes(pa.array([f"{one}" for one in random_numbers.integers(0, 4000, 9500)]))
    labels = random_numbers.integers(0, 2, len(hashes)).astype(np.int8)
    file = HashFile()
    for start in range(0, len(hashes), 700):
        file.append(hashes[start : start + 700])
    cut = list(shares(file, labels))
    assert len(cut) > 4
    assert sum(len(rows) for rows, _ in cut) == len(hashes)
    assert sum(len(np.unique(rows)) for rows, _ in cut) == len(np.unique(hashes))
    distinct = sum(len(distinct_in_each(rows, own)) for rows, own in cut)
    assert distinct == len(distinct_in_each(hashes, labels))
