"""The pages of a model that predicts a number: its evidence, lists, version, review and export."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.urls import reverse

from governance.evaluation.models import Evaluation
from governance.evaluation.tables import words
from registry.datasets.descriptors import Descriptor
from tests.factories import registry as make
from tests.test_governance import evidence_kit as kit
from tests.test_governance import regression_kit as bills
from tests.test_governance.test_pages_evaluations import list_url, page_url, queries_of, rows_of
from tests.test_governance.test_regression_policies import BOTH, ERROR, RATIO

pytestmark = pytest.mark.django_db
R_SQUARED = {
    "id": "r-squared",
    "title": "Explains the bill",
    "path": "metrics.r_squared",
    "bound": "ci_low",
    "op": ">=",
    "limit": 0.2,
    "why": "Below it the mean does as well.",
}
IN_GROUPS = {
    **ERROR,
    "id": "in-groups",
    "title": "Close enough in every group",
    "each": "groups",
    "limit": 12000,
}
GAP = {
    **RATIO,
    "id": "gap",
    "title": "Leans alike",
    "path": "standardised_mean_error_gap",
    "bound": "ci_high",
    "limit": 0.2,
}
RULES = (kit.AUC, R_SQUARED, ERROR, IN_GROUPS, RATIO, GAP)


@pytest.fixture
def world(db: None) -> kit.World:
    return bills.bill_world(tier="medium")


def limits(world: kit.World, **changes: Any) -> Any:
    return kit.make_limits(rules=RULES, suite=BOTH, **changes)


def evidence(world: kit.World, **measuring: Any) -> Evaluation:
    return bills.make_evidence(world.version, world.data, actor=world.maker, **measuring)


def test_every_measure_stands_with_interval_rule_and_result(world: kit.World) -> None:
    limits(world)
    evaluation = evidence(world)
    page = kit.browser(world.maker_user).get(page_url(evaluation))
    said, rows = kit.text_of(page), rows_of(page, "measures")
    measured = evaluation.results_document["metrics"]
    assert len(rows) == len(measured)
    value, low, high = (
        f"{measured['mean_absolute_error'][key]:,.0f}" for key in ("value", "ci_low", "ci_high")
    )
    assert (
        f"Mean absolute error {value} {low} to {high} 11,957 Student&#x27;s t, log scale upper end at most 9,500 Met"
        in rows
    )
    assert {row.split()[0] for row in rows[:2]} == {"R²", "Mean"}  # those with a rule come first
    percentage = next(row for row in rows if row.startswith("Mean absolute percentage error"))
    assert "Not measured A percentage of 0 has no meaning, and 716 rows have a target of 0." in percentage
    assert next(row for row in rows if row.startswith("Share within tolerance")).split()[3].startswith("82.")
    assert "11,957 predicting bill_amount_september" in said
    assert "1 of 6 requirements on evidence refuses promotion" in said
    assert "ROC" not in said
    assert "positive" not in said


def test_predictions_and_errors_are_drawn_with_a_table_each(world: kit.World) -> None:
    evaluation = evidence(world)
    page = kit.browser(world.maker_user).get(page_url(evaluation))
    said, body = kit.text_of(page), page.content.decode()
    for title in ("Predicted against actual", "Errors", "Errors by prediction"):
        assert f"<title>{title}</title>" in body
        assert f"<strong>{title}</strong>" in body
    for twin in (
        "Rows by predicted and actual value",
        "Numbers behind the errors",
        "Numbers behind errors by prediction",
    ):
        assert twin in said
    assert "188 rows past the edges" in said
    assert "style=" not in body
    quantiles = rows_of(page, "quantiles")
    assert len(quantiles) == 10
    first = evaluation.results_document["curves"]["by_prediction"][0]
    assert quantiles[0].startswith(f"{first['mean_prediction']:.1f} 1,196 {first['mean_actual']:,.0f}")


def test_groups_stand_worst_first_and_beside_all_other_rows(world: kit.World) -> None:
    limits(world)
    evaluation = evidence(world)
    page = kit.browser(world.maker_user).get(page_url(evaluation))
    groups = sorted(
        evaluation.results_document["groups"],
        key=lambda one: -one["metrics"]["mean_absolute_error"]["ci_high"],
    )
    shown = rows_of(page, "groups")
    assert len(shown) == len(groups)
    for row, one in zip(shown, groups, strict=True):
        assert row.startswith(f"{words(one['attribute'])} {one['group']} {one['n']:,} ")
    assert shown[0].endswith("Not met")
    assert shown[-1].endswith("Met")
    between = rows_of(page, "fairness")
    assert between[0] == "Age band: ratio, at most 1.25"
    assert between[1].startswith("46 to 55 1,547 1.17")
    assert between[1].endswith("Met")
    said = kit.text_of(page)
    assert "Standardised mean error gap" in said
    assert "upper end at most 0.2 Met" in said


def test_what_is_not_met_is_listed_with_its_number(world: kit.World) -> None:
    limits(world)
    evaluation = evidence(world, columns=1)
    page = kit.browser(world.maker_user).get(page_url(evaluation))
    said = kit.text_of(page)
    assert re.search(r"[1-5] of 6 requirements on evidence refuse promotion", said)
    assert "Not met Explains the bill. R² is 0." in said
    assert "the lower end of its 95 % interval is 0." in said


def test_the_live_version_stands_beside(world: kit.World) -> None:
    revision = kit.make_limits(rules=[R_SQUARED], suite=BOTH)
    evidence(world, columns=5)
    kit.go_live(world, world.version, revision.policy.environment)
    second = make.make_version(world.model, actor=world.maker, signature=bills.SIGNATURE)
    beside = bills.make_evidence(second, world.data, actor=world.maker)
    page = kit.browser(world.maker_user).get(page_url(beside))
    theirs = bills.measured(columns=5)["metrics"]
    row = next(row for row in rows_of(page, "measures") if row.startswith("Mean absolute error"))
    assert f" {theirs['mean_absolute_error']['value']:,.0f} 11,957" in row
    said = kit.text_of(page)
    assert "Champion 1" in said
    assert "outline: champion 1" in said


def test_a_policy_without_a_suite_for_it_says_what_to_do(world: kit.World) -> None:
    kit.make_limits()
    said = kit.text_of(kit.browser(world.maker_user).get(page_url(evidence(world))))
    assert "The policy names no suite for regression" in said
    assert "with the suite default-regression and rules on its measures." in said


def test_the_list_shows_r_squared_and_costs_no_more_with_more_rows(world: kit.World) -> None:
    client = kit.browser(world.maker_user)
    found = evidence(world).results_document["metrics"]["r_squared"]
    page = client.get(list_url(world))
    assert f"Succeeded bills 1 default {found['value']:.3f} {found['ci_low']:.3f} to" in kit.text_of(page)
    few = queries_of(client, list_url(world))
    evidence(world)
    evidence(world)
    assert queries_of(client, list_url(world)) == few


def test_only_data_that_fit_the_task_are_offered(world: kit.World) -> None:
    client = kit.browser(world.maker_user)
    classes = make.make_dataset_version(
        make.make_dataset(world.team, actor=world.maker, name="classes"),
        actor=world.maker,
        content=kit.labelled_parquet(),
        descriptor=kit.DESCRIPTOR,
    )
    text = make.make_dataset_version(
        make.make_dataset(world.team, actor=world.maker, name="texts"),
        actor=world.maker,
        content=kit.parquet({"a": [1, 2], "b": ["x", "y"]}),
        descriptor=Descriptor(target="b"),
    )
    body = client.get(list_url(world)).content.decode()
    assert str(world.data.pk) in body
    assert str(classes.pk) not in body
    assert str(text.pk) not in body
    answer = client.post(list_url(world), {"dataset_version": str(classes.pk)})
    assert answer.status_code == 422
    answer = client.post(list_url(world), {"dataset_version": str(world.data.pk)})
    assert answer.status_code == 303
    assert Evaluation.objects.get().suite == "default-regression"


def test_rest_runs_the_suite_of_the_task_and_refuses_the_other(world: kit.World) -> None:
    client = kit.browser(world.maker_user)
    asked = {"model": world.model.name, "version": 1, "dataset": "bills", "dataset_version": 1}
    other = client.post(
        "/api/v1/evaluations", asked | {"suite": "default-binary"}, content_type="application/json"
    )
    assert other.status_code == 422
    assert "measures binary classification; the version's signature says regression" in other.content.decode()
    answer = client.post("/api/v1/evaluations", asked, content_type="application/json")
    assert (answer.status_code, answer.json()["suite"]) == (202, "default-regression")


def test_version_and_model_pages_show_what_it_predicts(world: kit.World) -> None:
    limits(world)
    evaluation = evidence(world)
    client = kit.browser(world.maker_user)
    version = kit.text_of(client.get(reverse("registry:version", args=[world.model.name, 1])))
    assert "predicts bill_amount_september, a number; declared tolerance 10,000" in version
    assert "Mean absolute error" in version
    assert "A measure of binary classification; this version is one of regression." in version
    model = kit.text_of(client.get(reverse("registry:model", args=[world.model.name])))
    found = evaluation.results_document["metrics"]["r_squared"]
    assert f"{found['value']:.3f}" in model
