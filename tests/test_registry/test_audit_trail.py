"""What the audit trail says of the registry, and who may read it."""

from __future__ import annotations

import pytest

from countersign.accounts.models import Team
from countersign.actors import Actor
from countersign.ledger import verbs
from countersign.ledger.models import Unsealed
from countersign.ledger.presenters import _default, _presenters, present
from countersign.ledger.verification.report import Report
from countersign.ledger.verification.tables import check_replay
from countersign.ledger.visibility import readable
from registry import wiring
from registry.datasets.actions import update_dataset
from registry.lineage.actions import add_lineage_edge
from registry.models import RegisteredModel
from registry.runs.actions import Source
from registry.versions import actions
from tests.factories import registry as make
from tests.test_registry.kit import as_serving_role, leaves, outsider, viewer

pytestmark = pytest.mark.django_db


def everything_once() -> tuple[Team, Actor]:
    """A story that uses every verb of the registry."""
    team, maker = make.make_makers()
    run = make.make_run(team, actor=maker, name="heron", source=Source("git@x:y", "5bd87e3500aa99"))
    dataset = make.make_dataset(team, actor=maker, name="train")
    make.make_distant_data(dataset, actor=maker)
    update_dataset(dataset=dataset, description="Words.", seen="", actor=maker)
    model = make.make_model(team, actor=maker, name="credit & co")
    actions.update_model(model=model, description="Words.", actor=maker)
    first = make.make_version(model, actor=maker, run=run, tags={"a": "b"}, alias="challenger")
    second = make.make_version(model, actor=maker, files={"a": b"1", "b": b"2"})
    actions.set_alias(model=model, name="challenger", version=second, actor=maker)
    actions.delete_alias(model=model, name="challenger", actor=maker)
    actions.set_tag(model=model, key="k", value="v", actor=maker)
    actions.delete_tag(model=model, key="k", actor=maker)
    add_lineage_edge(version=first, kind="upstream_model", name="bert", actor=maker)
    actions.update_version(version=first, description="Words.", actor=maker)
    actions.archive_version(version=first, actor=maker)
    actions.restore_version(version=first, actor=maker)
    actions.rename_model(model=model, name="credit-default", actor=maker)
    actions.archive_model(model=model, actor=maker)
    actions.restore_model(model=model, actor=maker)
    return team, maker


def test_every_verb_has_a_sentence_of_its_own() -> None:
    ours = {verb.name for verb in verbs.all_verbs() if verb.name.startswith("registry.")}
    assert ours == {name for name, _ in _presenters if name.startswith("registry.")}


def test_the_story_reads_well() -> None:
    everything_once()
    told = [leaf for leaf in leaves() if leaf["verb"].startswith("registry.")]
    assert {leaf["verb"] for leaf in told} == {
        verb.name for verb in verbs.all_verbs() if verb.name.startswith("registry.")
    }
    said = [str(present(leaf, {})) for leaf in told]
    digests = [
        leaf["data"]["after"]["digest"][7:19]
        for leaf in told
        if leaf["verb"] == "registry.version.registered"
    ]
    # Names are those of today: the model was renamed at the end.
    assert said[1:] == [
        "Started the run heron, commit 5bd87e3500aa",
        "Created the dataset train",
        "Registered version 1 of the dataset train, 3 rows, kept elsewhere",
        "Described the dataset train anew",
        "Registered the model credit-default",
        "Described the model credit-default anew",
        "Sealed the run heron, which finished",
        f"Registered credit-default 1, 1 file, digest {digests[0]}",
        "Named Maker as uploader of credit-default 1 (authenticated)",
        "Named Maker as trainer of credit-default 1 (authenticated)",
        "Set the tag a to “b” of credit-default 1",
        "Set the alias challenger to credit-default 1",
        f"Registered credit-default 2, 2 files, digest {digests[1]}",
        "Named Maker as uploader of credit-default 2 (authenticated)",
        "Moved the alias challenger from credit-default 1 to credit-default 2",
        "Took the alias challenger from credit-default 2",
        "Set the tag k to “v” of credit-default",
        "Took the tag k from credit-default",
        "Declared that credit-default 1 came from the upstream model bert",
        "Described credit-default 1 anew",
        "Archived credit-default 1",
        "Restored credit-default 1",
        "Renamed the model credit & co to credit-default",
        "Archived the model credit-default",
        "Restored the model credit-default",
    ]
    assert all(present(leaf, {}) != _default(leaf) for leaf in told)


def test_sentences_outlive_what_they_are_about() -> None:
    everything_once()
    gone = "00000000-0000-0000-0000-000000000000"
    for leaf in leaves():
        if not leaf["verb"].startswith("registry."):
            continue
        leaf["subject"]["ref"] = gone
        for state in leaf["data"].values():
            for key in ("model", "version", "dataset", "user"):
                if state and state.get(key):
                    state[key] = gone
        assert str(present(leaf, {}))


def test_markup_in_names_is_escaped() -> None:
    team, maker = make.make_makers()
    make.make_model(team, actor=maker, name="<b>bold<⁄b>")
    assert "<b>" not in present(leaves()[-1], {}).__html__()


def test_a_team_reads_its_own_trail_and_nobody_else_does() -> None:
    team, maker = everything_once()
    everything_once_more = make.make_model(team, actor=maker)
    assert everything_once_more in RegisteredModel.objects.all()
    ours = set(Unsealed.objects.filter(verb__startswith="registry.").values_list("verb", flat=True))
    readable_by_team = set(
        Unsealed.objects.filter(readable(viewer(team)), verb__startswith="registry.").values_list(
            "verb", flat=True
        )
    )
    assert ours - readable_by_team == {"registry.tag.deleted"}  # a tag that is gone belongs to nobody
    assert not Unsealed.objects.filter(readable(outsider()), verb__startswith="registry.").exists()


def test_every_recorded_model_says_who_may_read_about_it() -> None:
    from django.apps import apps

    from countersign.ledger.models import Recorded

    recorded = {
        model for model in apps.get_app_config("registry").get_models() if issubclass(model, Recorded)
    }
    assert recorded == set(wiring.RECORDED)


def problems() -> list[str]:
    """What the replay of the ledger finds wrong with the rows."""
    report = Report()
    check_replay(report, lambda share, message: None)
    return [finding.sentence for finding in report.findings]


def test_the_ledger_tells_the_state_of_every_row() -> None:
    everything_once()
    assert problems() == []


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE registry_modelversion SET description = 'better' WHERE number = 2", "description"),
        ("UPDATE registry_registeredmodel SET name = 'other'", "name"),
        ("UPDATE registry_tag SET value = 'other'", "value"),
        ("DELETE FROM registry_tag", "the row is missing"),
        ("UPDATE registry_dataset SET team_id = (SELECT id FROM accounts_team LIMIT 1)", "team"),
    ],
)
def test_an_edit_by_sql_is_found(statement: str, found: str) -> None:
    make.make_makers()
    everything_once()
    as_serving_role(statement, {})
    (problem,) = problems()
    assert found in problem
