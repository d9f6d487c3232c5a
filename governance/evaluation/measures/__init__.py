"""The measuring engine: labels and scores in, JSON-able evidence out. Pure arithmetic, no Django.

The names below are loaded on first use: pages, cards and policy sentences read `catalogue` from this
package, and the web process must not pay for numpy, scipy and scikit-learn to do so.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from governance.evaluation.measures.binary import measure_binary
    from governance.evaluation.measures.comparison import compare_paired
    from governance.evaluation.measures.estimate import Estimate
    from governance.evaluation.measures.multiclass import measure_multiclass
    from governance.evaluation.measures.multiclass_comparison import compare_paired_classes
    from governance.evaluation.measures.ranking_comparison import compare_paired_ranking
    from governance.evaluation.measures.ranking_task import measure_ranking
    from governance.evaluation.measures.regression import measure_regression
    from governance.evaluation.measures.regression_comparison import compare_paired_regression

__all__ = [
    "Estimate",
    "compare_paired",
    "compare_paired_classes",
    "compare_paired_ranking",
    "compare_paired_regression",
    "measure_binary",
    "measure_multiclass",
    "measure_ranking",
    "measure_regression",
]

_HOMES = {
    "Estimate": "estimate",
    "compare_paired": "comparison",
    "compare_paired_classes": "multiclass_comparison",
    "compare_paired_ranking": "ranking_comparison",
    "compare_paired_regression": "regression_comparison",
    "measure_binary": "binary",
    "measure_multiclass": "multiclass",
    "measure_ranking": "ranking_task",
    "measure_regression": "regression",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its module (PEP 562). AttributeError for any other name."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
