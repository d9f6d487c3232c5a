"""What the page of a classifier's evidence shows beside its measures."""

from __future__ import annotations

from typing import Any

from governance.evaluation import costs_page
from governance.evaluation.figures import (
    class_names,
    curve_figures,
    decisions,
    decisions_sentence,
    score_figure,
    threshold_figure,
)
from governance.evaluation.models import Evaluation
from governance.evaluation.tables import attributes, group_rows
from governance.evaluation.yardstick import Yardstick


def context(evaluation: Evaluation, yardstick: Yardstick) -> dict[str, Any]:
    """Curves, decisions, costs, lift and gain, groups and fairness."""
    return {
        "curves": curve_figures(evaluation, yardstick),
        "scores": score_figure(evaluation),
        "threshold_figure": threshold_figure(evaluation, yardstick),
        "decisions": decisions(evaluation, yardstick),
        "decided": decisions_sentence(evaluation, yardstick),
        "classes": class_names(evaluation.results_document),
        "groups": group_rows(evaluation, yardstick),
        "attributes": attributes(evaluation, yardstick),
    } | costs_page.context(evaluation, yardstick)
