"""A ranking by group: how well the queries of each group are answered, where a group is one of queries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from governance.evaluation.measures.against_rest import fairness_entry, group_entries
from governance.evaluation.measures.catalogue import MIN_ROWS
from governance.evaluation.measures.estimate import (
    Estimate,
    FloatArray,
    Z,
    around,
    stream,
    undefined,
)
from governance.evaluation.measures.groups import MAX_GROUPS
from governance.evaluation.measures.parity import RANGE, widest
from governance.evaluation.measures.queries import averages
from governance.evaluation.measures.rows import Coded, Codes, checked_group
from governance.evaluation.measures.sorted_rows import blocks

MEASURE = "ndcg_at_10"
SHOWN = (MEASURE, "mean_reciprocal_rank", "mean_average_precision")
RATIO = "delta method, log ratio"
FEW = f"Fewer than two groups have {MIN_ROWS} queries, so there is nothing to compare."
NO_REST = "There are no other queries to compare with."


class Group(NamedTuple):
    """The measured queries of one group: each shown measure of each query, and NDCG@10 of all other queries."""

    name: str
    values: dict[str, FloatArray]
    rest: FloatArray

    @property
    def own(self) -> FloatArray:
        """NDCG@10 of each query of the group."""
        return self.values[MEASURE]

    @property
    def n(self) -> int:
        """Queries that have a relevant row."""
        return len(self.own)

    @property
    def sufficient(self) -> bool:
        """Enough queries to be judged."""
        return self.n >= MIN_ROWS


def by_group(
    groups: Mapping[str, Any],
    codes: Codes,
    values: Mapping[str, FloatArray],
    *,
    seed: int,
    draws: int,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, str]]]:
    """Entries of `groups` and of `fairness`, and what was not compared and why. `codes` says for each row which
    query it belongs to, a position in each of `values`."""
    entries: list[dict[str, Any]] = []
    fairness: list[dict[str, Any]] = []
    unmeasured: list[dict[str, str]] = []
    for attribute in sorted(groups):
        column = group_of_query(groups[attribute], attribute, codes)
        if column is None:
            why = "It differs between the rows of one query, and an order is one of all rows of a query."
            unmeasured.append({"what": f"Groups by {attribute}", "why": why})
            continue
        members = _members(column, values)
        entries += _measures(attribute, members)
        fairness.append(_fairness(attribute, members, seed, draws))
    return entries, fairness, unmeasured


def group_of_query(values: Any, attribute: str, codes: Codes) -> Coded | None:
    """For each query its group, or None where rows of one query are in several. ValueError as in `checked_group`."""
    names, of_rows = checked_group(values, attribute=attribute, rows=len(codes), most=MAX_GROUPS)
    of_queries = np.zeros(int(codes.max()) + 1, dtype=np.int64)
    for rows in blocks(len(codes)):
        of_queries[codes[rows]] = of_rows[rows]
    if any((of_queries[codes[rows]] != of_rows[rows]).any() for rows in blocks(len(codes))):
        return None
    return Coded(tuple(names), of_queries)


def _members(column: Coded, values: Mapping[str, FloatArray]) -> list[Group]:
    known = ~np.isnan(values[MEASURE])
    found = []
    for code, name in enumerate(column.names):
        inside = known & (column.codes == code)
        if inside.any():
            shown = {measure: np.sort(values[measure][inside]) for measure in SHOWN}
            found.append(Group(name, shown, np.sort(values[MEASURE][known & (column.codes != code)])))
    return found


def _measures(attribute: str, members: list[Group]) -> list[dict[str, Any]]:
    """One entry a group: worst first by the lower end of its NDCG@10, those with too few queries last."""
    return group_entries(attribute, members, lambda group: averages(group.values), _worst_first)


def _worst_first(entry: dict[str, Any]) -> tuple[bool, float, str]:
    estimate = entry["metrics"][MEASURE]
    low = estimate["value"] if estimate["ci_low"] is None else estimate["ci_low"]
    return not entry["sufficient"], low, entry["group"]


def _fairness(attribute: str, members: list[Group], seed: int, draws: int) -> dict[str, Any]:
    """How far the groups of one attribute lie apart: each against all other queries, and the largest distance between
    those with enough queries."""
    compared = sorted(
        ((group, _ratio(group)) for group in members),
        key=lambda pair: (not pair[0].sufficient, pair[1].value or 0.0, pair[0].name),
    )
    gap = _gap([group for group in members if group.sufficient], attribute, seed, draws)
    return fairness_entry(
        attribute,
        [(group, {"ndcg_ratio": ratio}) for group, ratio in compared],
        {"ndcg_gap": gap},
    )


def _ratio(group: Group) -> Estimate:
    """Mean NDCG@10 of the group over that of all other queries, by the delta method on the logarithm (Serfling 1980,
    section 3.1)."""
    if not len(group.rest):
        return undefined(NO_REST, method=RATIO, n=group.n)
    own, rest = float(group.own.mean()), float(group.rest.mean())
    if rest == 0 or own == 0:
        which = "the other queries" if rest == 0 else "the group's queries"
        return undefined(f"NDCG of {which} is 0, so there is no ratio.", method=RATIO, n=group.n)
    error = sum((_error(values) / float(values.mean())) ** 2 for values in (group.own, group.rest)) ** 0.5
    if not error:
        return Estimate(own / rest, None, None, "no interval, the same in every query", group.n)
    reach = float(np.exp(Z * error))
    return around(own / rest, own / rest / reach, own / rest * reach, method=RATIO, n=group.n)


def _error(values: FloatArray) -> float:
    return float(values.std(ddof=1)) / len(values) ** 0.5 if len(values) > 1 else 0.0


def _gap(members: list[Group], attribute: str, seed: int, draws: int) -> Estimate:
    """The largest distance between any two groups."""
    n = sum(group.n for group in members)
    if len(members) < 2:
        return undefined(FEW, method=RANGE, n=n)
    points = np.array([group.own.mean() for group in members])
    errors = np.array([_error(group.own) for group in members])
    return widest(points, errors, stream(seed, "gap", attribute), draws, n=n, highest=1.0)
