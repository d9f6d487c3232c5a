"""Columns in files give the measures they give in memory."""

from __future__ import annotations

import numpy as np

from governance.evaluation.measures import errors
from governance.evaluation.measures.columns import ColumnFile
from governance.evaluation.measures.residuals import drawings


def test_a_column_in_a_file_is_measured_as_one_in_memory() -> None:
    random = np.random.default_rng(3)
    predicted = np.sort(np.round(random.normal(size=5_000), 2))
    actual = predicted + random.normal(size=5_000)
    files = ColumnFile(np.float64), ColumnFile(np.float64)
    for file, column in zip(files, (actual, predicted), strict=True):
        file.append(column[:1_234])
        file.append(column[1_234:])
        assert len(file) == 5_000
        assert (file[1_200:1_300] == column[1_200:1_300]).all()
    for of in (errors.r_squared, errors.spearman, errors.median_absolute, errors.standardised_bias):
        assert of(*files) == of(actual, predicted)
    assert str(drawings(*files)) == str(drawings(actual, predicted))
