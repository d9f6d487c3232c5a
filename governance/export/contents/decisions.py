"""The files about decisions: reviews with their sign-offs, threads and remarks, policies, promotions, and what was
live where and when. Everything an entry tells is taken from the entry, so that the two cannot differ
unseen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from countersign.canonical import canonical
from countersign.clock import stamp
from governance.export.contents.files import Files
from governance.export.contents.leaves import Leaf, leaves_about, personal
from governance.export.contents.preimages import Preimages
from governance.export.contents.scope import Scope
from governance.policies.models import PolicyRevision
from governance.policies.rules import canonical_form, document_of
from governance.promotion.models import LivePeriod, Promotion
from governance.reviews.models import Remark, Review, SignOff, Thread
from governance.reviews.subject import parts_of


@dataclass(frozen=True, slots=True)
class ReviewFiles:
    """A review and its documents, as the bundle holds them and the report reads them."""

    review: Review
    document: dict[str, Any]
    sign_offs: list[dict[str, Any]]
    subjects: list[dict[str, Any]]
    remarks: list[dict[str, Any]]
    threads: list[dict[str, Any]]


def add_review(files: Files, review: Review, folder: str) -> ReviewFiles:
    """Every file about a review, under `folder`."""
    moves = list(leaves_about([Review.ledger_type], [review.id]))
    signed = list(leaves_about([SignOff.ledger_type], review.sign_offs.values_list("id", flat=True)))
    said = list(leaves_about([Remark.ledger_type], review.remarks.values_list("id", flat=True)))
    turns = list(leaves_about([Thread.ledger_type], review.threads.values_list("id", flat=True)))
    found = ReviewFiles(
        review,
        review_document(review, moves),
        [sign_off_document(leaf) for leaf in signed],
        subjects(review, moves, signed),
        [remark_document(leaf) for leaf in said],
        [thread_document(leaf) for leaf in turns],
    )
    files.add_json(f"{folder}/review.json", found.document)
    files.add_json(f"{folder}/signoffs.json", {"sign_offs": found.sign_offs})
    files.add_json(f"{folder}/subject.json", {"subjects": found.subjects})
    files.add_lines(f"{folder}/remarks.jsonl", found.remarks)
    files.add_lines(f"{folder}/threads.jsonl", found.threads)
    return found


def review_document(review: Review, moves: list[Leaf]) -> dict[str, Any]:
    """What was asked, under which policy, and every move from state to state."""
    policy = document_of(review.policy_revision)
    return {
        "id": str(review.id),
        "number": review.number,
        "version": str(review.version_id),
        "environment": str(review.environment_id),
        "policy_revision": str(review.policy_revision_id),
        "state": moves[-1].after["state"],
        "due_on": review.due_on.isoformat() if review.due_on else None,
        "moves": [
            {
                "entry": leaf.id,
                "verb": leaf.verb,
                "state": leaf.after["state"],
                "at": leaf.data["recorded_at"],
                "by": leaf.data["actor"]["ref"],
                "reason": personal(leaf, "reason") if "reason" in leaf.data["personal"] else None,
            }
            for leaf in moves
        ],
        "required_sign_offs": [
            {
                "key": s.key,
                "title": s.title,
                "meaning": s.meaning,
                "role": s.role,
                "independent": s.independent,
            }
            for s in policy.sign_offs
        ],
    }


def sign_off_document(leaf: Leaf) -> dict[str, Any]:
    """A signed decision: printed name, meaning, role held then, how the person proved who they are,
    reason."""
    state = leaf.after
    told = (
        "person",
        "decision",
        "meaning",
        "role",
        "subject_digest",
        "method",
        "reauthenticated_at",
        "signed_at",
    )
    return {name: state[name] for name in told} | {
        "id": leaf.ref,
        "entry": leaf.id,
        "requirement": leaf.details["requirement"],
        "printed_name": personal(leaf, "printed_name"),
        "reason": personal(leaf, "reason"),
    }


def remark_document(leaf: Leaf) -> dict[str, Any]:
    """Something said on the record, in a thread or about the whole review."""
    return {
        "id": leaf.ref,
        "entry": leaf.id,
        "author": leaf.data["actor"]["ref"],
        "thread": leaf.after.get("thread"),
        "anchor": leaf.after["anchor"],
        "at": leaf.data["recorded_at"],
        "body": personal(leaf, "body"),
    }


def thread_document(leaf: Leaf) -> dict[str, Any]:
    """One turn of a thread (begun, resolved, opened again), with what it hangs on as that was when it began."""
    state = leaf.after
    told = {name: state[name] for name in ("number", "anchor_key", "anchor", "state")}
    return told | {
        "id": leaf.ref,
        "entry": leaf.id,
        "verb": leaf.verb,
        "by": leaf.data["actor"]["ref"],
        "at": leaf.data["recorded_at"],
    }


def subjects(review: Review, moves: list[Leaf], sign_offs: list[Leaf]) -> list[dict[str, Any]]:
    """What exactly was signed: for the request and each sign-off on another subject the preimage of the
    digest, and the digests of its parts. Where a preimage cannot be found again, the parts stand alone."""
    found: dict[str, dict[str, Any]] = {}
    preimages = Preimages(review)
    asked = moves[0].after["subject_digest"]
    seen: list[tuple[Any, ...]] = [(asked, {}, review.created_at, moves[0].id)]
    rows = {str(row.id): row for row in review.sign_offs.all()}
    seen += [
        (leaf.after["subject_digest"], leaf.after["subject_parts"], rows[leaf.ref].signed_at, leaf.id)
        for leaf in sign_offs
    ]
    for digest, parts, at, entry in seen:
        if digest in found:
            found[digest]["entries"].append(entry)
            found[digest]["parts"] = found[digest]["parts"] or parts
            continue
        document = preimages.find(digest.removeprefix("sha256:"), parts, at)
        found[digest] = {
            "digest": digest,
            "document": document,
            "parts": parts_of(document) if document else parts,
            "entries": [entry],
        }
    return list(found.values())


def add_policy(files: Files, revision: PolicyRevision, path: str) -> None:
    """A revision: `.yaml` byte for byte, and `.json`, the parsed form whose canonical bytes the policy's
    digest is of."""
    files.add(f"{path}.yaml", revision.text.encode())
    parsed = canonical(canonical_form(revision.text), limit=None)
    if sha256(parsed).hexdigest() != revision.digest:
        raise LookupError(f"{revision} is not the policy its digest names; run manage.py verify")
    files.add(f"{path}.json", parsed)


def promotions(scope: Scope) -> Iterator[dict[str, Any]]:
    """Promotions and rollbacks, each with the gate's answer as it was then and the digest its entry holds."""
    rows = {str(row.id): row for row in Promotion.objects.filter(version__in=scope.versions)}
    leaves = leaves_about([Promotion.ledger_type], [row.id for row in rows.values()])
    for leaf in sorted(leaves, key=lambda leaf: leaf.index):
        state = {name: value for name, value in leaf.after.items() if name != "details"}
        yield state | {
            "id": leaf.ref,
            "entry": leaf.id,
            "live_from": leaf.details["live_from"],
            "verdict": rows[leaf.ref].verdict,
            "verdict_digest": leaf.after["verdict"],
            "promoted_by": leaf.data["actor"]["ref"],
            "promoted_at": leaf.data["recorded_at"],
            "reason": personal(leaf, "reason"),
        }


def live_periods(scope: Scope) -> list[LivePeriod]:
    """When which version was live where, by environment, model and time; in a bundle about a period those
    that overlap it."""
    periods = LivePeriod.objects.filter(version__in=scope.versions)
    export = scope.export
    if export.period_start is not None:
        periods = periods.filter(during__overlap=(export.period_start, export.period_end))
    periods = periods.select_related("environment", "version__model", "promotion__review")
    return sorted(periods, key=lambda p: (p.environment.position, str(p.model_id), p.during.lower))


def live_lines(scope: Scope) -> Iterator[dict[str, Any]]:
    """environments.jsonl: each environment, then each period [from, to) in it. `to` is null while the
    version is live, or still was when the period of the bundle ended."""
    by_environment: dict[Any, list[LivePeriod]] = defaultdict(list)
    for period in live_periods(scope):
        by_environment[period.environment_id].append(period)
    for environment in scope.environments:
        yield {
            "environment": str(environment.id),
            "name": environment.name,
            "slug": environment.slug,
            "alias": environment.alias,
        }
        for period in by_environment[environment.id]:
            yield _live_line(period, scope)


def _live_line(period: LivePeriod, scope: Scope) -> dict[str, Any]:
    end, cut = period.during.upper, scope.export.period_end
    return {
        "environment": str(period.environment_id),
        "model": str(period.model_id),
        "version": str(period.version_id),
        "number": period.version.number,
        "from": stamp(period.during.lower),
        "to": None if end is None or (cut is not None and end >= cut) else stamp(end),
        "promotion": str(period.promotion_id),
        "entry": str(period.entry),
    }
