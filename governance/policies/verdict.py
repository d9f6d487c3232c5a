"""Judging a version against a policy: one result a requirement, failures first.

Pure over its arguments and what surrounds the version (`around`); it changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.urls import reverse

from countersign import clock
from countersign.web.formats import day, plural
from governance.cards.drawn import absences_by
from governance.cards.models import CardRevision
from governance.cards.queries import standing_of_sections
from governance.cards.sections import SECTIONS
from governance.comparisons.rivals import ROLES
from governance.evaluation.measures.catalogue import EVIDENCE
from governance.evaluation.models import Evaluation, EvaluationState
from governance.evaluation.suites import SUITES
from governance.policies.around import Around, around_of
from governance.policies.document import REPORTS, PolicyDocument, Rule
from governance.policies.measured import of_comparison, of_evidence, of_whole, why_missing
from governance.policies.measured_each import of_each
from governance.policies.reported import of_report, page_of
from governance.policies.requirements import Outcome, RequirementResult, State, exact, holds, shown
from governance.policies.sentences import (
    OPERATORS,
    age_sentence,
    card_sentence,
    evaluation_sentence,
    limit_text,
    sentence_of,
)
from registry import links
from registry.versions.models import ModelVersion
from registry.versions.tasks import Task, task_of

__all__ = ["RequirementResult", "judge"]

_RANK: dict[State, int] = {
    "not_met": 0,
    "not_measured": 1,
    "insufficient": 2,
    "waived": 3,
    "met": 4,
    "not_applicable": 5,
}
SECONDS_A_DAY = 86_400


def judge(
    *,
    version: ModelVersion,
    document: PolicyDocument,
    evaluation: Evaluation | None,
    card: CardRevision | None,
    around: Around | None = None,
) -> list[RequirementResult]:
    """How the version stands on every requirement of a policy, with this evidence and this card; what refuses
    promotion first. Evidence of another suite than the policy's counts as none. `around` is given where many
    versions were read at once.

    Raises ValueError for evidence or a card of another version."""
    for part in (evaluation, card):
        if part is not None and part.version_id != version.id:
            raise ValueError(f"{part} does not belong to {version}")
    if evaluation is not None and (
        evaluation.suite != document.suite_for(version) or evaluation.state != EvaluationState.SUCCEEDED
    ):
        evaluation = None
    around = around or around_of([version])[version.pk]
    results = [_evaluated(version, document, evaluation, around)]
    if document.evaluation_max_age_days is not None:
        results.append(_young_enough(document, document.evaluation_max_age_days, evaluation, version))
    if document.card_sections:
        results.append(_card_complete(version, document, evaluation, card, around))
    place = document.environment
    results += [_rule(rule, version, evaluation, around, place) for rule in document.rules]
    return sorted(results, key=lambda result: (not result.blocks, _RANK[result.state]))


def _page(evaluation: Evaluation, version: ModelVersion) -> str:
    return reverse("governance:evaluation", args=[version.model.name, version.number, evaluation.number])


def _rule(
    rule: Rule, version: ModelVersion, evaluation: Evaluation | None, around: Around, environment: str
) -> RequirementResult:
    outcome = _look(rule, version, evaluation, around, environment)
    state: State = outcome.state
    if state == "not_measured" and rule.on_missing == "not_applicable":
        state = "not_applicable"
    fails = state in ("not_met", "not_measured") or (
        state == "insufficient" and rule.on_insufficient == "fail"
    )
    of_evaluation = evaluation is not None and rule.reads_evaluation
    looked_at = {"path": rule.path} | outcome.looked_at
    if of_evaluation and evaluation is not None:
        looked_at["evaluation"] = evaluation.number
    return RequirementResult(
        rule_id=rule.id,
        title=rule.title,
        sentence=sentence_of(rule),
        state=state,
        blocks=fails and rule.severity == "block",
        message=outcome.message,
        looked_at=looked_at,
        link=_where(version, evaluation if of_evaluation else None, outcome.looked_at),
    )


def _where(version: ModelVersion, evaluation: Evaluation | None, looked_at: Mapping[str, Any]) -> str | None:
    """The page of what was looked at: of the pair that was compared, of the report, of the evidence, else of the
    version."""
    for role in ROLES:
        if isinstance(number := looked_at.get(role), int):
            return reverse("governance:compare", args=[version.model.name, version.number, number])
    if isinstance(number := looked_at.get("report"), int):
        return page_of(version, number)
    return _page(evaluation, version) if evaluation else links.version(version)


def _look(
    rule: Rule, version: ModelVersion, evaluation: Evaluation | None, around: Around, environment: str
) -> Outcome:
    task = task_of(version.signature)
    if task not in rule.tasks:
        of = " or ".join(one.words for one in Task if one in rule.tasks)
        return Outcome("not_applicable", f"A measure of {of}; this version is one of {task.words}.")
    if rule.path == "version.flavour":
        return _word(rule, version.flavour, f"The format is {version.flavour}")
    if rule.path.startswith("lineage."):
        return _recorded(rule, version, around)
    if rule.path.startswith(REPORTS):
        return of_report(rule, version, around.reports)
    if evaluation is None:
        return Outcome.missing("Not measured: this version has no successful evaluation yet.")
    results: Mapping[str, Any] = evaluation.results_document
    if rule.path == "evaluation.age_days":
        return _age(rule, evaluation)
    if rule.path == "circumstances.isolation_level":
        return _isolation(rule, evaluation)
    if rule.path in _SAID:
        return _said(rule, results)
    if rule.compare_to:
        return of_comparison(rule, around.rivals.beside(evaluation, version, environment))
    if rule.each:
        return of_each(rule, results)
    return of_evidence(rule, results) if rule.path in EVIDENCE else of_whole(rule, results)


#: What the evidence says in a word: path → how the sentence about it begins, and what it is called where it is absent.
_SAID = {
    "scan.verdict": ("The scan ended as", "The scan of the file"),
    "reproduction.verdict": ("A second run in another process gave answers that are", "Reproduction"),
    "source": ("The evidence was", "Where the evidence comes from"),
}


def _said(rule: Rule, results: Mapping[str, Any]) -> Outcome:
    begin, name = _SAID[rule.path]
    section, _, key = rule.path.rpartition(".")
    holder = results.get(section) if section else results
    word = holder.get(key) if isinstance(holder, Mapping) else None
    if not isinstance(word, str):
        return Outcome.missing(f"{name} was not measured: {why_missing(rule, results)}")
    reason = ""
    if section and isinstance(holder, Mapping):
        reason = holder.get("reason") or holder.get("why") or ""
    said = f"{begin} {word.replace('_', ' ')}" + (f": {reason}" if reason else "")
    return _word(rule, word, said.rstrip(" .:"))


def _word(rule: Rule, word: str, said: str) -> Outcome:
    allowed = rule.limit if isinstance(rule.limit, tuple) else ()
    met = word in allowed
    message = f"{said}." if met else f"{said}; it must be {limit_text(rule)}."
    return Outcome("met" if met else "not_met", message, {"value": word, "limit": list(allowed)})


def _age(rule: Rule, evaluation: Evaluation) -> Outcome:
    age = _age_of(evaluation)
    if age is None:
        return Outcome.missing(f"Evaluation {evaluation.number} does not say when it ended.")
    met = holds(age, rule)
    said = f"Evaluation {evaluation.number} is {shown(age, rule, places=0)} days old"
    demand = f"{OPERATORS[rule.op]} {limit_text(rule)}"
    message = (
        f"{said} ({demand} is required)."
        if met
        else f"{said} and must be {demand}. Evaluate the version again."
    )
    return Outcome("met" if met else "not_met", message, {"value": f"{age:f}", "limit": f"{rule.limit}"})


def _age_of(evaluation: Evaluation) -> Decimal | None:
    """Days since the evaluation ended, in millionths."""
    if evaluation.finished_at is None:
        return None
    seconds = Decimal(repr((clock.now() - evaluation.finished_at).total_seconds()))
    return (seconds / SECONDS_A_DAY).quantize(Decimal("0.000001"))


def _isolation(rule: Rule, evaluation: Evaluation) -> Outcome:
    level = exact((evaluation.circumstances_document.get("isolation") or {}).get("level"))
    if level is None:
        return Outcome.missing("The evaluation does not say in which isolation the model ran.")
    met = holds(level, rule)
    demand = f"{OPERATORS[rule.op]} {limit_text(rule)}"
    said = f"The model ran at isolation level {level}"
    mend = "Run the worker on a host that confines more, and evaluate again."
    message = f"{said} ({demand} is required)." if met else f"{said}; it must be {demand}. {mend}"
    return Outcome("met" if met else "not_met", message, {"value": f"{level:f}", "limit": f"{rule.limit}"})


def _recorded(rule: Rule, version: ModelVersion, around: Around) -> Outcome:
    """Whether a part of the lineage is on record: run, commit, clean commit or data."""
    run = version.run
    if rule.path == "lineage.data":
        used = [
            {
                "data": str(one.dataset_version),
                "digest": f"sha256:{one.dataset_version.digest}",
                "claim": one.claim,
            }
            for one in around.training
        ]
        if not used:
            return Outcome.missing(
                "No training data are recorded. Upload the version with the data it learned from."
            )
        names = ", ".join(f"{one['data']} ({one['claim']})" for one in used)
        return Outcome("met", f"Trained on {names}.", {"inputs": used})
    if run is None:
        return Outcome.missing("No run is recorded. Upload the version with the run that trained it.")
    found = {"run": str(run.pk), "commit": run.source_commit}
    if rule.path == "lineage.run":
        return Outcome("met", f"Trained by the run “{run.name}”.", found)
    if not run.source_commit:
        return Outcome.missing(f"The run “{run.name}” names no commit.", found)
    if rule.path == "lineage.commit" or run.source_clean:
        clean = ", without local changes" if run.source_clean else ""
        return Outcome("met", f"Trained from commit {run.source_commit[:12]}{clean}.", found)
    if run.source_clean is None:
        return Outcome.missing(
            f"The run “{run.name}” does not say whether its code was all committed.", found
        )
    return Outcome(
        "not_met", f"Commit {run.source_commit[:12]} was trained from with changes not committed.", found
    )


def _evaluated(
    version: ModelVersion, document: PolicyDocument, evaluation: Evaluation | None, around: Around
) -> RequirementResult:
    suite = document.suite_for(version)
    newest = around.newest.get(suite)
    newer = newest is not None and (evaluation is None or newest.number > evaluation.number)
    looked_at: dict[str, Any] = {
        "suite": suite,
        "evaluation": evaluation.number if evaluation else None,
    }
    state: State = "not_measured"
    link = links.version(version)
    if evaluation is not None:
        state, message, link = "met", _succeeded(evaluation), _page(evaluation, version)
        if _trained_on(around, evaluation):
            state = "not_met"
            message = (
                f"Evaluation {evaluation.number} used {evaluation.dataset_version}, on which the version was "
                "trained. Evaluate it on data it has not seen."
            )
        elif newest is not None and newer:
            message += f" A newer one does not count: {_unfinished(newest)}"
    elif newest is not None:
        state = "not_met" if newest.state == EvaluationState.FAILED else "not_measured"
        message, link = _unfinished(newest), _page(newest, version)
    elif not suite:
        state, task = "not_met", task_of(version.signature)
        known = next(one.name for one in SUITES.values() if one.task is task)
        message = (
            f"The policy names no suite for {task.words}, which is what this version does, so it cannot be judged. "
            f"A compliance officer can draft a revision with the suite {known} and rules on its measures."
        )
    else:
        title = SUITES[suite].title
        message = f"Nobody has evaluated this version with the suite “{title}” yet. Start an evaluation."
    if newest is not None and newer:
        looked_at |= {"newest": newest.number, "newest_state": str(newest.state)}
    sentence = evaluation_sentence(document)
    return RequirementResult(
        "evaluation", "Evaluated", sentence, state, state != "met", message, looked_at, link
    )


def _succeeded(evaluation: Evaluation) -> str:
    on = f" on {day(evaluation.finished_at.date())}" if evaluation.finished_at else ""
    return f"Evaluation {evaluation.number} on {evaluation.dataset_version} succeeded{on}."


def _unfinished(evaluation: Evaluation) -> str:
    match evaluation.state:
        case EvaluationState.FAILED:
            return f"Evaluation {evaluation.number} failed: {evaluation.failure}"
        case EvaluationState.CANCELLED:
            return f"Evaluation {evaluation.number} was cancelled. Start another."
    return f"Evaluation {evaluation.number} is under way."


def _trained_on(around: Around, evaluation: Evaluation) -> bool:
    digest = evaluation.dataset_version.digest
    return any(one.dataset_version.digest == digest for one in around.training)


def _young_enough(
    document: PolicyDocument, days: int, evaluation: Evaluation | None, version: ModelVersion
) -> RequirementResult:
    age = _age_of(evaluation) if evaluation else None
    looked_at: dict[str, Any] = {"limit": days, "value": None if age is None else f"{age:f}"}
    state: State = "not_measured"
    message = "Not measured: this version has no successful evaluation yet."
    link = None
    if evaluation is not None and age is not None:
        state = "met" if age <= days else "not_met"
        old = f"{int(age):,}" if age <= days else f"more than {days:,}"
        message = (
            f"Evaluation {evaluation.number} is {old} days old; at most {plural(days, 'day')} are allowed."
        )
        if state == "not_met":
            message += " Evaluate the version again."
        looked_at["evaluation"] = evaluation.number
        link = _page(evaluation, version)
    sentence = age_sentence(document)
    return RequirementResult(
        "evaluation-age", "Evaluation is recent", sentence, state, state != "met", message, looked_at, link
    )


def _card_complete(
    version: ModelVersion,
    document: PolicyDocument,
    evaluation: Evaluation | None,
    card: CardRevision | None,
    around: Around,
) -> RequirementResult:
    sections = [SECTIONS[name] for name in document.card_sections]
    absent = absences_by(
        version=version,
        measured=evaluation is not None,
        trained=bool(around.training),
        has_tier=around.has_tier,
    )
    standings = standing_of_sections(
        sections, version=version, card=card, evaluation=evaluation, absent=absent
    )
    missing = [standing for standing in standings if not standing.complete]
    state: State = "not_met" if missing else "met"
    counted = f"{len(sections) - len(missing)} of {plural(len(sections), 'required section')}"
    if missing:
        by_absence: dict[str, list[str]] = {}
        for one in missing:
            by_absence.setdefault(str(one.absence), []).append(one.section.title)
        named = ". ".join(f"{word.capitalize()}: {'; '.join(titles)}" for word, titles in by_absence.items())
        message = f"The model card is complete in {counted}. {named}."
    else:
        message = f"The model card is complete in {counted}, as of revision {card.number if card else 0}."
    return RequirementResult(
        rule_id="card",
        title="Model card complete",
        sentence=card_sentence(document),
        state=state,
        blocks=bool(missing),
        message=message,
        looked_at={
            "revision": card.number if card else None,
            "required": list(document.card_sections),
            "missing": [one.section.id for one in missing],
        },
        link=reverse("governance:card", args=[version.model.name, version.number]),
    )
