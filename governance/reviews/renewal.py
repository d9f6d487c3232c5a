"""Renewing an approval that no longer holds: what moved since it was given, part by part, with the old value and
the new one. The new review shows and asks to sign only that; what did not move stands as it was signed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from countersign.web import formats
from governance.cards.history import SectionChange, changes_between
from governance.cards.models import CardRevision
from governance.comparisons.facts import Fact
from governance.comparisons.queries import why_not_beside
from governance.environments.models import Environment
from governance.evaluation.models import Evaluation, EvaluationState
from governance.policies.document import PolicyDocument
from governance.policies.rules import document_of
from governance.policies.sentences import sentence_of
from governance.profiles.models import RiskTier
from governance.reviews.differences import Comparison, measures_between
from governance.reviews.models import Decision, Review, ReviewState, SignOff
from governance.reviews.queries import Standing, review_to_renew, standing_of
from governance.reviews.subject import PART_TITLES, part_digest
from registry.lineage.models import LineageEdge
from registry.versions.models import Contributor, ModelVersion


@dataclass(frozen=True, slots=True)
class Moved:
    """One named part of the subject that is another than the one approved. `was` and `now` say which, `facts` what
    differs inside, `words` which words of the card; `measures` are those of both evaluations on the same rows, or
    `not_compared` says why none."""

    name: str
    was: str
    now: str
    facts: list[Fact] = field(default_factory=list)
    words: list[SectionChange] = field(default_factory=list)
    measures: list[Comparison] = field(default_factory=list)
    not_compared: str = ""

    @property
    def title(self) -> str:
        """The part in words, to begin a line."""
        words = PART_TITLES[self.name].removeprefix("the ")
        return words[0].upper() + words[1:]


@dataclass(frozen=True, slots=True)
class Renewal:
    """The approval that is renewed, what moved since, and the parts that did not."""

    review: Review
    sign_offs: list[SignOff]
    moved: list[Moved]
    same: list[str]

    @property
    def same_titles(self) -> list[tuple[str, str]]:
        """The parts that did not move, with their words."""
        return [(name, PART_TITLES[name].removeprefix("the ")) for name in self.same]

    @property
    def sentence(self) -> str:
        """What moved, in one sentence."""
        if not self.moved:
            return "Nothing moved since; the approval had grown too old."
        named = [PART_TITLES[one.name] for one in self.moved]
        words = formats.plural(len(named), "part") + f" moved since: {' and '.join(named)}."
        return words


def renewal_of(standing: Standing) -> Renewal | None:
    """What the review renews; None for a first approval."""
    review = standing.review
    if review.renews_id is None:
        return None
    earlier = Review.objects.select_related("environment", "policy_revision__policy").get(pk=review.renews_id)
    return _since(standing, earlier)


def words_for_renewing(version: ModelVersion, environment: Environment) -> str:
    """What the form that asks for a renewal begins with: which approval, what moved with its old and new value.
    Empty where there is nothing to renew."""
    approved = Review.objects.filter(
        version=version, environment=environment, state=ReviewState.APPROVED
    ).select_related("version__model", "environment", "policy_revision__policy")
    earlier = approved.first() or review_to_renew(version, environment)
    if earlier is None:
        return ""
    renewal = _since(standing_of(earlier), earlier)
    if renewal is None:
        return ""
    lines = [f"Renews review {earlier.number}. {renewal.sentence}"]
    lines += [f"- {one.title}: {one.was}, now {one.now}" for one in renewal.moved]
    return "\n".join(lines) + "\n\n"


def _since(standing: Standing, earlier: Review) -> Renewal | None:
    approvals = list(earlier.sign_offs.filter(decision=Decision.APPROVE).order_by("signed_at", "id"))
    if not approvals:
        return None
    last = approvals[-1]
    names = standing.subject.moved_since(last.subject_parts)
    tell: dict[str, Callable[[], Moved]] = {
        "evidence": partial(_evidence, standing, last),
        "card": partial(_card, standing, last),
        "lineage": partial(_lineage, standing, last),
        "contributors": partial(_contributors, standing, last),
        "policy": partial(_policy, standing, earlier, last),
        "artifact": partial(_by_digest, standing, last, "artifact"),
    }
    return Renewal(
        review=earlier,
        sign_offs=[one for one in approvals if one.subject_digest == last.subject_digest],
        moved=[tell[name]() for name in names],
        same=[name for name in PART_TITLES if name not in names],
    )


def _by_digest(standing: Standing, signed: SignOff, name: str) -> Moved:
    was, now = signed.subject_parts.get(name, ""), standing.subject.parts[name]
    return Moved(name, was[:12] or "not recorded", now[:12])


def _evidence(standing: Standing, signed: SignOff) -> Moved:
    """The evaluation that was signed against the one that counts."""
    suite, now = standing.policy.suite_for(standing.review.version), standing.evidence
    wanted = signed.subject_parts.get("evidence")
    succeeded = Evaluation.objects.filter(
        version=standing.review.version_id, suite=suite, state=EvaluationState.SUCCEEDED
    ).select_related("dataset_version__dataset")
    was = next(
        (
            one
            for one in succeeded.order_by("-number")
            if part_digest({f"{suite}/{one.dataset_version.digest}": f"sha256:{one.results_digest}"})
            == wanted
        ),
        None,
    )
    if was is None or now is None:
        return Moved("evidence", _evaluation(was), _evaluation(now))
    why = why_not_beside(
        now, was, here=f"evaluation {now.number}", there=f"evaluation {was.number}, which was signed,"
    )
    return Moved(
        "evidence",
        _evaluation(was),
        _evaluation(now),
        measures=[] if why else list(measures_between(now, was, standing.policy)),
        not_compared=why,
    )


def _evaluation(evaluation: Evaluation | None) -> str:
    if evaluation is None:
        return "no evidence"
    return f"evaluation {evaluation.number} on {evaluation.dataset_version}, results {evaluation.results_digest[:12]}"


def _card(standing: Standing, signed: SignOff) -> Moved:
    """The revision that was signed against the newest, section by section."""
    now, wanted = standing.card, signed.subject_parts.get("card")
    revisions = CardRevision.objects.filter(version=standing.review.version_id).order_by("-number")
    was = next((one for one in revisions if part_digest(f"sha256:{one.digest}") == wanted), None)
    return Moved("card", _revision(was), _revision(now), words=changes_between(was, now))


def _revision(card: CardRevision | None) -> str:
    return f"revision {card.number}, {card.digest[:12]}" if card else "no card"


def _lineage(standing: Standing, signed: SignOff) -> Moved:
    added = LineageEdge.objects.filter(version=standing.review.version_id, created_at__gt=signed.signed_at)
    facts = [
        Fact(edge.kind.replace("_", " "), "not declared", edge.name) for edge in added.order_by("created_at")
    ]
    plain = _by_digest(standing, signed, "lineage")
    return Moved("lineage", plain.was, plain.now, facts=facts)


def _contributors(standing: Standing, signed: SignOff) -> Moved:
    people = list(standing.review.version.contributors.select_related("user").order_by("created_at", "pk"))
    before = [one for one in people if one.created_at <= signed.signed_at]
    return Moved("contributors", _people(before), _people(people))


def _people(contributors: Iterable[Contributor]) -> str:
    """Who they are and as what, each person once."""
    kinds: dict[str, list[str]] = {}
    for one in contributors:
        who = one.user.full_name if one.user else "somebody without an account here"
        kinds.setdefault(who, []).append(one.get_kind_display().lower())
    return "; ".join(f"{who} ({', '.join(dict.fromkeys(what))})" for who, what in kinds.items()) or "nobody"


def _policy(standing: Standing, earlier: Review, signed: SignOff) -> Moved:
    """Tier and requirements as they were signed against those in force at the request."""
    old, new = document_of(earlier.policy_revision), standing.policy
    tier = standing.subject.document["risk_tier"]
    environment = standing.subject.document["environment"]
    wanted = signed.subject_parts.get("policy")
    was_tier = next(
        (
            one
            for one in (None, *(tier.value for tier in RiskTier))
            if part_digest([environment, one, f"sha256:{old.digest}"]) == wanted
        ),
        None,
    )
    before, after = _demands(old), _demands(new)
    facts = [
        Fact(name, before.get(name, "not asked"), after.get(name, "not asked any more"))
        for name in dict.fromkeys([*after, *before])
        if before.get(name) != after.get(name)
    ]
    return Moved(
        "policy",
        f"{earlier.policy_revision}, {was_tier or 'no'} tier",
        f"{standing.review.policy_revision}, {tier or 'no'} tier",
        facts=facts,
    )


def _demands(policy: PolicyDocument) -> dict[str, str]:
    return {rule.title: sentence_of(rule) for rule in policy.rules} | {
        f"Sign-off: {one.title}": f"meaning {one.meaning}, by {one.role}" for one in policy.sign_offs
    }
