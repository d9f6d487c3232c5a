"""report.html: the bundle for reading and printing, one file without anything to load.

It is a reading of the files beside it, which `verify.py` checks, and of two things no entry tells: what was open when
it was made, and how the policies judge what was signed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

from countersign.ledger.presenters import ERASED
from governance.evaluation.measures.catalogue import AGAINST_EACH, FAIRNESS, GROUP_ONLY, METRICS, Measure
from governance.evaluation.models import Evaluation, EvaluationState
from governance.evaluation.writing import written
from governance.export.contents.artifacts import lineage
from governance.export.contents.decisions import ReviewFiles, live_periods
from governance.export.contents.open_points import open_points
from governance.export.contents.people import People
from governance.export.contents.readme import CANNOT_BE_PROVEN
from governance.export.contents.scope import Scope
from governance.policies.models import PolicyRevision
from governance.policies.requirements import RequirementResult
from governance.policies.rules import document_of
from governance.policies.sentences import sentences, sign_off_sentence
from governance.policies.verdict import judge
from governance.promotion.models import LivePeriod
from governance.reviews.models import Decision
from registry.versions.models import ModelVersion

STYLES = Path(__file__).parent / "report.css"
DECISIONS = {
    Decision.APPROVE: "approved",
    Decision.REQUEST_CHANGES: "asked for changes",
    Decision.REJECT: "rejected",
}


@dataclass(frozen=True, slots=True)
class SignedLine:
    """A sign-off as it is printed: name, what it decided and means, in which role, when, how proven, why."""

    name: str
    decision: str
    meaning: str
    role: str
    at: datetime
    method: str
    reason: str
    digest: str


@dataclass(frozen=True, slots=True)
class LiveLine:
    """What was live where from when to when, and the decision behind it."""

    period: LivePeriod
    start: datetime
    end: datetime | None
    until: str
    promoted_by: str
    reason: str
    signed: list[SignedLine]
    evidence: list[Evaluation]
    digest: str


@dataclass(frozen=True, slots=True)
class Spoken:
    """Somebody's words on the record."""

    name: str
    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class ReviewPart:
    """A review with every move, signature and remark, and its policy judged on what was signed last."""

    files: ReviewFiles
    moves: list[Spoken]
    signed: list[SignedLine]
    remarks: list[Spoken]
    makers: list[str]
    requirements: list[RequirementResult]


@dataclass(frozen=True, slots=True)
class Measured:
    """A measure with its interval, in its unit; `of` is the group it is about, empty for all rows."""

    measure: Measure
    of: str
    estimate: dict[str, Any]

    @property
    def value(self) -> str:
        """The value as it is written."""
        return written(self.measure, self.estimate["value"])

    @property
    def ends(self) -> tuple[str, str]:
        """The ends of the interval as they are written."""
        return written(self.measure, self.estimate["ci_low"]), written(self.measure, self.estimate["ci_high"])


@dataclass(frozen=True, slots=True)
class EvidencePart:
    """One evaluation that succeeded: its metrics, groups and distances between groups."""

    evaluation: Evaluation
    metrics: list[Measured]
    groups: list[Measured]
    fairness: list[Measured]


@dataclass(frozen=True, slots=True)
class PolicyPart:
    """A policy revision as sentences, and when it was in force."""

    revision: PolicyRevision
    rules: list[str]
    author: str
    approved_by: str


def render(
    scope: Scope,
    people: People,
    reviews: Sequence[ReviewFiles],
    promoted: Sequence[dict[str, Any]],
    *,
    document: dict[str, Any],
    keys: dict[str, Any],
    left_out: Sequence[str],
) -> SafeString:
    """The whole report as one HTML file."""
    by_review = {str(files.review.id): files for files in reviews}
    periods = live_periods(scope)
    reasons = {one["id"]: one["reason"]["value"] or ERASED for one in promoted}
    return render_to_string(
        "governance/export/report.html",
        {
            "styles": _styles(),
            "export": scope.export,
            "scope": scope,
            "document": document,
            "keys": keys,
            "asked_by": people.name(document["export"]["requested_by"]),
            "asked_because": document["export"]["reason"]["value"] or ERASED,
            "made_at": _instant(document["made_at"]),
            "points": open_points(scope, people),
            "live": [_live(period, scope, people, by_review, reasons) for period in periods],
            "reviews": [_review(files, people) for files in reviews],
            "promotions": [_promotion(one, scope, people) for one in promoted],
            "evidence": [part for version in scope.versions for part in _evidence(version)],
            "lineage": [(version, lineage(version)["upstream"]) for version in scope.versions],
            "policies": [_policy(revision, people) for revision in scope.revisions],
            "people": [_holder(one) for one in people.document()["people"] if one["kind"] == "person"],
            "left_out": left_out,
            "cannot": CANNOT_BE_PROVEN,
        },
    )


def _styles() -> SafeString:
    """The style sheet as an element: it is ours, and a file that is opened from a disk has nowhere to load
    it from."""
    return mark_safe(f"<style>\n{STYLES.read_text(encoding='utf-8')}</style>")  # noqa: S308


def _instant(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp)


def _signed(sign_offs: Iterable[dict[str, Any]]) -> list[SignedLine]:
    return [
        SignedLine(
            name=one["printed_name"]["value"] or ERASED,
            decision=DECISIONS[Decision(one["decision"])],
            meaning=one["meaning"],
            role=one["role"],
            at=_instant(one["signed_at"]),
            method=one["method"],
            reason=one["reason"]["value"] or ERASED,
            digest=one["subject_digest"],
        )
        for one in sign_offs
    ]


def _live(
    period: LivePeriod,
    scope: Scope,
    people: People,
    reviews: dict[str, ReviewFiles],
    reasons: dict[str, str],
) -> LiveLine:
    promotion, end, cut = period.promotion, period.during.upper, scope.export.period_end
    if cut is not None and (end is None or end >= cut):
        end, until = None, "past the end of the period"
    else:
        until = "until this export was made"
    files = reviews.get(str(promotion.review_id))
    digest = f"sha256:{promotion.subject_digest}" if promotion.subject_digest else ""
    signed = [one for one in files.sign_offs if one["subject_digest"] == digest] if files else []
    return LiveLine(
        period=period,
        start=period.during.lower,
        end=end,
        until=until,
        promoted_by=people.name(promotion.promoted_by),
        reason=reasons.get(str(promotion.id), ERASED),
        signed=_signed(signed),
        evidence=_signed_evidence(period.version, files, digest),
        digest=digest,
    )


def _signed_evidence(version: ModelVersion, files: ReviewFiles | None, digest: str) -> list[Evaluation]:
    """The evaluations whose results a signed subject names."""
    named: set[str] = set()
    for subject in files.subjects if files else []:
        if subject["digest"] == digest and subject["document"]:
            named |= {value.removeprefix("sha256:") for value in subject["document"]["results"].values()}
    found = Evaluation.objects.filter(version=version, results_digest__in=named).order_by("number")
    return list(found.select_related("dataset_version__dataset").defer("results", "circumstances"))


def _review(files: ReviewFiles, people: People) -> ReviewPart:
    review = files.review
    return ReviewPart(
        files=files,
        moves=[
            Spoken(
                people.name(move["by"]),
                _instant(move["at"]),
                move["state"].replace("_", " ") + _because(move["reason"]),
            )
            for move in files.document["moves"]
        ],
        signed=_signed(files.sign_offs),
        remarks=[
            Spoken(people.name(one["author"]), _instant(one["at"]), one["body"]["value"] or ERASED)
            for one in files.remarks
        ],
        makers=_makers(review.version, people),
        requirements=_judged(files),
    )


def _because(reason: dict[str, Any] | None) -> str:
    return f": “{reason['value'] or ERASED}”" if reason else ""


def _makers(version: ModelVersion, people: People) -> list[str]:
    """Who made a version and how we know."""
    return [
        f"{people.name(one.user_id) if one.user_id else 'somebody unknown here'} "
        f"({one.get_kind_display().lower()}, {one.get_known_by_display().lower()})"
        for one in version.contributors.order_by("pk")
    ]


def _judged(files: ReviewFiles) -> list[RequirementResult]:
    """The policy of the review judged again on the evidence and card that were signed last."""
    review = files.review
    subject = files.subjects[-1]
    document = document_of(review.policy_revision)
    evidence = _signed_evidence(review.version, files, subject["digest"])
    signed_card = (subject["document"] or {}).get("card") or ""
    card = review.version.card_revisions.filter(digest=signed_card.removeprefix("sha256:")).first()
    evaluation = Evaluation.objects.get(id=evidence[-1].id) if evidence else None
    return judge(version=review.version, document=document, evaluation=evaluation, card=card)


def _promotion(one: dict[str, Any], scope: Scope, people: People) -> dict[str, Any]:
    version = next(str(v) for v in scope.versions if str(v.id) == one["version"])
    environment = next(e.name for e in scope.environments if str(e.id) == one["environment"])
    return one | {
        "what": f"{one['kind']} of {version} to {environment}",
        "at": _instant(one["promoted_at"]),
        "by": people.name(one["promoted_by"]),
        "because": one["reason"]["value"] or ERASED,
        "notes": [note["message"] for note in one["verdict"].get("notes", [])],
    }


def _holder(person: dict[str, Any]) -> dict[str, Any]:
    """A person and the roles they held, with instants to print."""
    roles = [
        role | {name: _instant(role[name]) if role[name] else None for name in ("starts_at", "ends_at")}
        for role in person["roles"]
    ]
    return {"name": person["name"], "roles": roles}


def _evidence(version: ModelVersion) -> Iterable[EvidencePart]:
    found = Evaluation.objects.filter(version=version, state=EvaluationState.SUCCEEDED).order_by("number")
    for evaluation in found.select_related("dataset_version__dataset").iterator(chunk_size=8):
        results = evaluation.results_document
        yield EvidencePart(
            evaluation,
            [Measured(METRICS[name], "", estimate) for name, estimate in results.get("metrics", {}).items()],
            [
                Measured(GROUP_ONLY.get(name) or METRICS[name], _group(group), estimate)
                for group in results.get("groups", [])
                for name, estimate in group["metrics"].items()
            ],
            [
                Measured(FAIRNESS[name], fairness["attribute"], estimate)
                for fairness in results.get("fairness", [])
                for name, estimate in fairness.items()
                if name in FAIRNESS and isinstance(estimate, dict)
            ]
            + [
                Measured(FAIRNESS[name], f"{fairness['attribute']}: {group['group']}", group[name])
                for fairness in results.get("fairness", [])
                for group in fairness["groups"]
                for name in sorted(AGAINST_EACH & group.keys())
                if group["status"] == "measured"
            ],
        )


def _group(group: dict[str, Any]) -> str:
    few = "" if group.get("sufficient", True) else ", insufficient data"
    return f"{group['attribute']}: {group['group']} (n {group['n']:,}{few})"


def _policy(revision: PolicyRevision, people: People) -> PolicyPart:
    document = document_of(revision)
    said = [rule.text for rule in sentences(document)]
    said += [sign_off_sentence(required) for required in document.sign_offs]
    return PolicyPart(
        revision,
        said,
        people.name(revision.author_id) if revision.author_id else "shipped with the product",
        people.name(revision.approved_by_id) if revision.approved_by_id else "put in force at installation",
    )
