"""Suites: named, versioned sets of measures. A policy says which one its rules read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Suite:
    """`revision` changes whenever results of the same model on the same data could. `draws` resamples stand behind
    intervals without a closed form, from `seed`; predictions are asked for in batches of `batch_rows` rows."""

    name: str
    revision: int
    title: str
    seed: int = 20_260
    draws: int = 2000
    batch_rows: int = 65_536


SUITES = {suite.name: suite for suite in (Suite("default-binary", 1, "Binary classification, default"),)}
