"""The pages of evaluations: asking, following, failing, and evidence held against limits and champion."""

from __future__ import annotations

import re
from typing import Any

import orjson
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import escape

from countersign.jobs import runner, subjects
from countersign.jobs.actions import cancel_job
from countersign.jobs.handlers import JobContext
from countersign.permissions import Role
from governance.evaluation.models import Evaluation
from governance.evaluation.tables import words
from registry.versions.actions import archive_version
from registry.versions.values import InputClaim
from tests.factories import registry as make
from tests.factories.people import make_team, make_user
from tests.test_governance import evidence_kit as kit

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(db: None) -> kit.World:
    return kit.credit_world(tier="medium")


def list_url(world: kit.World, number: int = 1) -> str:
    return reverse("governance:evaluations", args=[world.model.name, number])


def page_url(evaluation: Evaluation) -> str:
    version = evaluation.version
    return reverse("governance:evaluation", args=[version.model.name, version.number, evaluation.number])


def rows_of(page: Any, section: str) -> list[str]:
    """The rows of the first table of a section, as words."""
    body = page.content.decode()
    part = body[body.index(f'id="{section}"') :]
    part = part[: part.index("</table>")]
    rows = re.findall(r"<tr[ >].*?</tr>", part[part.index("<tbody") :], flags=re.S)
    return [" ".join(re.sub(r"<svg.*?</svg>|<[^>]+>", " ", row, flags=re.S).split()) for row in rows]


# --- the list and asking ----------------------------------------------------------------------------------


def test_an_owner_asks_and_lands_on_the_evaluation(world: kit.World) -> None:
    client = kit.browser(world.maker_user)
    empty = client.get(list_url(world))
    assert "Not evaluated yet" in kit.text_of(empty)
    answer = client.post(list_url(world), {"dataset_version": str(world.data.pk)})
    [evaluation] = Evaluation.objects.all()
    assert (answer.status_code, answer["Location"]) == (303, page_url(evaluation))
    again = client.post(list_url(world), {"dataset_version": str(world.data.pk)})
    assert again["Location"] == page_url(evaluation)
    said = kit.text_of(client.get(list_url(world)))
    assert f"{evaluation.number} Waiting holdout 1 default not measured Mara Maker" in said


def test_the_data_the_upload_named_comes_first_and_the_training_data_is_marked(world: kit.World) -> None:
    train = make.make_dataset_version(
        world.data.dataset,
        actor=world.maker,
        content=kit.labelled_parquet(120, 8),
        descriptor=kit.DESCRIPTOR,
    )
    version = make.make_version(
        world.model,
        actor=world.maker,
        inputs=[InputClaim(train), InputClaim(world.data, "evaluation")],
    )
    page = kit.browser(world.maker_user).get(list_url(world, version.number))
    said = kit.text_of(page)
    assert said.index("holdout 1, 400 rows") < said.index("holdout 2, 120 rows")
    assert "holdout 2, 120 rows The version was trained on it: a result on it proves nothing." in said
    radio = re.search(rf'<input [^>]*value="{world.data.pk}"[^>]*>', page.content.decode())
    assert radio is not None
    assert " checked" in radio[0]


def test_a_choice_nobody_offered_is_refused_in_place(world: kit.World) -> None:
    answer = kit.browser(world.maker_user).post(list_url(world), {"dataset_version": str(world.version.pk)})
    assert answer.status_code == 422
    assert "is not one of the available choices" in kit.text_of(answer)
    assert not Evaluation.objects.exists()


def test_a_viewer_sees_why_they_may_not_ask(world: kit.World) -> None:
    client = kit.browser(world.user(Role.VIEWER))
    page = client.get(list_url(world))
    assert "needs the role contributor, reviewer, owner" in kit.text_of(page)
    assert 'aria-disabled="true" aria-describedby="why-not"' in page.content.decode()
    assert client.post(list_url(world), {"dataset_version": str(world.data.pk)}).status_code == 403
    assert not Evaluation.objects.exists()


def test_an_archived_version_says_so(world: kit.World) -> None:
    archive_version(version=world.version, actor=world.maker)
    client = kit.browser(world.maker_user)
    assert "It is archived. Restore it first." in kit.text_of(client.get(list_url(world)))
    assert client.post(list_url(world), {"dataset_version": str(world.data.pk)}).status_code == 403


def test_without_usable_data_the_page_says_how_to_bring_some() -> None:
    team, maker = make.make_makers()
    model = make.make_model(team, actor=maker, name="bare")
    make.make_version(model, actor=maker)
    reader = make_user(roles=[(Role.CONTRIBUTOR, team)])
    page = kit.browser(reader).get(reverse("governance:evaluations", args=["bare", 1]))
    assert "POST /api/v1/datasets" in kit.text_of(page)


def test_another_team_knows_nothing(world: kit.World) -> None:
    evaluation = kit.make_evidence(world.version, world.data, actor=world.maker)
    stranger = kit.browser(make_user(roles=[(Role.OWNER, make_team())]))
    for url in (list_url(world), page_url(evaluation)):
        assert stranger.get(url).status_code == 404
    assert stranger.post(list_url(world), {"dataset_version": str(world.data.pk)}).status_code == 404


def test_the_list_shows_the_headline_with_its_interval(world: kit.World) -> None:
    evaluation = kit.make_evidence(world.version, world.data, actor=world.maker)
    failed = kit.make_failed(world.version, world.data, actor=world.maker)
    said = kit.text_of(kit.browser(world.maker_user).get(list_url(world)))
    found = evaluation.results_document["metrics"]["roc_auc"]
    assert (
        f"{evaluation.number} Succeeded holdout 1 default {found['value']:.3f} {found['ci_low']:.3f} to"
        in said
    )
    assert f"{failed.number} Failed holdout 1 default The model could not be loaded." in said


def queries_of(client: Any, url: str) -> int:
    with CaptureQueriesContext(connection) as caught:
        assert client.get(url).status_code == 200
    return len(caught)


def test_more_evaluations_cost_no_more_queries(world: kit.World) -> None:
    client = kit.browser(world.maker_user)
    kit.make_evidence(world.version, world.data, actor=world.maker)
    client.get(list_url(world))
    few = queries_of(client, list_url(world))
    for _ in range(4):
        kit.make_evidence(world.version, world.data, actor=world.maker)
    assert queries_of(client, list_url(world)) == few


# --- one evaluation ---------------------------------------------------------------------------------------


def test_while_it_waits_the_part_polls_itself(world: kit.World) -> None:
    client = kit.browser(world.maker_user)
    evaluation = kit.ask(world)
    page = client.get(page_url(evaluation))
    assert "Waiting Scanning the file" in kit.text_of(page)
    assert f'hx-get="{page_url(evaluation)}"' in page.content.decode()
    part = client.get(
        page_url(evaluation), headers={"HX-Request": "true", "HX-Target": "evaluation-progress"}
    )
    assert part.content.decode().lstrip().startswith('<div id="evaluation-progress"')
    cancel_job(job=evaluation.job, actor=world.maker)
    ended = client.get(
        page_url(evaluation), headers={"HX-Request": "true", "HX-Target": "evaluation-progress"}
    )
    assert ended["HX-Refresh"] == "true"
    assert "It was cancelled." in kit.text_of(client.get(page_url(evaluation)))


def test_while_it_runs_the_steps_are_shown(world: kit.World) -> None:
    evaluation = kit.ask(world)
    job = runner.claim(evaluation.job_id)
    assert job is not None
    context = JobContext(job, world.maker)
    context.step("Scanning the file", "model.skops", progress=0.05)
    context.step("Predicting in the sandbox", "400 rows, level 2", progress=0.3)
    said = kit.text_of(kit.browser(world.maker_user).get(page_url(evaluation)))
    assert "Done Scanning the file model.skops" in said
    assert "Running Predicting in the sandbox 400 rows, level 2" in said


def test_a_failure_says_what_happened_and_shows_the_models_word_as_text(world: kit.World) -> None:
    failed = kit.make_failed(
        world.version, world.data, actor=world.maker, said="<script>alert(1)</script> said the model"
    )
    page = kit.browser(world.maker_user).get(page_url(failed))
    said, body = kit.text_of(page), page.content.decode()
    assert "It failed, so nothing was measured The model could not be loaded." in said
    assert "&lt;script&gt;alert(1)&lt;/script&gt; said the model" in body
    assert "<script>alert" not in body
    assert "Code cannot_load" in said
    assert "upload it as a new version" in said
    assert "Results as JSON" not in said


def test_evidence_shows_every_measure_with_interval_rule_and_result(world: kit.World) -> None:
    kit.make_limits()
    evaluation = kit.make_evidence(world.version, world.data, actor=world.maker)
    page = kit.browser(world.maker_user).get(page_url(evaluation))
    said = kit.text_of(page)
    measured = evaluation.results_document["metrics"]
    rows = rows_of(page, "measures")
    assert len(rows) == len(measured)
    auc = measured["roc_auc"]
    first = next(row for row in rows if row.startswith("ROC AUC"))
    assert first == (
        f"ROC AUC {auc['value']:.3f} {auc['ci_low']:.3f} to {auc['ci_high']:.3f} 1,200 {escape(auc['method'])} "
        "lower end at least 0.6 Met"
    )
    assert [row.split()[0] for row in rows[:2]] == ["ROC", "Calibration"]  # those with a rule come first
    assert next(row for row in rows if row.startswith("Gini")).endswith("No rule")
    assert "Held against Medium tier, production, revision 1 , in force now." in said
    for name in ("Ranking (ROC)", "Precision and recall", "Calibration", "Scores by outcome"):
        assert name in said
    for twin in ("the ranking", "precision and recall", "the calibration", "the scores", "thresholds"):
        assert f"Numbers behind {twin}" in said
    confusion = evaluation.results_document["confusion"]
    assert f"default 1 {confusion['tp']:,} {confusion['fn']:,}" in said.replace("\xa0", " ")
    assert "All 1 names in the file are on the reviewed list." in said
    assert "level 2" in said
    assert "Not run again yet" in said


def test_groups_stand_worst_first_and_small_ones_last(world: kit.World) -> None:
    kit.make_limits()
    evaluation = kit.make_evidence(world.version, world.data, actor=world.maker)
    page = kit.browser(world.maker_user).get(page_url(evaluation))
    groups = evaluation.results_document["groups"]
    ordered = sorted(
        groups,
        key=lambda one: (not one["sufficient"], one["metrics"]["roc_auc"]["ci_low"] or 2, one["group"]),
    )
    shown = rows_of(page, "groups")
    assert len(shown) == len(ordered)
    for row, one in zip(shown, ordered, strict=True):
        assert row.startswith(f"{words(one['attribute'])} {one['group']} {one['n']:,} {one['positives']:,} ")
    assert shown[-1].endswith("Insufficient data")
    assert shown[0].endswith("Met")
    fairness = rows_of(page, "fairness")
    assert "Age band: ratio, lower end at least 0.8" in fairness
    references = [row for row in fairness if row.endswith("reference")]
    assert len(references) == 2
    assert any("60 and over" in row and row.endswith("Insufficient data") for row in fairness)
    assert "True-positive rate gap" in kit.text_of(page)
    assert "at most 0.9 Met" in kit.text_of(page)


def test_what_is_not_met_is_counted_listed_and_drawn(world: kit.World) -> None:
    kit.make_limits()
    evaluation = kit.make_evidence(world.version, world.data, actor=world.maker, signal=0.05)
    page = kit.browser(world.maker_user).get(page_url(evaluation))
    said = kit.text_of(page)
    assert re.search(r"[12345] of \d+ requirements on evidence refuse", said)
    assert "Not met Ranks risk well. ROC AUC is 0." in said
    assert 'data-code="auc"' in page.content.decode()
    row = next(row for row in rows_of(page, "measures") if row.startswith("ROC AUC"))
    assert row.endswith("Not met")


def test_without_policy_and_tier_the_page_says_so(world: kit.World) -> None:
    evaluation = kit.make_evidence(world.version, world.data, actor=world.maker)
    client = kit.browser(world.maker_user)
    assert "There is no environment yet" in kit.text_of(client.get(page_url(evaluation)))
    kit.make_limits(tier="high")
    said = kit.text_of(client.get(page_url(evaluation)))
    assert "Measured, and held against no policy No policy is in force for medium tier in Production" in said


def test_a_model_without_a_tier_is_told_where_to_get_one() -> None:
    world = kit.credit_world()
    kit.make_limits()
    evaluation = kit.make_evidence(world.version, world.data, actor=world.maker)
    said = kit.text_of(kit.browser(world.maker_user).get(page_url(evaluation)))
    assert "The model has no risk tier yet, so no policy applies." in said


def test_the_live_version_stands_beside_only_on_the_same_rows(world: kit.World) -> None:
    revision = kit.make_limits(
        rules=[kit.AUC | {"limit": 0.5}],
    )
    champion = kit.make_evidence(world.version, world.data, actor=world.maker)
    kit.go_live(world, world.version, revision.policy.environment)
    second = make.make_version(world.model, actor=world.maker)
    beside = kit.make_evidence(second, world.data, actor=world.maker, seed=9, signal=0.9)
    client = kit.browser(world.maker_user)
    page = client.get(page_url(beside))
    auc = champion.results_document["metrics"]["roc_auc"]["value"]
    row = next(row for row in rows_of(page, "measures") if row.startswith("ROC AUC"))
    assert f"{auc:.3f} 1,200" in row
    assert "Champion 1" in kit.text_of(page)
    other = make.make_dataset_version(
        world.data.dataset,
        actor=world.maker,
        content=kit.labelled_parquet(200, 3),
        descriptor=kit.DESCRIPTOR,
    )
    apart = kit.make_evidence(second, other, actor=world.maker)
    said = kit.text_of(client.get(page_url(apart)))
    assert "Version 1 is live in Production and was not measured on these rows" in said
    assert "Champion 1" not in said
    own = kit.text_of(client.get(page_url(champion)))
    assert "Champion" not in own  # the live version is not its own champion


def test_weak_isolation_is_said_loudly(world: kit.World) -> None:
    evaluation = kit.make_evidence(world.version, world.data, actor=world.maker, isolation=1)
    client = kit.browser(world.maker_user)
    page = client.get(page_url(evaluation))
    assert 'role="alert"' in page.content.decode()
    assert (
        "The model ran with weak isolation: level 1. Files the worker can read were open to it."
        in kit.text_of(page)
    )
    overview = client.get(reverse("registry:version", args=[world.model.name, 1]))
    assert "weak isolation: level 1" in kit.text_of(overview)


def test_equal_runs_are_counted_as_identical(world: kit.World) -> None:
    client = kit.browser(world.maker_user)
    first = kit.make_evidence(world.version, world.data, actor=world.maker)
    kit.make_evidence(world.version, world.data, actor=world.maker)
    assert "Identical on 1 of 1 other run" in kit.text_of(client.get(page_url(first)))
    kit.make_evidence(world.version, world.data, actor=world.maker, seed=11)
    assert "Differs identical on 1 of 2 other runs" in kit.text_of(client.get(page_url(first)))


def test_a_number_of_another_version_is_not_found(world: kit.World) -> None:
    evaluation = kit.make_evidence(world.version, world.data, actor=world.maker)
    make.make_version(world.model, actor=world.maker)
    client = kit.browser(world.maker_user)
    url = reverse("governance:evaluation", args=[world.model.name, 2, evaluation.number])
    assert client.get(url).status_code == 404
    assert client.get(reverse("governance:evaluation", args=[world.model.name, 1, 99])).status_code == 404


def test_the_evidence_is_handed_out_byte_for_byte(world: kit.World) -> None:
    evaluation = kit.make_evidence(world.version, world.data, actor=world.maker)
    client = kit.browser(world.maker_user)
    body = client.get(page_url(evaluation)).content.decode()
    for part in ("results", "circumstances"):
        url = reverse("governance:api-evidence", args=[evaluation.number, part])
        assert f'href="{url}"' in body
        answer = client.get(url)
        assert answer.content == bytes(getattr(evaluation, part))
        assert answer["ETag"] == f'"{getattr(evaluation, f"{part}_digest")}"'
        assert orjson.loads(answer.content)["schema"].startswith("countersign/evaluation-")


def test_a_viewer_reads_the_evidence_and_may_not_run_it_again(world: kit.World) -> None:
    evaluation = kit.make_evidence(world.version, world.data, actor=world.maker)
    page = kit.browser(world.user(Role.VIEWER)).get(page_url(evaluation))
    assert page.status_code == 200
    body = page.content.decode()
    assert "Job and log" not in body  # a viewer sees no jobs of others
    assert 'aria-disabled="true" aria-describedby="why-not">Run again' in body


# --- on the version's page --------------------------------------------------------------------------------


def overview(world: kit.World, number: int = 1) -> str:
    page = kit.browser(world.maker_user).get(reverse("registry:version", args=[world.model.name, number]))
    assert page.status_code == 200
    return kit.text_of(page)


def test_the_overview_tells_each_state_of_the_evidence(world: kit.World) -> None:
    kit.make_limits()
    assert "Nobody has evaluated this version yet. Ask for an evaluation" in overview(world)
    failed = kit.make_failed(world.version, world.data, actor=world.maker)
    said = overview(world)
    assert f"Evaluation {failed.number} failed. The model could not be loaded." in said
    assert "The model’s process said: ModuleNotFoundError: No module named 'secret'" in said
    assert "evaluate again" in said
    good = kit.make_evidence(world.version, world.data, actor=world.maker)
    said = overview(world)
    assert f"evaluation {good.number} on holdout 1, 1,200 rows" in said
    assert "Limits of Medium tier, production, revision 1" in said
    assert "ROC AUC" in said
    assert "Gini" not in said
    waiting = kit.ask(world)
    said = overview(world)
    assert f"Evaluation {waiting.number} is under way on holdout 1." in said
    assert f"Until it ends, evaluation {good.number} counts." in said
    assert "Evaluations 3 Card" in said


def test_jobs_are_called_by_what_they_evaluate(world: kit.World) -> None:
    evaluation = kit.ask(world)
    label = subjects.label_of(evaluation.job)
    assert label is not None
    assert (label.text, label.url) == (
        f"Evaluation {evaluation.number} of credit-default 1",
        page_url(evaluation),
    )
    page = kit.browser(world.maker_user).get(reverse("jobs:job", args=[evaluation.job_id]))
    assert f"<h1>{label.text}</h1>" in page.content.decode()
