"""The measures of a model that orders the rows of a query, as people meet them. Imports no numerical library."""

from functools import partial

from governance.evaluation.measures.measure import Better, Measure, Unit, gathered
from registry.versions.tasks import Task

_measure = partial(Measure, task=Task.RANKING)
_higher = partial(_measure, better=Better.HIGHER, unit=Unit.SCORE)

#: The keys of `metrics` in the result of a ranking suite: averages over the queries that have a relevant row.
RANKING = gathered(
    _higher(
        "ndcg_at_10",
        "NDCG@10",
        meaning="How near the first ten rows of a query come to the best order; 1 is the best order itself.",
    ),
    _higher(
        "ndcg_at_5",
        "NDCG@5",
        meaning="How near the first five rows of a query come to the best order; 1 is the best order itself.",
    ),
    _higher(
        "mean_reciprocal_rank",
        "Mean reciprocal rank",
        meaning="One over the place of the first relevant row; 1 when it always comes first.",
    ),
    _higher(
        "mean_average_precision",
        "Mean average precision",
        meaning="Precision averaged over the places of the relevant rows of a query.",
    ),
    _higher("precision_at_5", "Precision@5", meaning="The share of the first five rows that are relevant."),
    _higher("precision_at_10", "Precision@10", meaning="The share of the first ten rows that are relevant."),
    _higher(
        "recall_at_5",
        "Recall@5",
        meaning="The share of the relevant rows of a query that come among its first five.",
    ),
    _higher(
        "recall_at_10",
        "Recall@10",
        meaning="The share of the relevant rows of a query that come among its first ten.",
    ),
)

#: The keys of `fairness` in the result of a ranking suite. A group of queries is held against all other queries.
RANKING_FAIRNESS = gathered(
    _higher(
        "ndcg_ratio",
        "NDCG ratio",
        meaning="A group's NDCG@10 divided by that of all other queries; at 1 both are answered alike.",
    ),
    _measure(
        "ndcg_gap",
        "NDCG gap",
        Better.LOWER,
        Unit.SCORE,
        "The highest NDCG@10 of any group of queries minus the lowest.",
    ),
)

#: What a policy may demand of each group by itself.
RANKING_GROUP_METRICS = {
    name: RANKING[name] for name in ("ndcg_at_10", "mean_reciprocal_rank", "mean_average_precision")
}
