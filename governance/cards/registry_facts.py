"""Facts of a card that the registry and the profile hold."""

from __future__ import annotations

from collections.abc import Callable

from django.urls import reverse

from countersign.web.formats import duration, instant, quantity, score, thousands
from governance.cards.absence import Absence
from governance.cards.facts import Drawn, Fact, Source, fact
from governance.profiles.queries import profile_of
from registry import links
from registry.versions.models import ModelVersion
from registry.versions.tasks import Task, task_of


def _run_source(version: ModelVersion) -> Source:
    return Source(f"run {version.run.name}" if version.run else "run")


def _parameters(version: ModelVersion) -> dict[str, str]:
    """The parameters the run logged, by name."""
    if version.run is None:
        return {}
    return dict(version.run.parameters.order_by("key").values_list("key", "value"))


def _identity(version: ModelVersion) -> Drawn:
    manifest = Source("manifest", links.version(version))
    licences = sorted(
        {one.dataset_version.licence for one in version.inputs.select_related("dataset_version")} - {""}
    )
    facts = [
        Fact("Model", version.model.name, manifest, links.model(version.model)),
        Fact("Version", str(version.number), manifest, links.version(version)),
        Fact("Digest", f"sha256:{version.digest}", manifest),
        Fact("Owner", version.model.team.name, Source("registry")),
        Fact("Format", version.flavour, manifest),
        Fact(
            "Uploaded",
            f"by {version.created_by_label}, {instant(version.created_at)} UTC",
            Source("registry"),
        ),
        fact("Licence of the data", ", ".join(licences), Source("datasets"), "No dataset names a licence."),
    ]
    return Drawn(manifest, tuple(facts))


def _design(version: ModelVersion) -> Drawn:
    source = Source("signature", links.version(version))
    parameters = _parameters(version)
    facts = [
        fact(
            "Method",
            parameters.get("method", ""),
            _run_source(version),
            "The run logged no parameter “method”.",
        ),
        fact(
            "Inputs",
            ", ".join(feature["name"] for feature in version.signature.get("features", [])),
            source,
            "The signature names no features.",
        ),
        fact("Predicts", version.signature.get("target", ""), source, "The signature names no target."),
    ]
    return Drawn(source, tuple(facts))


def _training_data(version: ModelVersion) -> Drawn:
    facts: list[Fact] = []
    used = version.inputs.filter(context="training").select_related("dataset_version__dataset")
    for one in used.order_by("dataset_version_id"):
        data, page = one.dataset_version, links.dataset_version(one.dataset_version)
        source = Source(f"{data}", page)
        claim = {"verified": "verified by digest", "observed": "as its run recorded"}.get(
            one.claim, "as declared"
        )
        declared = ", ".join(data.sensitive_attributes)
        facts += [
            Fact("Data", f"{data}, {claim}", source, page),
            Fact("Digest", f"sha256:{data.digest}", source),
            Fact("Rows", thousands(data.rows), source)
            if data.rows is not None
            else Fact("Rows", "The dataset does not say.", source, absence=Absence.MISSING),
            fact("Source", data.source, source, "The dataset names no source."),
            fact("Licence", data.licence, source, "The dataset names no licence."),
            Fact("Sensitive attributes", declared, source)
            if declared
            else Fact("Sensitive attributes", "None declared.", source, absence=Absence.NONE_DECLARED),
        ]
    return Drawn(Source("lineage"), tuple(facts))


def _training(version: ModelVersion) -> Drawn:
    run = version.run
    assert run is not None  # noqa: S101 - `absences` names the section otherwise
    source = _run_source(version)
    tree = {
        True: "",
        False: ", with changes that were not committed",
        None: ", the job did not say whether clean",
    }
    commit = f"{run.source_repository} {run.source_commit}{tree[run.source_clean]}".strip()
    facts = [
        Fact("Run", run.name, source),
        fact("Commit", commit if run.source_commit else "", source, "The run names no commit."),
        Fact("Started", f"{instant(run.started_at)} UTC", source),
    ]
    if run.ended_at is not None:
        facts.append(Fact("Took", duration((run.ended_at - run.started_at).total_seconds()), source))
    facts += [Fact(key, value, source) for key, value in _parameters(version).items()]
    built = sorted(version.libraries.items())
    facts += [Fact(name, number, Source("declared by the uploader")) for name, number in built]
    return Drawn(source, tuple(facts))


def _operation(version: ModelVersion) -> Drawn:
    source = Source("signature", links.version(version))
    signature = version.signature
    facts = [Fact(feature["name"], feature["type"], source) for feature in signature["features"]]
    if task_of(signature) is Task.REGRESSION:
        tolerance = signature.get("tolerance")
        said = "" if tolerance is None else quantity(tolerance)
        facts.append(Fact("Predicts", signature["target"], source))
        facts.append(fact("Tolerance", said, source, "The signature declares no tolerance."))
        return Drawn(source, tuple(facts))
    if task_of(signature) is not Task.BINARY:
        said = f"{signature['target']}, {task_of(signature).words}"
        return Drawn(source, (*facts, Fact("Predicts", said, source)))
    threshold = signature.get("threshold")
    facts.append(
        fact(
            "Threshold",
            "" if threshold is None else score(threshold),
            source,
            "The signature declares no threshold.",
        )
    )
    facts.append(fact("Positive label", signature.get("positive_label", ""), source, "None is declared."))
    if costs := signature.get("costs"):
        wrongly, missed = quantity(costs["false_positive"]), quantity(costs["false_negative"])
        said = f"a false positive {wrongly}, a false negative {missed}"
        facts.append(Fact("Costs", said, source))
    return Drawn(source, tuple(facts))


def _changes(version: ModelVersion) -> Drawn:
    source = Source("registry")
    parent = version.parent
    before = version.model.versions.filter(number__lt=version.number).order_by("-number").first()
    if before is None:
        return Drawn(source, (Fact("Version before", "None: this is the first version.", source),))
    before.model = version.model
    facts = [Fact("Version before", str(before), source, links.version(before))]
    if parent is not None and parent.pk != before.pk:
        facts.append(Fact("Made from", str(parent), source, links.version(parent)))
    ours, theirs = ({f["name"] for f in v.signature.get("features", [])} for v in (version, before))
    if ours and theirs:
        facts.append(Fact("Inputs added", ", ".join(sorted(ours - theirs)) or "none", source))
        facts.append(Fact("Inputs taken away", ", ".join(sorted(theirs - ours)) or "none", source))
    return Drawn(source, tuple(facts))


def _governance(version: ModelVersion) -> Drawn:
    profile = profile_of(version.model)
    assert profile is not None  # noqa: S101 - `absences` names the section otherwise
    source = Source("profile", links.model(version.model))
    facts = [Fact("Risk tier", profile.risk_tier, source), Fact("Purpose", profile.purpose, source)]
    for one in version.contributors.select_related("user").order_by("created_at"):
        who = one.user.full_name if one.user else one.declared_identity
        known = "" if one.known_by == "authenticated" else f", {one.known_by}"
        facts.append(Fact(one.get_kind_display(), f"{who}{known}", Source("contributors")))
    for review in version.reviews.select_related("environment").order_by("number"):
        page = reverse("governance:review", args=[review.number])
        state = review.get_state_display().lower()
        facts.append(
            Fact(
                f"Review {review.number}",
                f"for {review.environment.name}: {state}",
                Source("reviews", page),
                page,
            )
        )
    return Drawn(source, tuple(facts))


DRAWERS: dict[str, Callable[[ModelVersion], Drawn]] = {
    "identity": _identity,
    "design": _design,
    "training_data": _training_data,
    "training": _training,
    "operation": _operation,
    "changes": _changes,
    "governance": _governance,
}
