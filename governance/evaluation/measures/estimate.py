"""A number with its 95 % interval, and the few helpers that every measure shares."""

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: The standard normal quantile of a two-sided 95 % interval.
Z = 1.959963984540054
TAILS = (0.025, 0.975)

FEW_ROWS = "few rows"

#: A spread no larger than this is rounding, not information.
NO_SPREAD = 1e-12


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value, the ends of its 95 % interval, how the interval was made, and the rows behind it.

    `n` counts the rows the value is a statement about: for recall the positive rows, for precision
    the rows predicted positive, for most others all rows. `value` is None when the measure is not
    defined on this data; `undefined` then says why in a sentence. An interval may be missing (both
    ends None) although the value is known; `method` then says why.
    """

    value: float | None
    ci_low: float | None
    ci_high: float | None
    method: str
    n: int
    undefined: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The JSON form; `undefined` is a key only where there is something to say."""
        fields: dict[str, Any] = {
            "value": self.value,
            "ci_low": self.ci_low,
            "ci_high": self.ci_high,
            "method": self.method,
            "n": self.n,
        }
        if self.undefined is not None:
            fields["undefined"] = self.undefined
        rounded: dict[str, Any] = plain(fields)
        return rounded


def undefined(reason: str, *, method: str, n: int) -> Estimate:
    """The estimate that could not be made, with the sentence that says why."""
    return Estimate(value=None, ci_low=None, ci_high=None, method=method, n=n, undefined=reason)


def around(value: float, low: float, high: float, *, method: str, n: int) -> Estimate:
    """An estimate whose interval is widened to hold its own value.

    Needed where draws are shrunk towards the inside: 100 of 100 right has draws below 1 only.
    """
    return Estimate(
        value=value, ci_low=float(min(low, value)), ci_high=float(max(high, value)), method=method, n=n
    )


def few(method: str, *, rows: int, least: int) -> str:
    """The method's name, with what a reader must know where it has fewer rows to go by than `least`: in simulations
    its interval then holds the truth less often than it says (`python -m benchmarks coverage`)."""
    return f"{method}, {FEW_ROWS}" if rows < least else method


def from_draws(value: float, draws: FloatArray, *, method: str, n: int) -> Estimate:
    """The percentile interval of draws (Efron 1981)."""
    low, high = np.quantile(draws, TAILS)
    return around(value, float(low), float(high), method=method, n=n)


def centred(value: float, draws: FloatArray) -> FloatArray:
    """The draws moved so that their mean is the sample's value.

    Resampling repeats a bias of the measure a second time; unmoved, the interval would sit beside the
    value it belongs to (Efron & Tibshirani 1993, chapter 10).
    """
    moved: FloatArray = draws - (draws.mean() - value)
    return moved


def stream(seed: int, *path: str) -> np.random.Generator:
    """A random stream for one purpose, fixed by the seed and the names in `path`.

    Each measure has a stream of its own, so that adding a group or a measure changes no other number.
    """
    key = tuple(zlib.crc32(name.encode()) for name in path)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))


def plain(value: Any) -> Any:
    """The same structure in JSON types, every float rounded to 12 significant digits.

    Rounding hides the last digits, which differ between processors, so that equal evidence has equal
    bytes. Raises ArithmeticError on NaN and infinity: an undefined measure is None with a reason.
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(item) for item in value]
    if isinstance(value, float | np.floating):
        if not math.isfinite(value):
            raise ArithmeticError("A measure became NaN or infinite; it must be reported as undefined.")
        return float(f"{float(value):.12g}") + 0.0  # adding 0.0 turns -0.0 into 0.0
    if isinstance(value, np.integer):
        return int(value)
    return value
