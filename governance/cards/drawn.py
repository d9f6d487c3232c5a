"""Drawing the facts of a card from the registry and from evidence. No number of a card is typed by
anybody."""

from __future__ import annotations

from governance.cards import evidence_facts, registry_facts
from governance.cards.absence import Absence
from governance.cards.facts import Drawn, Source
from governance.evaluation.models import Evaluation
from governance.profiles.queries import profile_of
from registry.versions.models import ModelVersion

_NO_EVALUATION = "No evaluation of this version succeeded yet. Start one."
_WHEN_ABSENT = {
    **dict.fromkeys(evidence_facts.DRAWERS, _NO_EVALUATION),
    "training_data": "No training data are recorded. Upload the version with the data it learned from.",
    "training": "No run is recorded. Upload the version with the run that trained it.",
    "operation": "The signature names no features. Upload the version with its signature.",
    "governance": "The model has no risk tier yet. Its owner sets one on the model's page.",
}


def absences(*, version: ModelVersion, evaluation: Evaluation | None) -> dict[str, Absence]:
    """The sections whose facts are absent, and in which way. Sections that are not named have their facts."""
    return absences_by(
        version=version,
        measured=evaluation is not None,
        trained=version.inputs.filter(context="training").exists(),
        has_tier=profile_of(version.model) is not None,
    )


def absences_by(
    *, version: ModelVersion, measured: bool, trained: bool, has_tier: bool
) -> dict[str, Absence]:
    """`absences` from what was read before: whether there is evidence, training data and a risk tier."""
    absent: dict[str, Absence] = {}
    if not measured:
        absent |= dict.fromkeys(evidence_facts.DRAWERS, Absence.NOT_MEASURED)
    if not trained:
        absent["training_data"] = Absence.MISSING
    if version.run_id is None:
        absent["training"] = Absence.MISSING
    if not version.signature.get("features"):
        absent["operation"] = Absence.MISSING
    if not has_tier:
        absent["governance"] = Absence.MISSING
    return absent


def draw(*, version: ModelVersion, evaluation: Evaluation | None) -> dict[str, Drawn]:
    """The drawn part of every section that has one, by section id. `evaluation` is the evidence that
    counts."""
    absent = absences(version=version, evaluation=evaluation)
    drawn: dict[str, Drawn] = {}
    for name in (*registry_facts.DRAWERS, *evidence_facts.DRAWERS):
        if name in absent:
            drawn[name] = Drawn(Source("nothing yet"), absence=absent[name], note=_WHEN_ABSENT[name])
        elif name in registry_facts.DRAWERS:
            drawn[name] = registry_facts.DRAWERS[name](version)
        elif evaluation is not None:
            drawn[name] = evidence_facts.DRAWERS[name](evaluation)
    return drawn
