"""What the page of a regression's evidence shows beside its measures."""

from __future__ import annotations

from typing import Any

from governance.evaluation.models import Evaluation
from governance.evaluation.regression_figures import figures
from governance.evaluation.regression_tables import attributes, group_rows, quantile_rows
from governance.evaluation.yardstick import Yardstick


def context(evaluation: Evaluation, yardstick: Yardstick) -> dict[str, Any]:
    """Drawings, the table by predicted value, groups and what lies between them."""
    return {
        "figures": figures(evaluation, yardstick),
        "quantiles": quantile_rows(evaluation),
        "groups": group_rows(evaluation, yardstick),
        "attributes": attributes(evaluation, yardstick),
    }
