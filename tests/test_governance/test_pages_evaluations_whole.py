"""The page of an evaluation with all of its evidence: every section, what is missing from older evidence, brought
scores, and versions side by side."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from countersign.permissions import Role
from governance.evaluation.actions import record_results
from governance.evaluation.models import Evaluation
from tests.factories import registry as make
from tests.factories.governance import AUC
from tests.factories.people import make_team, make_user
from tests.test_governance import evidence_kit as kit
from tests.test_governance import regression_kit
from tests.test_governance.test_pages_evaluations import page_url, rows_of

pytestmark = pytest.mark.django_db


def number(
    value: float, low: float | None = None, high: float | None = None, n: int = 1200
) -> dict[str, Any]:
    return {"value": value, "ci_low": low, "ci_high": high, "method": "a test", "n": n}


WHERE = [{"column": "age_band", "value": "21 to 25"}, {"column": "credit_limit", "value": "up to 50"}]
WHOLE: dict[str, Any] = {
    "slices": {
        "scanned": 312,
        "rows": 1200,
        "columns": ["age_band", "credit_limit"],
        "worst": [
            {
                "where": WHERE,
                "n": 240,
                "positives": 61,
                "sufficient": True,
                "metrics": {
                    "brier_difference": number(0.08, 0.05, 0.11, 240),
                    "roc_auc": number(0.61, 0.52, 0.7, 240),
                },
                "p_value": 1e-7,
                "p_holm": 3e-5,
                "significant": True,
            },
            {
                "where": WHERE[:1],
                "n": 300,
                "positives": 70,
                "sufficient": True,
                "metrics": {
                    "brier_difference": number(0.01, -0.02, 0.04, 300),
                    "roc_auc": number(0.7, 0.6, 0.8, 300),
                },
                "p_value": 0.4,
                "p_holm": 1.0,
                "significant": False,
            },
        ],
    },
    "robustness": {
        "metric": "roc_auc",
        "rows": 1200,
        "undisturbed": number(0.8, 0.77, 0.83),
        "scenarios": [
            {
                "name": "missing_10",
                "title": "10 % of values missing",
                "share": 1,
                "rows": 1200,
                "metric": "roc_auc",
                "value": number(0.75, 0.72, 0.78),
                "drop": number(0.05, 0.03, 0.07),
            },
            {
                "name": "out_of_range",
                "title": "One number of each row far out of range",
                "share": 0,
                "rows": 1200,
                "metric": "roc_auc",
                "value": {"value": None},
                "drop": {"value": None},
                "failed": "100% of the rows were not answered. It raised ValueError.",
            },
        ],
        "largest_drop": number(0.05, 0.03, 0.07),
        "largest_drop_in": "10 % of values missing",
    },
    "flip": [
        {
            "attribute": "sex",
            "feature": True,
            "rate": number(0.12, 0.1, 0.14),
            "rows": 1200,
            "mean_distance": number(0.03, 0.02, 0.04),
            "directions": [
                {
                    "to": "f",
                    "rows": 600,
                    "mean_change": number(-0.02, -0.03, -0.01),
                    "rate": number(0.12, 0.1, 0.14),
                }
            ],
        },
        {"attribute": "age_band", "feature": False, "sentence": "Not among the features."},
    ],
    "flip_rate": number(0.12, 0.1, 0.14),
    "importance": [{"feature": "credit_limit", "drop": number(0.2, 0.15, 0.25)}],
    "reproduction": {"verdict": "equivalent", "rows": 1200, "largest_difference": 1e-12, "tolerance": 1e-9},
    "overfitting": {
        "metric": "roc_auc",
        "rows": 3000,
        "training": number(0.9, 0.88, 0.92, 3000),
        "evaluation": number(0.8, 0.77, 0.83),
        "gap": number(0.1, 0.07, 0.13, 4200),
        "dataset": [{"name": "credit-train", "number": 2, "rows": 3000}],
    },
    "leakage": {
        "row_overlap": number(0.25, 0.22, 0.28),
        "method": "row key",
        "shared_rows": 300,
        "training": ["credit-train 2"],
        "inconclusive": "Equal rows are no sign of a leak here.",
        "single_feature": number(0.99, 0.98, 1.0),
        "features": [{"feature": "bill_amount", "value": number(0.99, 0.98, 1.0)}],
        "suspicious": ["bill_amount"],
    },
    "data_quality": {
        "blockers": number(1.0),
        "rows": 1200,
        "findings": [
            {
                "code": "no_feature",
                "severity": "blocker",
                "column": "bill_amount",
                "sentence": "No row has a value.",
                "count": 1200,
            },
            {
                "code": "duplicate_rows",
                "severity": "note",
                "column": "",
                "sentence": "3 rows repeat others.",
                "count": 3,
            },
        ],
        "columns": [{"column": "bill_amount", "type": "int64", "missing": 1.0, "constant": True}],
        "period": {"first": "2026-01-01", "last": "2026-03-31"},
    },
    "power": {
        "measure": "roc_auc",
        "smallest_difference": number(0.04),
        "measures": {"roc_auc": number(0.04)},
    },
    "label_noise": {
        "suspected": number(0.05, 0.04, 0.06),
        "allowed": number(0.02),
        "by_class": [{"label": 0, "n": 900, "suspected": 20}, {"label": 1, "n": 300, "suspected": 40}],
        "caveat": "A hint, not a verdict.",
    },
    "not_measured": [{"what": "Costs of errors", "why": "The signature declares no costs."}],
}
RULES = (
    {**AUC, "limit": 0.6},
    {
        **AUC,
        "id": "overlap",
        "title": "Not seen in training",
        "path": "leakage.row_overlap",
        "bound": "ci_high",
        "op": "<=",
        "limit": 0.01,
    },
    {**AUC, "id": "slices", "title": "Every slice is ranked", "each": "slices", "limit": 0.55},
)


def evidence(
    world: kit.World, changes: dict[str, Any], circumstances: dict[str, Any] | None = None
) -> Evaluation:
    """Evidence with these sections in place of the kit's; None takes one away."""
    asked = kit.ask(world)
    results = kit.results_of(asked, kit._measured()) | changes
    results = {key: value for key, value in copy.deepcopy(results).items() if value is not None}
    ran = kit.CIRCUMSTANCES | {"rows": results["n"]} | (circumstances or {})
    with kit._running(asked) as context, context.finishing():
        return record_results(
            evaluation=asked,
            results=results,
            circumstances={key: value for key, value in ran.items() if value is not None},
            actor=context.actor,
        )


@pytest.fixture
def world(db: None) -> kit.World:
    return kit.credit_world(tier="medium")


def test_every_section_stands_with_its_numbers_and_rules(world: kit.World) -> None:
    kit.make_limits(rules=RULES)
    evaluation = evidence(world, WHOLE)
    page = kit.browser(world.maker_user).get(page_url(evaluation))
    said = kit.text_of(page)
    assert rows_of(page, "slices") == [
        "Age band: 21 to 25; credit limit: up to 50 240 61 0.610 0.080 0.050 to 0.110 &lt; 0.001 Not met",
        "Age band: 21 to 25 300 70 0.700 0.010 −0.020 to 0.040 1.000 Met",
    ]
    assert "2 of 312 searched in 2 columns of 1,200 rows" in said
    assert "Rule on every slice: ROC AUC: lower end at least 0.55." in said
    disturbed = rows_of(page, "robustness")
    assert "10 % of values missing 0.750 0.720 to 0.780 0.050 0.030 to 0.070 No rule" in disturbed
    assert "It raised ValueError. Not measured" in next(row for row in disturbed if "out of range" in row)
    assert rows_of(page, "flip")[:2] == [
        "Sex 10.0 % to 14.0 % 1,200 0.030 12.0 %",
        "Age band Not among the features. Not a feature",
    ]
    assert rows_of(page, "importance") == ["credit_limit 0.150 to 0.250 0.200"]
    assert "ROC AUC on the training data 0.900 0.880 to 0.920 3,000" in rows_of(page, "leakage")
    assert "Gap between training and evaluation 0.100 0.070 to 0.130 4,200 No rule" in rows_of(
        page, "leakage"
    )
    overlap = "Overlap of training and evaluation rows 25.0 % 22.0 % to 28.0 % 1,200"
    assert f"{overlap} upper end at most 0.01 Not measured" in said
    assert "Inconclusive. Equal rows are no sign of a leak here." in said
    assert "bill_amount 0.990 0.980 to 1.000 May be the target" in said
    assert rows_of(page, "data-quality")[0] == "No row has a value. bill_amount 1,200 Blocks"
    assert "Defects that block 1 none 1,200" in said
    assert "Labels that look wrong 5.0 % 4.0 % to 6.0 %" in said
    assert "default 1 300 40 13.3 %" in said
    assert "Smallest difference the data can show 0.040" in said
    assert "Equivalent but for rounding when another process of the model scored 1,200 rows again" in said
    assert rows_of(page, "not-measured") == ["Costs of errors The signature declares no costs."]
    assert "Costs not measured The signature declares no costs." in said
    assert "Best 10 %" in said


def word(path: str, limit: list[str], **changes: Any) -> dict[str, Any]:
    plain = {key: value for key, value in AUC.items() if key != "bound"}
    return plain | {"id": path.replace(".", "-"), "path": path, "op": "in", "limit": limit} | changes


def test_rules_on_facts_stand_beside_the_section_they_judge(world: kit.World) -> None:
    level = word("circumstances.isolation_level", [], id="isolation") | {"op": ">=", "limit": 2}
    rules = [
        word("scan.verdict", ["clean", "unlisted_names"]),
        word("scan.verdict", ["clean"], id="names", severity="warn"),
        word("reproduction.verdict", ["identical"]),
        word("source", ["computed"]),
        level,
    ]
    client = kit.browser(world.maker_user)
    unruled = client.get(page_url(evidence(world, WHOLE)))
    assert "Rules on the scan" not in unruled.content.decode()
    kit.make_limits(rules=rules)
    unlisted = {"verdict": "unlisted_names", "reason": "One name is not on the list.", "names": ["os.getcwd"]}
    page = client.get(page_url(evidence(world, WHOLE | {"scan": unlisted})))
    assert rows_of(page, "scan") == [
        "Scan of the file unlisted names must be clean or unlisted names Met",
        "Scan of the file unlisted names must be clean Not met",
    ]
    ran = rows_of(page, "reproduction")
    assert ran[0] == "A second run in another process equivalent must be identical Not met"
    assert ran[1] == "Where the evidence comes from computed must be computed Met"
    assert ran[2].startswith("Isolation level ")
    assert ran[2].endswith("must be at least 2 Met")
    brought = client.get(
        page_url(evidence(world, WHOLE | {"source": "reported", "scan": None}, {"isolation": None}))
    )
    assert rows_of(brought, "scan")[0].endswith(
        "not in the evidence must be clean or unlisted names Not measured"
    )
    assert "Where the evidence comes from reported must be computed Not met" in rows_of(
        brought, "reproduction"
    )


def test_older_evidence_says_what_it_lacks(world: kit.World) -> None:
    gone = dict.fromkeys([*WHOLE, "crossings", "lift", "costs", "not_measured", "flip_rate"])
    page = kit.browser(world.maker_user).get(page_url(evidence(world, gone)))
    assert page.status_code == 200
    said = kit.text_of(page)
    assert said.count("This evidence is older than this measurement. Run it again to have it measured.") >= 8
    assert "This evidence is older than the list of what was left out." in said
    assert "Crossings not measured" in said
    assert "No row was handed over alone." in said


def test_complete_evidence_says_so_and_a_quick_suite_what_it_leaves_out(world: kit.World) -> None:
    client = kit.browser(world.maker_user)
    said = kit.text_of(client.get(page_url(evidence(world, {"not_measured": [], "importance": None}))))
    assert "Everything the suite asks for was measured." in said
    assert "The suite “Binary classification, default” leaves it out." in said


def test_what_the_model_tried_is_told_before_anything_else(world: kit.World) -> None:
    tried = {
        "kind": "network",
        "what": "tried to open a network connection",
        "calls": {"connect": 3},
        "count": 3,
    }
    page = kit.browser(world.maker_user).get(page_url(evidence(world, WHOLE, {"attempts": [tried]})))
    said = kit.text_of(page)
    assert "It tried to open a network connection, 3 times ( connect )." in said
    assert said.index("tried to open a network connection") < said.index(
        "Measured, and held against no policy"
    )


def test_brought_scores_are_said_to_be_brought(world: kit.World) -> None:
    changes = WHOLE | {"source": "reported", "scan": None}
    no_run = {
        "isolation": None,
        "latency": None,
        "predictions": {"sha256": "a" * 64, "reporter": "A pipeline"},
    }
    page = kit.browser(world.maker_user).get(page_url(evidence(world, changes, no_run)))
    said = kit.text_of(page)
    assert "These scores were brought, not computed here. A pipeline sent them" in said
    assert "Isolation not run scores were brought" in said
    assert "Not scanned" in said
    assert "The model did not run here." in said


def test_costs_and_the_price_of_running_are_told(world: kit.World) -> None:
    curve = [{"threshold": at / 50, "cost": 200.0 + at} for at in range(50)]
    costs = {
        "false_positive": 1,
        "false_negative": 5,
        "rows": 1000,
        "expected": number(310.0, 290, 330),
        "best": {"threshold": 0.21, "cost": number(300.0, 280, 320)},
        "calibrated_threshold": 1 / 6,
        "nobody_positive": 1100.0,
        "everybody_positive": 780.0,
        "curve": curve,
    }
    cost = {
        "artifact_bytes": 759_000,
        "batch": {"batches": 1, "p50_seconds": 0.2, "p95_seconds": 0.2},
        "row": {"calls": 50, "p50_seconds": 0.0254, "p95_seconds": 0.0424},
        "host": {"machine": "x86_64", "processor": "A processor", "processors": 2},
    }
    page = kit.browser(world.maker_user).get(page_url(evidence(world, {"costs": costs}, {"cost": cost})))
    said = kit.text_of(page)
    assert "At the declared threshold 310.0 290.0 to 330.0" in said
    assert "Predicted positive from 0.210: cheapest on these rows 300.0" in said
    assert "Numbers behind the cost" in said
    assert "Half of the rows within 25.4 ms 95 % of the rows within 42.4 ms" in said
    assert "on A processor, 2 processors, x86_64" in said


def test_the_page_takes_as_many_queries_however_much_there_is_to_tell(world: kit.World) -> None:
    client, counts = kit.browser(world.maker_user), []
    bare, whole = evidence(world, dict.fromkeys(WHOLE)), evidence(world, WHOLE)
    for one in (bare, whole):
        with CaptureQueriesContext(connection) as caught:
            assert client.get(page_url(one)).status_code == 200
        counts.append(len(caught))
    assert counts[0] == counts[1] <= 45


def test_evidence_by_another_suite_than_the_policy_reads_is_not_judged(world: kit.World) -> None:
    kit.make_limits(rules=RULES)
    client = kit.browser(world.maker_user)
    url = reverse("governance:evaluations", args=[world.model.name, 1])
    client.post(url, {"dataset_version": str(world.data.pk), "suite": "quick-binary"})
    [asked] = Evaluation.objects.all()
    assert asked.suite == "quick-binary"
    with kit._running(asked) as context, context.finishing():
        record_results(
            evaluation=asked,
            results=kit.results_of(asked, kit._measured()),
            circumstances=kit.CIRCUMSTANCES | {"rows": 1200},
            actor=context.actor,
        )
    said = kit.text_of(client.get(page_url(asked)))
    assert "Measured by another suite than the policy reads" in said
    assert "The policy reads the suite default-binary; this evaluation ran quick-binary" in said


def test_a_suite_of_another_task_is_refused_in_place(world: kit.World) -> None:
    url = reverse("governance:evaluations", args=[world.model.name, 1])
    answer = kit.browser(world.maker_user).post(
        url, {"dataset_version": str(world.data.pk), "suite": "quick-regression"}
    )
    assert answer.status_code == 422
    assert not Evaluation.objects.exists()


def test_a_regression_shows_its_slices_in_its_own_unit() -> None:
    world = regression_kit.bill_world()
    evaluation = regression_kit.make_evidence(world.version, world.data, actor=world.maker)
    said = kit.text_of(kit.browser(world.maker_user).get(page_url(evaluation)))
    assert "Slices, worst first Not measured" in said
    assert "What was not measured, and why" in said
    assert "Costs and gain" not in said


# --- side by side -----------------------------------------------------------------------------------------


def beside(world: kit.World, query: str = "") -> str:
    return reverse("governance:side-by-side", args=[world.model.name]) + query


def test_versions_stand_side_by_side_on_the_same_rows(world: kit.World) -> None:
    kit.make_limits(rules=RULES)
    versions = [world.version, *(make.make_version(world.model, actor=world.maker) for _ in range(2))]
    for signal, version in zip((1.0, 0.7, 0.4), versions, strict=True):
        kit.make_evidence(version, world.data, actor=world.maker, signal=signal)
    client = kit.browser(world.maker_user)
    page = client.get(beside(world, "?v=1&v=2&v=3"))
    aucs = [
        Evaluation.objects.get(version=one).results_document["metrics"]["roc_auc"]
        for one in reversed(versions)
    ]
    cells = " ".join(f"{one['value']:.3f} {one['ci_low']:.3f} to {one['ci_high']:.3f}" for one in aucs)
    assert rows_of(page, "measures")[0].startswith(f"ROC AUC higher is better {cells} lower end at least")
    assert "Version 1 </label>" in page.content.decode() or "Version 1</label>" in page.content.decode()
    two = client.get(beside(world, "?v=2&v=9"))
    assert "credit-default has no version 9." in kit.text_of(two)
    counts = []
    for query in ("?v=1&v=2", "?v=2&v=3"):
        with CaptureQueriesContext(connection) as caught:
            client.get(beside(world, query))
        counts.append(len(caught))
    assert counts[0] == counts[1] <= 40


def test_a_version_measured_on_other_rows_is_named_and_not_shown(world: kit.World) -> None:
    other = make.make_dataset_version(
        world.data.dataset,
        actor=world.maker,
        content=kit.labelled_parquet(120, 8),
        descriptor=kit.DESCRIPTOR,
    )
    second, third = (make.make_version(world.model, actor=world.maker) for _ in range(2))
    kit.make_evidence(world.version, other, actor=world.maker)
    kit.make_evidence(second, world.data, actor=world.maker)
    client = kit.browser(world.maker_user)
    said = kit.text_of(client.get(beside(world, f"?v=1&v={second.number}&v={third.number}")))
    assert "Version 1 is not shown. Not the same rows" in said
    assert f"Version {third.number} is not shown. It was not evaluated yet." in said
    assert "Version 1 is not shown" in kit.text_of(client.get(beside(world)))  # those with evidence, unasked


def test_more_than_four_and_none_at_all_are_told(world: kit.World) -> None:
    client = kit.browser(world.user(Role.VIEWER))
    assert "Nothing to put side by side" in kit.text_of(client.get(beside(world)))
    assert "At most 4 versions stand side by side." in kit.text_of(
        client.get(beside(world, "?v=1&v=2&v=3&v=4&v=5&v=x"))
    )
    stranger = kit.browser(make_user(roles=[(Role.OWNER, make_team())]))
    assert stranger.get(beside(world)).status_code == 404
