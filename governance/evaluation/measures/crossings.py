"""Groups of two attributes at once: women of one race, young men, and so on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import Any, Protocol, TypeVar

import numpy as np

from governance.evaluation.measures.catalogue import MIN_ROWS
from governance.evaluation.measures.rows import Coded, Codes, checked_group, counted
from governance.evaluation.measures.sorted_rows import filled, taken

#: As many values as an attribute may have groups.
MOST_VALUES = 200

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


def crossed(groups: Mapping[str, Any], *, most: int = 199) -> Iterator[tuple[str, Coded]]:
    """Every two attributes as one, such as “race × sex”, with a value a row, such as “asian × female”.

    A pair of values with fewer than 100 rows is named `SMALL`, and so are all but the `most` largest. Attributes in
    order of name; one pair at a time is in memory. ValueError as in `checked_group`.
    """
    for first, second in combinations(sorted(groups), 2):
        names, codes = checked_group(
            groups[first], attribute=first, rows=len(groups[first]), most=MOST_VALUES
        )
        others, other_codes = checked_group(
            groups[second], attribute=second, rows=len(codes), most=MOST_VALUES
        )
        cells = _cells(codes, other_codes, len(others))
        counts = counted(cells, len(names) * len(others))
        smallest = max(MIN_ROWS, int(np.sort(counts)[-most])) if len(counts) > most else MIN_ROWS
        kept = np.flatnonzero(counts >= smallest)
        small = [SMALL] if int(counts[kept].sum()) < len(cells) else []
        places = np.zeros(len(counts), dtype=np.int16)  # the first place is that of the small ones
        places[kept] = np.arange(len(small), len(small) + len(kept))
        cell_names = (f"{names[at // len(others)]}{CROSS}{others[at % len(others)]}" for at in kept)
        crossing = Coded((*small, *cell_names), taken(places, cells))
        del codes, other_codes, cells  # while somebody works with the crossing
        yield f"{first}{CROSS}{second}", crossing


def _cells(codes: Codes, others: Codes, values: int) -> Codes:
    """For each row the place of its pair of values; MOST_VALUES times MOST_VALUES fit into 16 bits."""
    return filled(len(codes), np.uint16, lambda rows: codes[rows].astype(np.uint16) * values + others[rows])
