"""A policy as people read it: each requirement as a sentence beside the lines of the YAML that say so, and what a
draft changes of the revision in force."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Literal

from governance.cards.sections import SECTIONS
from governance.policies.clauses import CLAUSES, Clause
from governance.policies.document import PolicyDocument, Rule
from governance.policies.models import PolicyRevision
from governance.policies.rules import document_of
from governance.policies.sentences import (
    age_sentence,
    card_sentence,
    evaluation_sentence,
    sentence_of,
    sign_off_sentence,
)
from governance.policies.yaml_lines import read

Change = Literal["", "new", "changed", "gone"]


@dataclass(frozen=True, slots=True)
class CodeLine:
    """A line of the YAML; `sign` is + or − where a draft adds or takes it away. `says` is an error of this
    line."""

    number: int
    text: str
    sign: str = ""
    says: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """The class that draws it."""
        return "bad" if self.says else {"+": "new", "−": "old"}.get(self.sign, "")


@dataclass(frozen=True, slots=True)
class ReadRequirement:
    """One requirement: its sentence, the lines beside it, and where a draft differs `was`, the sentence in
    force."""

    id: str
    title: str
    text: str
    lines: tuple[CodeLine, ...]
    why: str = ""
    serves: tuple[Clause, ...] = ()
    warns: bool = False
    change: Change = ""
    was: str = ""


@dataclass(frozen=True, slots=True)
class ReadPolicy:
    """A revision as its page shows it. `changed` counts the requirements that differ from what is in force."""

    document: PolicyDocument
    requirements: tuple[ReadRequirement, ...]
    gone: tuple[ReadRequirement, ...]
    sign_offs: tuple[str, ...]
    card_sections: tuple[str, ...]
    other_changes: tuple[str, ...]

    @property
    def changed(self) -> int:
        """How many requirements a draft adds, changes or takes away."""
        return len(self.gone) + sum(bool(one.change) for one in self.requirements)


def read_policy(revision: PolicyRevision, *, against: PolicyRevision | None = None) -> ReadPolicy:
    """The revision in words; `against` is the one in force that a draft is read against."""
    ours, theirs = _requirements(revision), _requirements(against) if against else {}
    document = document_of(revision)
    listed = []
    for name, requirement in ours.items():
        before = theirs.get(name)
        if against is None or (before is not None and _same(before, requirement)):
            listed.append(requirement)
        elif before is None:
            lines = tuple(replace(line, sign="+") for line in requirement.lines)
            listed.append(replace(requirement, change="new", lines=lines))
        else:
            was = before.text if before.text != requirement.text else ""
            lines = _difference(before.lines, requirement.lines)
            listed.append(replace(requirement, change="changed", was=was, lines=lines))
    gone = [
        replace(one, change="gone", lines=tuple(replace(line, sign="−") for line in one.lines))
        for name, one in theirs.items()
        if name not in ours
    ]
    return ReadPolicy(
        document=document,
        requirements=tuple(listed),
        gone=tuple(gone),
        sign_offs=tuple(sign_off_sentence(one) for one in document.sign_offs),
        card_sections=tuple(SECTIONS[name].title for name in document.card_sections),
        other_changes=_other_changes(document, document_of(against)) if against else (),
    )


def errors_by_line(sentences: Iterable[str]) -> dict[int, list[str]]:
    """“line 12: …” by number; what names no line stands at line 1."""
    found: dict[int, list[str]] = {}
    for sentence in sentences:
        head, colon, rest = sentence.partition(": ")
        number = head.removeprefix("line ")
        if colon and number.isdecimal():
            found.setdefault(int(number), []).append(rest)
        else:
            found.setdefault(1, []).append(sentence)
    return found


def marked(text: str, errors: dict[int, list[str]], *, around: int = 3) -> list[CodeLine | None]:
    """The lines of a text near its errors, each error under its line; None where lines are left out."""
    lines = text.splitlines() or [""]
    near = {at for number in errors for at in range(min(number, len(lines)) - around, number + around + 1)}
    shown: list[CodeLine | None] = []
    for number in sorted(at for at in near if 1 <= at <= len(lines)):
        if shown and shown[-1] is not None and shown[-1].number + 1 < number:
            shown.append(None)
        # An error past the last line (something is missing there) stands at the last.
        says = errors.get(number, [])
        if number == len(lines):
            says = [sentence for at, said in sorted(errors.items()) if at >= number for sentence in said]
        shown.append(CodeLine(number, lines[number - 1], says=tuple(says)))
    return shown


def changed_lines(before: str, after: str, *, around: int = 2) -> list[CodeLine | None]:
    """The lines that went and came between two texts, with those around them; None where lines are left out."""
    old, new = before.splitlines(), after.splitlines()
    shown: list[CodeLine | None] = []
    for group in SequenceMatcher(None, old, new).get_grouped_opcodes(around):
        if shown:
            shown.append(None)
        for tag, old_from, old_to, new_from, new_to in group:
            if tag == "equal":
                shown += [CodeLine(n + 1, new[n]) for n in range(new_from, new_to)]
            else:
                shown += [CodeLine(n + 1, old[n], sign="−") for n in range(old_from, old_to)]
                shown += [CodeLine(n + 1, new[n], sign="+") for n in range(new_from, new_to)]
    return shown


def _requirements(revision: PolicyRevision) -> dict[str, ReadRequirement]:
    document, text = document_of(revision), revision.text.splitlines()
    _, lines = read(revision.text)

    def block(first: int, last: int) -> tuple[CodeLine, ...]:
        return tuple(CodeLine(number, text[number - 1]) for number in range(first, last + 1))

    found = [
        ReadRequirement("evaluation", "Evaluated", evaluation_sentence(document), block(*lines[("suite",)]))
    ]
    if document.evaluation_max_age_days is not None:
        at = lines[("evaluation_max_age_days",)]
        found.append(
            ReadRequirement("evaluation-age", "Evaluation is recent", age_sentence(document), block(*at))
        )
    if document.card_sections:
        at = lines[("card_sections",)]
        found.append(ReadRequirement("card", "Model card complete", card_sentence(document), block(*at)))
    found += [_of_rule(rule, block) for rule in document.rules]
    return {one.id: one for one in found}


def _of_rule(rule: Rule, block: Callable[[int, int], tuple[CodeLine, ...]]) -> ReadRequirement:
    return ReadRequirement(
        id=rule.id,
        title=rule.title,
        text=sentence_of(rule),
        lines=block(*rule.lines),
        why=rule.why.strip(),
        serves=tuple(CLAUSES[name] for name in rule.serves),
        warns=rule.severity == "warn",
    )


def _same(before: ReadRequirement, now: ReadRequirement) -> bool:
    """Whether two say the same; where in the file they stand does not count."""
    return [line.text.strip() for line in before.lines] == [line.text.strip() for line in now.lines]


def _difference(before: tuple[CodeLine, ...], now: tuple[CodeLine, ...]) -> tuple[CodeLine, ...]:
    """The lines now, with those taken away among them."""
    shown: list[CodeLine] = []
    texts = [line.text.strip() for line in before], [line.text.strip() for line in now]
    for tag, old_from, old_to, new_from, new_to in SequenceMatcher(None, *texts).get_opcodes():
        if tag == "equal":
            shown += now[new_from:new_to]
        else:
            shown += [replace(line, sign="−") for line in before[old_from:old_to]]
            shown += [replace(line, sign="+") for line in now[new_from:new_to]]
    return tuple(shown)


def _other_changes(now: PolicyDocument, before: PolicyDocument) -> tuple[str, ...]:
    """What differs outside the requirements, in sentences."""
    changes = []
    if now.approval_valid_days != before.approval_valid_days:
        changes.append(
            f"An approval holds for {now.approval_valid_days:,} days instead of {before.approval_valid_days:,}."
        )
    theirs = {one.key: sign_off_sentence(one) for one in before.sign_offs}
    ours = {one.key: sign_off_sentence(one) for one in now.sign_offs}
    changes += [f"New sign-off: {ours[key]}" for key in ours if key not in theirs]
    changes += [
        f"Changed sign-off: {ours[key]}" for key in ours if key in theirs and ours[key] != theirs[key]
    ]
    changes += [f"No longer asked: {theirs[key]}" for key in theirs if key not in ours]
    return tuple(changes)
