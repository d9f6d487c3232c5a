"""Groups of two attributes at once: women of one race, young men, and so on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import combinations
from typing import Any, Protocol, TypeVar

import numpy as np

from governance.evaluation.measures.catalogue import MIN_ROWS
from governance.evaluation.measures.rows import Coded, Codes, checked_group
from governance.evaluation.measures.sorted_rows import blocks, filled

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
        crossing = _crossing(codes, other_codes, names, others, most)
        del codes, other_codes  # while somebody works with the crossing
        yield f"{first}{CROSS}{second}", crossing


def _crossing(codes: Codes, other_codes: Codes, names: list[str], others: list[str], most: int) -> Coded:
    cells = partial(_cells, codes, other_codes, len(others))
    counts = np.zeros(len(names) * len(others), dtype=np.int64)
    for rows in blocks(len(codes)):
        counts += np.bincount(cells(rows), minlength=len(counts))
    smallest = max(MIN_ROWS, int(np.sort(counts)[-most])) if len(counts) > most else MIN_ROWS
    kept = np.flatnonzero(counts >= smallest)
    small = [SMALL] if int(counts[kept].sum()) < len(codes) else []
    kind = np.uint8 if len(small) + len(kept) <= 256 else np.int16
    places = np.zeros(len(counts), dtype=kind)  # the first place is that of the small ones
    places[kept] = np.arange(len(small), len(small) + len(kept))
    cell_names = (f"{names[at // len(others)]}{CROSS}{others[at % len(others)]}" for at in kept)
    return Coded((*small, *cell_names), filled(len(codes), kind, lambda rows: places[cells(rows)]))


def _cells(codes: Codes, others: Codes, values: int, rows: slice) -> Codes:
    """For each of these rows the place of its pair of values; MOST_VALUES times MOST_VALUES fit into 16 bits."""
    cells: Codes = codes[rows].astype(np.uint16) * np.uint16(values) + others[rows].astype(np.uint16)
    return cells
