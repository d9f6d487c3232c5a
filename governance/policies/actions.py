"""Drafting policies and putting them in force: two people of compliance, never one."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Max

from countersign import clock
from countersign.actors import Actor, ActorKind
from countersign.errors import Conflict, Invalid, NotFound, Refused
from countersign.ledger.append import append_entry
from countersign.permissions import Permission
from countersign.verdicts import Verdict
from governance.environments.models import Environment
from governance.environments.queries import environment_of
from governance.policies.document import PolicyDocument
from governance.policies.models import Policy, PolicyRevision, RevisionState
from governance.policies.people import signers_for
from governance.policies.queries import may_put_in_force
from governance.policies.rules import document_of, parse, refused_at
from governance.policies.shipping import shipped_texts
from governance.policies.verbs import (
    POLICY_STARTED,
    REVISION_DISCARDED,
    REVISION_DRAFTED,
    REVISION_PUT_IN_FORCE,
    REVISION_SHIPPED,
    REVISION_SUPERSEDED,
)
from registry.names import checked_text

REASON_LIMIT = 2_000


@transaction.atomic
def start_policy(*, text: str, actor: Actor) -> PolicyRevision:
    """Begin the policy of a tier and an environment that have none, with its first draft; the text names
    both.

    Raises Refused, Invalid (the text; no such environment; nobody could sign), Conflict (code `policy_exists`)."""
    _require_author(actor)
    document = parse(text)
    environment = _lock_environment(_environment_in(document, text))
    if Policy.objects.filter(risk_tier=document.risk_tier, environment=environment).exists():
        raise Conflict(
            f"{document.risk_tier.capitalize()} tier has a policy for {environment.name} already. "
            "Draft a revision of it.",
            code="policy_exists",
        )
    _refuse_unsignable(document, text)
    return _draft(_start(document, environment, actor), document, text, actor)


@transaction.atomic
def draft_revision(
    *, policy: Policy, text: str, actor: Actor, replaces: PolicyRevision | None = None
) -> PolicyRevision:
    """Draft the next revision of a policy. It binds nothing until another person puts it in force.

    A text never changes: to edit a draft is to draft its successor, which `replaces` it, so that what a second
    person read is what they put in force.

    Raises Refused, Invalid (the text; another name, tier or environment than the policy's; nobody could sign),
    Conflict (code `policy_unchanged`) where the revision in force or a draft says the same, letter for letter;
    (code `policy_moved_on`) where the draft to replace is no draft any more."""
    _require_author(actor)
    document = parse(text)
    policy = lock_policy(policy)
    _refuse_other_scope(policy, document)
    _refuse_unsignable(document, text, policy)
    if replaces is not None:
        replaces = _lock_draft(replaces)
    known = policy.revisions.filter(
        text=text, state__in=[RevisionState.IN_FORCE, RevisionState.DRAFT]
    ).first()
    if known is not None:
        state = "is in force" if known.state == RevisionState.IN_FORCE else "is a draft"
        raise Conflict(
            f"Revision {known.number} {state} and says exactly this. Nothing was saved.",
            code="policy_unchanged",
        )
    revision = _draft(policy, document, text, actor)
    if replaces is not None:
        _discard(replaces, actor, reason=f"Replaced by draft {revision.number}.", replaced_by=revision.number)
    return revision


@transaction.atomic
def discard_draft(*, revision: PolicyRevision, reason: str, actor: Actor) -> PolicyRevision:
    """Take a draft off the table: its own author, or another compliance officer who will not put it in force. Its
    text and number stay on record.

    Raises Refused, Invalid (no reason), Conflict (code `policy_moved_on`) where it is no draft any more."""
    _require_author(actor)
    reason = checked_text(reason, field="reason", limit=REASON_LIMIT)
    if not reason:
        raise Invalid("Nothing was changed.", fields={"reason": ["Say why; the author is told."]})
    lock_policy(revision.policy)
    return _discard(_lock_draft(revision), actor, reason=reason, replaced_by=None)


@transaction.atomic
def put_in_force(*, revision: PolicyRevision, actor: Actor) -> PolicyRevision:
    """Put a draft in force in place of the revision before. Reviews that are open keep the rule of their
    request.

    Raises Refused (permission; the author themselves), Conflict (no longer a draft; a later revision came
    into force meanwhile), Invalid where the text no longer parses with this release."""
    _require_author(actor)
    policy = lock_policy(revision.policy)
    revision = _lock_draft(revision)
    revision.policy = policy
    if not (verdict := may_put_in_force(revision, actor)):
        raise Refused(verdict)
    document = parse(revision.text)
    _refuse_other_scope(policy, document)
    _refuse_unsignable(document, revision.text, policy)
    now = clock.now()
    before = (
        PolicyRevision.objects.select_for_update().filter(policy=policy, state=RevisionState.IN_FORCE).first()
    )
    if before is not None:
        if before.number > revision.number:
            raise Conflict(
                f"Revision {before.number} came into force after this draft was written and would be "
                "undone by it. Draft the change again from there.",
                code="policy_moved_on",
            )
        state_before = before.ledger_state()
        before.state, before.in_force_until = RevisionState.SUPERSEDED, now
        before.save(update_fields=["state", "in_force_until"])
        append_entry(verb=REVISION_SUPERSEDED, subject=before, actor=actor, before=state_before)
    draft = revision.ledger_state()
    revision.state, revision.approved_by_id, revision.in_force_from = RevisionState.IN_FORCE, actor.ref, now
    revision.save(update_fields=["state", "approved_by", "in_force_from"])
    append_entry(verb=REVISION_PUT_IN_FORCE, subject=revision, actor=actor, before=draft)
    return revision


@transaction.atomic
def ship_policies(*, actor: Actor) -> list[PolicyRevision]:
    """Put the policies that come with the product in force where a tier and an environment have none; what is
    there stays as it is, however old. Returns the new ones. Only the platform itself may: there is no author.

    Raises Refused for anybody else."""
    if actor.kind is not ActorKind.SYSTEM:
        raise Refused(
            Verdict.because("platform_only", "Shipped policies are put in force at installation only.")
        )
    shipped = []
    for one in shipped_texts().values():
        text, document = one.text, one.document
        environment = Environment.objects.filter(slug=document.environment).first()
        if environment is None:
            continue
        environment = _lock_environment(environment)
        if Policy.objects.filter(risk_tier=document.risk_tier, environment=environment).exists():
            continue
        policy = _start(document, environment, actor)
        now = clock.now()
        revision = PolicyRevision.objects.create(
            policy=policy,
            number=1,
            text=text,
            digest=document.digest,
            state=RevisionState.IN_FORCE,
            created_at=now,
            in_force_from=now,
        )
        append_entry(verb=REVISION_SHIPPED, subject=revision, actor=actor)
        shipped.append(revision)
    return shipped


def _lock_draft(revision: PolicyRevision) -> PolicyRevision:
    """The draft's row, after its policy's. Raises Conflict where it is no draft any more."""
    locked = PolicyRevision.objects.select_for_update().get(id=revision.id)
    if locked.state != RevisionState.DRAFT:
        raise Conflict(
            f"Revision {locked.number} is {locked.get_state_display().lower()} already. Nothing was changed.",
            code="policy_moved_on",
        )
    return locked


def _discard(
    revision: PolicyRevision, actor: Actor, *, reason: str, replaced_by: int | None
) -> PolicyRevision:
    before = revision.ledger_state()
    revision.state, revision.discarded_at = RevisionState.DISCARDED, clock.now()
    revision.discarded_by_id, revision.discard_reason = actor.ref, reason
    revision.save(update_fields=["state", "discarded_at", "discarded_by", "discard_reason"])
    append_entry(
        verb=REVISION_DISCARDED,
        subject=revision,
        actor=actor,
        before=before,
        details={"replaced_by": replaced_by},
    )
    return revision


def _environment_in(document: PolicyDocument, text: str) -> Environment:
    """The environment a text names. Raises Invalid with its line."""
    try:
        return environment_of(document.environment)
    except NotFound as error:
        raise refused_at(text, [(("environment",), error.message)]) from error


def _refuse_unsignable(document: PolicyDocument, text: str, policy: Policy | None = None) -> None:
    """Raise Invalid, with the lines, where the people who hold roles today could sign for no governed model. One team
    without an approver does not keep a rule from all the others; nor does a policy that asks for what the one in
    force asks already."""
    asked = _asked_by(policy.revisions.filter(state=RevisionState.IN_FORCE).first()) if policy else None
    if asked == _asks(document):
        return
    if (signers := signers_for(document)).nobody:
        raise refused_at(text, [(("sign_offs", one.place), one.sentence) for one in signers.lacks])


def _asked_by(revision: PolicyRevision | None) -> list[tuple[str, str, bool]] | None:
    return _asks(document_of(revision)) if revision else None


def _asks(document: PolicyDocument) -> list[tuple[str, str, bool]]:
    return sorted((one.meaning, one.role, one.independent) for one in document.sign_offs)


def _require_author(actor: Actor) -> None:
    if actor.kind is not ActorKind.PERSON:
        raise Refused(Verdict.because("person_needed", "Policies are written and put in force by people."))
    if not (verdict := actor.may(Permission.WRITE_POLICY)):
        raise Refused(verdict)


def _lock_environment(environment: Environment) -> Environment:
    """The row that policies of the environment begin under, one after the other."""
    return Environment.objects.select_for_update().get(id=environment.id)


def lock_policy(policy: Policy) -> Policy:
    """The policy's row with its environment, held until the transaction ends."""
    return Policy.objects.select_for_update(of=("self",)).select_related("environment").get(id=policy.id)


def _start(document: PolicyDocument, environment: Environment, actor: Actor) -> Policy:
    policy = Policy.objects.create(
        name=document.name, risk_tier=document.risk_tier, environment=environment, created_at=clock.now()
    )
    append_entry(verb=POLICY_STARTED, subject=policy, actor=actor)
    return policy


def _draft(policy: Policy, document: PolicyDocument, text: str, actor: Actor) -> PolicyRevision:
    newest = policy.revisions.aggregate(newest=Max("number"))["newest"] or 0
    revision = PolicyRevision.objects.create(
        policy=policy,
        number=newest + 1,
        text=text,
        digest=document.digest,
        author_id=actor.ref,
        created_at=clock.now(),
    )
    append_entry(verb=REVISION_DRAFTED, subject=revision, actor=actor)
    return revision


def _refuse_other_scope(policy: Policy, document: PolicyDocument) -> None:
    wanted = {"policy": policy.name, "risk_tier": policy.risk_tier, "environment": policy.environment.slug}
    given = {"policy": document.name, "risk_tier": document.risk_tier, "environment": document.environment}
    wrong = [
        f"“{key}” must stay “{wanted[key]}”, not “{given[key]}”: a policy keeps name, tier and environment."
        for key in wanted
        if wanted[key] != given[key]
    ]
    if wrong:
        raise Invalid("The policy was not saved.", code="policy_invalid", fields={"text": wrong})
