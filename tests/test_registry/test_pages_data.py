"""Pages of datasets and lineage, and what search finds of the registry: for who may see it, and nobody else."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from countersign.accounts.models import Team, User
from countersign.actors import Actor
from countersign.permissions import Role
from registry.datasets.models import Dataset, DatasetVersion
from registry.lineage.actions import add_lineage_edge
from registry.lineage.graph import PER_COLUMN, graph_of
from registry.lineage.uses import Use, _sources, register
from registry.runs.actions import RunDescription, Source
from registry.versions.models import ModelVersion
from registry.versions.values import InputClaim
from tests.factories import registry as make
from tests.factories.people import make_user
from tests.test_core.ledger_kit import begin
from tests.test_governance.evidence_kit import browser, text_of
from tests.test_registry import kit

pytestmark = pytest.mark.django_db


@pytest.fixture
def team(db: None) -> Team:
    begin()
    return make.make_makers("Credit")[0]


@pytest.fixture
def maker(team: Team) -> Actor:
    user = make_user("mara", full_name="Mara Maker", roles=[(Role.CONTRIBUTOR, team), (Role.OWNER, team)])
    return make.actor_for(user, via="rest")


@pytest.fixture
def client_of_team(maker: Actor) -> Client:
    return browser(User.objects.get(pk=maker.ref))


@pytest.fixture
def stranger(db: None) -> Client:
    other, _ = make.make_makers("Claims")
    return browser(make_user("sam", roles=[(Role.CONTRIBUTOR, other)]))


@pytest.fixture
def data(team: Team, maker: Actor) -> DatasetVersion:
    return make.make_dataset_version(make.make_dataset(team, actor=maker, name="credit-train"), actor=maker)


def trained_on(data: DatasetVersion, maker: Actor, **more: Any) -> ModelVersion:
    model = make.make_model(data.dataset.team, actor=maker)
    return make.make_version(model, actor=maker, inputs=[InputClaim(data, "training", data.digest)], **more)


# --- datasets ---------------------------------------------------------------------------------------------


def test_the_page_says_schema_roles_licence_and_digest(data: DatasetVersion, client_of_team: Client) -> None:
    words = text_of(client_of_team.get("/data/credit-train/"))
    for column in data.columns:
        assert column["name"] in words
    assert f"{data.target} " in words
    for name in data.sensitive_attributes:
        assert re.search(rf"{name} \w+ Sensitive", words)
    assert data.digest[:16] in words
    assert (data.licence or "Not stated") in words


def test_what_was_trained_on_each_version_is_linked(
    data: DatasetVersion, maker: Actor, client_of_team: Client
) -> None:
    version = trained_on(data, maker)
    page = client_of_team.get("/data/credit-train/1/")
    assert f'href="/models/{version.model.name}/versions/1/"' in page.content.decode()
    assert "training, version 1 Digest" in text_of(page)
    assert "1 version" in text_of(client_of_team.get("/data/"))


def test_another_teams_model_on_our_data_is_not_told(data: DatasetVersion, maker: Actor) -> None:
    """A model moved, or an auditor's view: who may not see the model does not learn that it exists."""
    both = make_user("both", roles=[(Role.CONTRIBUTOR, data.dataset.team)])
    other, theirs = make.make_makers("Claims")
    model = make.make_model(other, actor=theirs, name="secret-model")
    version = make.make_version(model, actor=theirs)
    version.inputs.create(dataset_version=data, context="training", claim="declared")
    client = browser(both)
    assert "secret-model" not in text_of(client.get("/data/credit-train/"))
    assert "none" in text_of(client.get("/data/"))
    auditor = browser(make_user("august", roles=[(Role.AUDITOR, None)]))
    assert "secret-model 1" in text_of(auditor.get("/data/credit-train/"))


def test_filters_combine(team: Team, maker: Actor, data: DatasetVersion, client_of_team: Client) -> None:
    make.make_dataset(team, actor=maker, name="empty-one")

    def shown(**query: str) -> list[str]:
        return [dataset.name for dataset, _ in client_of_team.get("/data/", query).context["rows"]]

    assert shown() == ["empty-one", "credit-train"]
    assert shown(q="TRAIN") == ["credit-train"]
    assert shown(sensitive="1") == ["credit-train"]
    assert shown(team=team.slug, q="empty") == ["empty-one"]
    assert shown(licence="never") == []
    assert "No dataset you may see fits these filters" in text_of(client_of_team.get("/data/?licence=never"))


def test_other_teams_data_is_unseen(data: DatasetVersion, stranger: Client) -> None:
    assert "credit-train" not in text_of(stranger.get("/data/"))
    for path in ("/data/credit-train/", "/data/credit-train/1/"):
        assert stranger.get(path).status_code == 404
    assert stranger.post("/data/credit-train/describe/", {"description": "x"}).status_code == 404


def test_a_description_is_written_anew_and_recorded(
    data: DatasetVersion, maker: Actor, client_of_team: Client
) -> None:
    path = "/data/credit-train/describe/"
    assert client_of_team.post(path, {"description": "One bank.\r\nOne year.", "seen": ""}).status_code == 303
    assert Dataset.objects.get(name="credit-train").description == "One bank.\nOne year."
    entry = kit.last("registry.dataset.updated")
    assert (entry["data"]["before"]["description"], entry["actor"]["ref"]) == ("", str(maker.ref))
    again = {"description": "Two banks.", "seen": "One bank.\r\nOne year."}
    assert client_of_team.post(path, again).status_code == 303
    lost = client_of_team.post(path, {"description": "Three banks.", "seen": "One bank.\nOne year."})
    assert lost.status_code == 409
    words = text_of(lost)
    assert "was changed while you wrote" in words
    assert "Three banks." in words
    assert "Two banks." in words
    assert Dataset.objects.get(name="credit-train").description == "Two banks."


def test_who_may_not_register_does_not_describe(team: Team, data: DatasetVersion) -> None:
    viewer = browser(make_user(roles=[(Role.VIEWER, team)]))
    page = viewer.get("/data/credit-train/").content.decode()
    assert "/describe/" not in page
    assert 'aria-describedby="why-no-download"' in page
    assert viewer.post("/data/credit-train/describe/", {"description": "x"}).status_code == 403


def test_an_empty_dataset_shows_the_command(team: Team, maker: Actor, client_of_team: Client) -> None:
    make.make_dataset(team, actor=maker, name="empty-one")
    assert "/api/v1/datasets/empty-one/versions" in text_of(client_of_team.get("/data/empty-one/"))


def test_pages_cost_the_same_for_few_rows_and_for_many(
    team: Team, maker: Actor, data: DatasetVersion, client_of_team: Client
) -> None:
    paths = ("/data/", "/data/credit-train/", "/search/?q=credit")

    def costs() -> list[int]:
        found = []
        for path in paths:
            with CaptureQueriesContext(connection) as captured:
                assert client_of_team.get(path).status_code == 200
            found.append(len(captured))
        return found

    trained_on(data, maker)
    make.make_dataset_version(make.make_dataset(team, actor=maker, name="credit-2"), actor=maker)
    few = costs()
    for number in range(3, 6):
        trained_on(data, maker)
        make.make_dataset_version(make.make_dataset(team, actor=maker, name=f"credit-{number}"), actor=maker)
    assert costs() == few


# --- lineage ----------------------------------------------------------------------------------------------


def test_the_graph_draws_where_it_came_from_and_its_twin_says_the_same(
    data: DatasetVersion, maker: Actor, client_of_team: Client
) -> None:
    run = RunDescription(
        experiment="training",
        name="nightly",
        parameters={},
        source=Source(repository="https://git.example/risk", commit="c0ffee" * 6 + "c0ff", clean=True),
    )
    first = trained_on(data, maker, run=run)
    add_lineage_edge(version=first, kind="pipeline", name="weekly <build>", actor=maker)
    second = make.make_version(first.model, actor=maker, parent=first)
    third = make.make_version(first.model, actor=maker, parent=second)
    name = first.model.name
    page = client_of_team.get(f"/models/{name}/versions/1/lineage/").content.decode()
    assert f'<a href="/data/{data.dataset.name}/1/"><title>Dataset version: credit-train 1' in page
    assert "weekly &lt;build&gt;" in page
    assert f'<a href="/models/{name}/versions/2/"><title>Child version: {second}' in page
    assert page.count('stroke-dasharray="4 3" d="') >= 2, "declared edges are dashed"
    twin = page.split('id="lineage-list"')[1]
    for words in ("nightly", "credit-train 1", "weekly &lt;build&gt;", "version 2"):
        assert words in twin
    graph = graph_of(ModelVersion.objects.select_related("model", "parent", "run").get(pk=third.pk))
    drawn = [(node.kind, node.name) for node in graph.nodes]
    assert drawn.index(("Parent version", str(first))) < drawn.index(("Parent version", str(second)))
    only = text_of(client_of_team.get(f"/models/{name}/versions/1/lineage/?direction=upstream"))
    assert "Downstream: what came of it" not in only


def test_a_large_lineage_says_what_it_leaves_out(team: Team, maker: Actor, client_of_team: Client) -> None:
    model = make.make_model(team, actor=maker)
    version = make.make_version(model, actor=maker)
    for number in range(PER_COLUMN + 3):
        add_lineage_edge(version=version, kind="document", name=f"memo {number}", actor=maker)
    for _ in range(PER_COLUMN + 1):
        make.make_version(model, actor=maker, parent=version)
    words = text_of(client_of_team.get(f"/models/{model.name}/versions/1/lineage/"))
    assert "3 more under “data and code” are in the list only." in words
    assert "Of the versions made from this one only the newest are drawn." in words
    assert "memo 8" in words


def test_layers_above_tell_what_came_of_it(team: Team, maker: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.lineage.uses._sources", dict(_sources))
    register(
        "tests",
        lambda version: [
            Use(
                "Evaluation",
                "7 on holdout",
                None,
                "ab12",
                "verified",
                "evidence",
                ("holdout 1", None, "cd34"),
            )
        ],
    )
    version = make.make_version(make.make_model(team, actor=maker), actor=maker)
    graph = graph_of(version, "downstream")
    assert [(node.kind, node.name) for node in graph.nodes] == [
        ("Model version", str(version)),
        ("Test data", "holdout 1"),
        ("Evaluation", "7 on holdout"),
    ]
    assert len(graph.arrows) == 2
    assert graph.declared == 0


# --- search -----------------------------------------------------------------------------------------------


def test_search_finds_by_name_version_and_digest_names_before_prose(
    data: DatasetVersion, team: Team, maker: Actor, client_of_team: Client
) -> None:
    prose = make.make_model(team, actor=maker, name="zeta")
    prose.description = "Ranks credit cards."
    prose.save()
    named = make.make_model(team, actor=maker, name="credit-default")
    version = make.make_version(named, actor=maker)

    def hits(q: str, label: str) -> list[str]:
        groups = client_of_team.get("/search/", {"q": q}).context["groups"]
        return [hit.title for group in groups if group["label"] == label for hit, *_ in group["hits"]]

    assert hits("credit", "Models") == ["credit-default"]
    assert hits("credit", "Written about models") == ["zeta"]
    order = [group["label"] for group in client_of_team.get("/search/?q=credit").context["groups"]]
    assert order.index("Data") < order.index("Written about models"), "names before prose"
    assert hits("Credit-Default 1", "Versions") == ["credit-default 1"]
    assert hits(version.digest[:7], "Versions") == ["credit-default 1"]
    assert hits(f"sha256:{data.digest[:10]}", "Dataset versions") == ["credit-train 1"]
    assert hits("credit-train", "Data") == ["credit-train"]


def test_search_finds_nothing_of_other_teams(data: DatasetVersion, maker: Actor, stranger: Client) -> None:
    version = trained_on(data, maker)
    for q in (version.model.name, str(version), version.digest[:12], "credit-train", data.digest[:12]):
        page = stranger.get("/search/", {"q": q})
        assert page.context["total"] == 0, q
        assert "Nothing you may know of is called so" in text_of(page)
