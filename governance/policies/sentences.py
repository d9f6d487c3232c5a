"""A policy as sentences: what each rule demands, in words a compliance officer can sign."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from countersign.web.formats import plural, thousands
from governance.cards.sections import SECTIONS
from governance.evaluation.measures.catalogue import (
    AGAINST_EACH,
    EVIDENCE,
    METRICS,
    MIN_POSITIVES,
    MIN_ROWS,
    Task,
    Unit,
)
from governance.evaluation.suites import SUITES
from governance.policies.document import REPORTS, PolicyDocument, RequiredSignOff, Rule

OPERATORS = {">=": "at least", "<=": "at most", ">": "above", "<": "below"}
BOUNDS = {
    "value": "",
    "ci_low": ", judged on the lower end of its 95 % interval,",
    "ci_high": ", judged on the upper end of its 95 % interval,",
    "diff_ci_low": ", judged on the lower end of its 95 % interval,",
    "diff_ci_high": ", judged on the upper end of its 95 % interval,",
}
RECORDED = {
    "lineage.run": "The run that trained the version must be recorded",
    "lineage.commit": "The commit of the code that trained the version must be recorded",
    "lineage.clean_commit": "The code that trained the version must be committed, without local changes",
    "lineage.data": "The data that trained the version must be recorded as a dataset version, by digest",
}
#: How the sentence of a fact that is a word begins.
MUST_BE = {
    "scan.verdict": "The scan of the model's file must end as",
    "version.flavour": "The format of the model's file must be",
    "reproduction.verdict": "A second run in another process must give answers that are",
    "source": "The evidence must be",
}
#: What a report of a kind is called, by the path of rules on it.
REPORT_WORDS = {
    "reports.in-toto": "in-toto test result",
    "reports.junit": "JUnit report",
    "reports.lm-evaluation-harness": "result of lm-evaluation-harness",
}


@dataclass(frozen=True, slots=True)
class RuleSentence:
    """A rule in words, with the first and last line of the YAML it is made from."""

    rule_id: str
    text: str
    lines: tuple[int, int]
    severity: str


def sentences(document: PolicyDocument) -> list[RuleSentence]:
    """The rules in words, in the order of the policy."""
    return [RuleSentence(rule.id, sentence_of(rule), rule.lines, rule.severity) for rule in document.rules]


def sentence_of(rule: Rule) -> str:
    """What one rule demands, what happens to what is missing or too small where that is not the usual, and
    whether missing it refuses or warns."""
    parts = [_demand(rule)]
    if rule.each and rule.over != "robustness":
        said = "is noted, not judged" if rule.on_insufficient == "note" else "does not meet it"
        few = (
            f"{MIN_ROWS} rows or {MIN_POSITIVES} positives"
            if rule.tasks == {Task.BINARY}
            else f"{MIN_ROWS} rows"
        )
        parts.append(f"A group of fewer than {few} {said}.")
    if rule.compare_to:
        parts.append(
            "Without a champion the declared baseline stands in for it; without either, it does not apply."
        )
    elif rule.on_missing == "not_applicable":
        parts.append("Where it is not measured, it does not apply.")
    if rule.severity == "warn":
        parts.append("Missing it is a warning and refuses nothing.")
    return " ".join(parts)


def _demand(rule: Rule) -> str:
    if rule.path.startswith(REPORTS):
        return _of_report(rule)
    if rule.op == "recorded":
        return f"{RECORDED[rule.path]}."
    if rule.path in MUST_BE:
        return f"{MUST_BE[rule.path]} {_words(rule.limit)}."
    must = f"must be {OPERATORS[rule.op]} {limit_in_unit(rule)}"
    if rule.path == "evaluation.age_days":
        return f"The age of the evaluation {must} days."
    if rule.path == "circumstances.isolation_level":
        return f"The isolation level the model ran at {must}."
    if rule.min_n and not rule.each:
        must += f" on at least {plural(rule.min_n, 'row')}"
    bound = BOUNDS[rule.bound]
    if rule.each:
        return f"{_of_each(rule, bound, must)}."
    if rule.path in EVIDENCE:
        return f"{EVIDENCE[rule.path].label}{bound} {must}."
    label = METRICS[rule.path.rsplit(".", 1)[-1]].label
    if rule.compare_to:
        return f"The difference in {label} to the champion on the same rows{bound} {must}."
    return f"{label}{bound} {must}."


def report_words(rule: Rule) -> str:
    """The report a rule asks for: “JUnit report “parity””."""
    return REPORT_WORDS[rule.path] + (f" “{rule.named}”" if rule.named else "")


def _of_report(rule: Rule) -> str:
    what = report_words(rule)
    one = f"{'An' if what[0] in 'aeiou' else 'A'} {what}"
    whose = "that names this version's bytes by digest" if rule.trust == "bound" else "on this version"
    if rule.op == "recorded":
        return f"{one} {whose} must be recorded."
    return f"{one} {whose} must say {_words(rule.limit)}. Of several with one name the newest counts."


def _of_each(rule: Rule, bound: str, must: str) -> str:
    label = rule.measure.label if rule.measure else ""
    of = words_of(rule.within) if rule.within else "every sensitive attribute"
    least = f", where the group has at least {plural(rule.min_n, 'row')}" if rule.min_n else ""
    match rule.over:
        case "robustness":
            which = f"the disturbance “{rule.within}”" if rule.within else "every disturbance"
            least = f", where it has at least {plural(rule.min_n, 'row')}" if rule.min_n else ""
            return (
                f"Under {which} of the inputs, the drop in what the suite measures first{bound} {must}{least}"
            )
        case "groups":
            return f"In every group of {of}, {label}{bound} {must}{least}"
        case "crossings":
            of = of if rule.within else "two sensitive attributes"
            return f"In every crossing of {of}, {label}{bound} {must}{least}"
        case "slices":
            return f"In every slice the search found worst, {label}{bound} {must}{least}"
    label = inside(label)
    if rule.path == "selection_rate_ratio":
        return f"For {of}, every group's {label} to the group selected most often{bound} {must}{least}"
    if rule.path in AGAINST_EACH:
        return f"For {of}, every group's {label} to all other rows{bound} {must}{least}"
    return f"For {of}, the {label} between groups{bound} {must}{least}"


def words_of(attribute: str) -> str:
    """A column's name as words: “age_band” → “age band”."""
    return attribute.replace("_", " ")


def inside(label: str) -> str:
    """A measure's label inside a sentence: “Selection rate” → “selection rate”, “ROC AUC” stays."""
    first = label.split(" ", 1)[0]
    return (
        label
        if first.isupper() or any(c.isupper() or c.isdigit() for c in first[1:])
        else label[0].lower() + label[1:]
    )


def limit_text(rule: Rule) -> str:
    """A rule's limit as the policy writes it."""
    limit = rule.limit
    if isinstance(limit, Decimal):
        return f"{limit:,f}".replace("-", "\N{MINUS SIGN}")
    return _words(limit)


def limit_in_unit(rule: Rule) -> str:
    """A rule's limit with the unit where it has one of its own: that of the model's target."""
    in_target = rule.measure is not None and rule.measure.unit is Unit.TARGET
    return f"{limit_text(rule)} in the target's unit" if in_target else limit_text(rule)


def _words(limit: Decimal | tuple[str, ...] | None) -> str:
    words = [word.replace("_", " ") for word in limit] if isinstance(limit, tuple) else []
    return " or ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def evaluation_sentence(document: PolicyDocument) -> str:
    """What every policy demands first."""
    titles = [f"“{SUITES[name].title}”" for name in document.suites]
    one = f"the suite {titles[0]}"
    if len(titles) > 1:
        one = f"the suite for what it predicts ({', '.join(titles[:-1])} or {titles[-1]})"
    return f"The version must have been evaluated with {one}, and the evaluation succeeded."


def age_sentence(document: PolicyDocument) -> str:
    """How old the evaluation may be."""
    return f"The evaluation must be at most {plural(document.evaluation_max_age_days or 0, 'day')} old."


def card_sentence(document: PolicyDocument) -> str:
    """Which sections of the card must be complete."""
    count = len(document.card_sections)
    if count == 1:
        return (
            f"The model card must be complete in the section “{SECTIONS[document.card_sections[0]].title}”."
        )
    return f"The model card must be complete in {thousands(count)} of its {len(SECTIONS)} sections."


def sign_off_sentence(required: RequiredSignOff) -> str:
    """Who must sign, and as what."""
    apart = ", who neither owns nor contributes to models of the team," if required.independent else ""
    article = "an" if required.role[0] in "aeiou" else "a"
    who = f"{article} {required.role}" if required.role != "compliance" else "a compliance officer"
    return f"{required.title}: {who}{apart} must sign, meaning {required.meaning}."
