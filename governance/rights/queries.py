"""Who may do what with a model, and why: each person × act, through which role, and where the separation of duties
speaks against it for a given version. The answers come from the same functions the acts ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q
from django.urls import reverse

from countersign.accounts.models import Membership, ServiceAccount
from countersign.accounts.queries import holding_now, service_actor
from countersign.accounts.rights import ACTS, roles_with
from countersign.actors import Actor, ActorKind
from countersign.permissions import ROLE_PERMISSIONS, SIGNING, Grant, Permission, Role
from countersign.verdicts import Reason
from countersign.web.formats import day, plural
from countersign.web.marks import STATUSES
from governance.environments.models import Environment
from governance.policies.queries import policy_in_force
from governance.policies.rules import RequiredSignOff, document_of
from governance.profiles.queries import profile_of
from governance.promotion.models import LivePeriod
from governance.promotion.queries import Gate, gate_of, promoter_verdict
from governance.reviews.duties import MEANING_PERMISSION, may_sign
from governance.reviews.models import LIVE, Meaning
from registry.versions.models import Contributor, ModelVersion, RegisteredModel

SHORT: dict[Permission, str] = {
    Permission.SEE: "Know",
    Permission.DOWNLOAD: "Files",
    Permission.REGISTER: "Register",
    Permission.EVALUATE: "Evaluate",
    Permission.EDIT_CARD: "Card",
    Permission.SET_PROFILE: "Tier",
    Permission.LOWER_TIER: "Lower tier",
    Permission.REQUEST_REVIEW: "Ask",
    Permission.COMMENT: "Remark",
    Permission.SIGN_AUTHORSHIP: "Sign author",
    Permission.SIGN_VALIDATION: "Sign valid.",
    Permission.SIGN_APPROVAL: "Sign appr.",
    Permission.SIGN_COMPLIANCE: "Sign compl.",
    Permission.REVOKE_APPROVAL: "Revoke",
    Permission.PROMOTE: "Promote",
    Permission.ROLL_BACK: "Roll back",
    Permission.ARCHIVE: "Archive",
    Permission.EXPORT: "Export",
}
"""The acts that concern one model, with the heads of their columns."""

RULES = {
    "contributor_cannot_sign": "S1",
    "one_person_one_sign_off": "S2",
    "not_independent": "S3",
    "role_missing": "S4",
    "promoter_is_approver": "S10",
}
"""Which rule of the separation of duties a reason stands for."""

_CONTRIBUTED = {
    "uploader": "uploaded it",
    "trainer": "trained it",
    "card_author": "wrote its card",
    "commit_author": "wrote its code",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether somebody may do an act. `state`: met, refused (by a duty), not_applicable (no role for it), half (the
    role is there, the moment is not)."""

    permission: Permission
    state: str
    word: str
    because: str
    rule: str = ""
    url: str = ""

    @property
    def act(self) -> str:
        """The act in words."""
        return ACTS[self.permission]

    @property
    def mark(self) -> tuple[str, str]:
        """Icon and tone, where the word is only heard."""
        name, tone, _ = STATUSES[self.state]
        return name, tone


@dataclass(frozen=True, slots=True)
class Row:
    """Somebody whose roles reach the model, and the answer for each act in the order of SHORT."""

    ref: UUID
    label: str
    url: str
    roles: str
    is_machine: bool
    answers: tuple[Answer, ...]

    @property
    def refusals_first(self) -> list[Answer]:
        """The answers as the page of one person lists them."""
        order = ("refused", "half", "not_applicable", "met")
        return sorted(self.answers, key=lambda answer: order.index(answer.state))


@dataclass(frozen=True)
class _Matter:
    """What the answers are about: a model, and perhaps a version for an environment with its gate and sign-offs."""

    model: RegisteredModel
    version: ModelVersion | None
    environment: Environment | None
    gate: Gate | None
    required: tuple[RequiredSignOff, ...]
    contributed: dict[UUID, list[str]]
    was_live: int  # how many versions were ever live there


def rights_on(
    model: RegisteredModel, version: ModelVersion | None, environment: Environment | None
) -> list[Row]:
    """Everybody whose roles reach the model, team first, with the answer for each act, in a fixed number of queries."""
    matter = _matter(model, version, environment)
    reach = Q(team=model.team_id) | Q(team__isnull=True)
    held: dict[UUID, list[Membership]] = {}
    memberships = holding_now().filter(reach, user__is_active=True).select_related("user", "team")
    for one in memberships.order_by("team__name", "user__full_name", "role"):
        held.setdefault(one.user_id, []).append(one)
    rows = [_of_person(matter, roles) for roles in held.values()]
    machines = ServiceAccount.objects.filter(team=model.team_id, is_active=True)
    return rows + [
        _of_machine(matter, one) for one in machines.select_related("team", "responsible").order_by("name")
    ]


def _matter(model: RegisteredModel, version: ModelVersion | None, environment: Environment | None) -> _Matter:
    contributed: dict[UUID, list[str]] = {}
    gate: Gate | None = None
    required: tuple[RequiredSignOff, ...] = ()
    was_live = 0
    if version is not None:
        for one in Contributor.objects.filter(version=version, user__isnull=False).order_by("kind"):
            assert one.user_id is not None  # noqa: S101  the filter says so
            contributed.setdefault(one.user_id, []).append(_CONTRIBUTED[one.kind])
    if version is not None and environment is not None:
        gate = gate_of(version=version, environment=environment)
        required = _required(gate, model, environment)
    if environment is not None:
        live = LivePeriod.objects.filter(environment=environment, model=model)
        was_live = live.values("version").distinct().count()
    return _Matter(model, version, environment, gate, required, contributed, was_live)


def _required(gate: Gate, model: RegisteredModel, environment: Environment) -> tuple[RequiredSignOff, ...]:
    if gate.standing is not None:
        return tuple(slot.required for slot in gate.standing.slots)
    profile = profile_of(model)
    revision = policy_in_force(profile.risk_tier, environment) if profile else None
    return document_of(revision).sign_offs if revision else ()


def _of_person(matter: _Matter, roles: Sequence[Membership]) -> Row:
    user = roles[0].user
    actor = Actor(
        kind=ActorKind.PERSON,
        ref=user.pk,
        label=user.full_name,
        via="page",
        grants=frozenset(Grant(Role(one.role), one.team_id) for one in roles),
        person=user.pk,
    )
    through = {
        permission: " and ".join(
            f"{one.role} of {one.team or 'all teams'} since {day(one.starts_at.date())}"
            + (f" until {day(one.ends_at.date())}" if one.ends_at else "")
            for one in roles
            if permission in ROLE_PERMISSIONS[Role(one.role)]
        )
        for permission in SHORT
    }
    return Row(
        user.pk,
        user.full_name,
        reverse("accounts:person", args=[user.pk]),
        ", ".join(one.role for one in roles),
        False,
        tuple(_answer(matter, actor, permission, through[permission]) for permission in SHORT),
    )


def _of_machine(matter: _Matter, account: ServiceAccount) -> Row:
    actor = service_actor(account, via="page")
    through = f"{account.role} of {account.team}; {account.responsible} answers for it"
    return Row(
        account.pk,
        account.name,
        reverse("accounts:service-account", args=[account.pk]),
        f"{account.role}, service account",
        True,
        tuple(_answer(matter, actor, permission, through) for permission in SHORT),
    )


def _answer(matter: _Matter, actor: Actor, permission: Permission, through: str) -> Answer:
    verdict = actor.may(permission, matter.model.team_id)
    if not verdict:
        if actor.kind is ActorKind.SERVICE and permission in SIGNING:
            because = verdict.sentence()
        else:
            because = f"It needs the role {' or '.join(role.value for role in roles_with(permission))}."
        return Answer(permission, "not_applicable", "May not", because)
    because = through[:1].upper() + through[1:] + "."
    if permission in SIGNING and matter.version is not None:
        return _may_sign(matter, actor, permission, because)
    if permission is Permission.PROMOTE and matter.gate is not None:
        return _may_promote(matter, matter.gate, actor, because)
    if permission is Permission.ROLL_BACK and matter.environment is not None and matter.was_live < 2:
        place = matter.environment.name.lower()
        return Answer(
            permission, "half", "Not now", f"{because} No other version was live in {place} before."
        )
    return Answer(permission, "met", "May", because)


def _may_sign(matter: _Matter, actor: Actor, permission: Permission, because: str) -> Answer:
    asked = [one for one in matter.required if MEANING_PERMISSION[Meaning(one.meaning)] is permission]
    if not asked:
        return Answer(
            permission, "half", "Not asked", f"{because} The policy asks for no such signature here."
        )
    standing = matter.gate.standing if matter.gate else None
    signed = [slot.signed for slot in standing.slots if slot.signed is not None] if standing else []
    refused: list[Reason] = []
    for one in asked:
        verdict = may_sign(
            actor=actor,
            team=matter.model.team_id,
            required=one,
            contributors=set(matter.contributed),
            signed=signed,
        )
        if verdict:
            break
        refused += verdict.reasons
    else:
        made = " and ".join(matter.contributed.get(actor.person, [])) if actor.person else ""
        words = " ".join(dict.fromkeys(_third_person(reason, made) for reason in refused))
        rules = ", ".join(dict.fromkeys(RULES[reason.code] for reason in refused if reason.code in RULES))
        return Answer(permission, "refused", "May not", words, rules)
    if standing is None or standing.review.state not in LIVE:
        return Answer(permission, "half", "Not now", f"{because} No review of this version is open there.")
    url = reverse("governance:review", args=[standing.review.number])
    return Answer(permission, "met", "May", because, url=url)


def _third_person(reason: Reason, made: str) -> str:
    """A reason of the duties, which speaks to the signer, as it reads about somebody else."""
    if reason.code == "contributor_cannot_sign":
        return f"Contributed to this version ({made}), so somebody else must sign for it."
    if reason.code == "one_person_one_sign_off":
        return "Has signed this review already; another person fills the rest."
    return reason.message


def _may_promote(matter: _Matter, gate: Gate, actor: Actor, because: str) -> Answer:
    promoter = promoter_verdict(gate, actor)
    if not promoter:
        words = "Alone approved this version, and at high tier another person makes it live."
        return Answer(Permission.PROMOTE, "refused", "May not", words, RULES["promoter_is_approver"])
    assert matter.version is not None  # noqa: S101  a gate has both
    assert matter.environment is not None  # noqa: S101
    where = [matter.model.name, matter.version.number, matter.environment.slug]
    url = reverse("governance:promote", args=where)
    if not gate.verdict:
        said = f"{because} The gate refuses, for {plural(len(gate.verdict.reasons), 'reason')}."
        return Answer(Permission.PROMOTE, "half", "Not now", said, "gate", url)
    return Answer(Permission.PROMOTE, "met", "May", because, url=url)
