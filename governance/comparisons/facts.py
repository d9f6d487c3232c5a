"""What two versions say of themselves, fact by fact."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from countersign.web import formats
from governance.cards.models import CardRevision
from governance.cards.queries import newest_revision
from governance.cards.sections import SECTIONS
from registry.versions.models import ModelVersion
from registry.versions.tasks import Task, task_of

PARAMETERS_SHOWN = 6
NAMES_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact of both versions, in words."""

    name: str
    was: str
    now: str


def facts_between(version: ModelVersion, live: ModelVersion, card: CardRevision | None) -> Iterable[Fact]:
    """Every fact of both, equal ones too; `card` is the revision of `version` that counts."""
    yield Fact("Artifact", _artifact(live), _artifact(version))
    yield Fact("Built with", _libraries(live), _libraries(version))
    yield Fact("Inputs", *_inputs(live, version))
    name = "Tolerance" if task_of(version.signature) is Task.REGRESSION else "Threshold"
    yield Fact("Predicts", _task(live), _task(version))
    yield Fact(name, _declared(live, name), _declared(version, name))
    yield Fact("Training data", _data(live), _data(version))
    yield Fact("Source", _source(live), _source(version))
    yield from _parameters(live, version)
    yield Fact("Card", *_cards(newest_revision(live), card))


def _artifact(version: ModelVersion) -> str:
    return f"{version.flavour}, {formats.size(version.size)}"


def _libraries(version: ModelVersion) -> str:
    said = ", ".join(f"{name} {release}" for name, release in sorted(version.libraries.items()))
    return said or "not declared"


def _inputs(live: ModelVersion, version: ModelVersion) -> tuple[str, str]:
    was = {one["name"] for one in live.signature.get("features", [])}
    now = {one["name"] for one in version.signature.get("features", [])}
    said = formats.plural(len(now), "column")
    changes = [
        f"{_some(sorted(names))} {verb}"
        for names, verb in ((was - now, "removed"), (now - was, "added"))
        if names
    ]
    if changes:
        return formats.plural(len(was), "column"), f"{said}: {'; '.join(changes)}"
    return (said, said)


def _some(names: list[str]) -> str:
    more = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _task(version: ModelVersion) -> str:
    target = version.signature.get("target")
    return f"{target}, {task_of(version.signature).words}" if target else task_of(version.signature).words


def _declared(version: ModelVersion, name: str) -> str:
    value = version.signature.get(name.lower())
    return "not declared" if value is None else str(value)


def _data(version: ModelVersion) -> str:
    used = version.inputs.filter(context="training").select_related("dataset_version__dataset")
    said = [
        str(one.dataset_version)
        + (f", {formats.plural(one.dataset_version.rows, 'row')}" if one.dataset_version.rows else "")
        for one in used.order_by("dataset_version_id")
    ]
    return "; ".join(said) or "not recorded"


def _source(version: ModelVersion) -> str:
    run = version.run
    if run is None or not run.source_commit:
        return "no commit recorded"
    state = ", with changes that were not committed" if run.source_clean is False else ""
    return f"{run.source_commit[:12]}{state}"


def _parameters(live: ModelVersion, version: ModelVersion) -> Iterable[Fact]:
    """Parameters of the training runs, those that differ first and only the first few of them."""
    was = dict(live.run.parameters.values_list("key", "value")) if live.run else {}
    now = dict(version.run.parameters.values_list("key", "value")) if version.run else {}
    differing = [key for key in sorted({*was, *now}) if was.get(key) != now.get(key)]
    for key in differing[:PARAMETERS_SHOWN]:
        yield Fact(f"Parameter {key}", was.get(key, "not set")[:200], now.get(key, "not set")[:200])
    if (more := len(differing) - PARAMETERS_SHOWN) > 0:
        yield Fact("More parameters", "", f"{more} more differ; see the training runs")
    for key in sorted({*was} & {*now} - {*differing}):
        yield Fact(f"Parameter {key}", was[key], now[key])


def _cards(was: CardRevision | None, now: CardRevision | None) -> tuple[str, str]:
    if was is None and now is None:
        return "no card", "no card"
    if was is None or now is None:
        return (
            f"revision {was.number}" if was else "no card",
            f"revision {now.number}" if now else "no card",
        )
    if was.digest == now.digest:
        return "the same text", "the same text"
    differ = [
        SECTIONS[name].title if name in SECTIONS else name
        for name in sorted({*was.sections, *now.sections})
        if was.sections.get(name) != now.sections.get(name)
    ]
    return (
        f"revision {was.number}",
        f"revision {now.number}: {_some(differ)} {'differ' if len(differ) > 1 else 'differs'}",
    )
