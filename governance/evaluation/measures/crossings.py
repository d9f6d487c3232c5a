"""Groups of two attributes at once: women of one race, young men, and so on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from governance.evaluation.measures.catalogue import MIN_ROWS

CROSS = " \N{MULTIPLICATION SIGN} "

#: Rows of a crossing too small to be judged are put together under this name and left out of the result.
SMALL = ""


class Judgeable(Protocol):
    """A group of any task."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def sufficient(self) -> bool:
        """Enough rows to be judged."""


AnyGroup = TypeVar("AnyGroup", bound=Judgeable)


def judged(groups: Iterable[AnyGroup]) -> list[AnyGroup]:
    """The crossings that have enough rows, without what was put together for being small."""
    return [group for group in groups if group.sufficient and group.name != SMALL]


def crossed(groups: Mapping[str, NDArray[np.str_]], *, most: int = 199) -> dict[str, NDArray[np.str_]]:
    """Every two attributes as one, such as “race × sex”, with a value a row, such as “asian × female”.

    A pair of values with fewer than 100 rows is named `SMALL`, and so are all but the `most` largest. Attributes in
    order of name.
    """
    found = {}
    for first, second in combinations(sorted(groups), 2):
        names, codes = np.unique(groups[first], return_inverse=True)
        others, other_codes = np.unique(groups[second], return_inverse=True)
        cells = codes * len(others) + other_codes
        counts = np.bincount(cells, minlength=len(names) * len(others))
        smallest = max(MIN_ROWS, int(np.sort(counts)[-most])) if len(counts) > most else MIN_ROWS
        cell_names = np.array(
            [
                f"{name}{CROSS}{other}" if counts[at * len(others) + other_at] >= smallest else SMALL
                for at, name in enumerate(names)
                for other_at, other in enumerate(others)
            ]
        )
        found[f"{first}{CROSS}{second}"] = cell_names[cells]
    return found
