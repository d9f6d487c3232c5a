"""Which entries and which things an export is about.

A bundle about a model, an environment or a period also carries every entry its things point to: policies, role
grants, datasets, people, environments. Without them nobody could say which rules applied and whether the
signer was entitled.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.db.models import Q

from countersign.accounts.models import Membership, ServiceAccount, Team, User
from countersign.accounts.verbs import ATTEMPT_REFUSED, LOCKED_OUT
from countersign.actors import ActorKind
from countersign.clock import stamp
from countersign.jobs.models import Job
from countersign.ledger.models import Checkpoint, Recorded, Tree, Unsealed
from countersign.ledger.queries import latest_checkpoint
from governance.cards.models import CardRevision
from governance.environments.models import Environment
from governance.evaluation.models import Evaluation
from governance.export.contents.leaves import Leaf, in_parts, leaves_about, leaves_where
from governance.export.models import AuditExport
from governance.policies.models import Policy, PolicyRevision
from governance.profiles.models import ModelProfile
from governance.promotion.models import LivePeriod, Promotion
from governance.reports.models import Report
from governance.reviews.models import Remark, Review, SignOff, Thread
from registry.datasets.models import Dataset, DatasetVersion
from registry.lineage.models import LineageEdge
from registry.runs.models import Experiment, Run
from registry.versions.models import Alias, Contributor, ModelVersion, RegisteredModel, Tag

OF_VERSION: dict[type[Recorded], str] = {
    Contributor: "version",
    LineageEdge: "version",
    CardRevision: "version",
    Evaluation: "version",
    Report: "version",
    Review: "version",
    SignOff: "review__version",
    Thread: "review__version",
    Remark: "review__version",
    Promotion: "version",
    Tag: "version",
}
"""Things whose entries belong to a version, and the way to it."""
OF_MODEL: dict[type[Recorded], str] = {
    Alias: "model",
    ModelProfile: "model",
    Tag: "model",
    AuditExport: "model",
}
REMOVABLE = (Alias.ledger_type, Tag.ledger_type)
"""Things whose rows may be gone: their entries say what they were of."""
REFERENCES: dict[str, type[Recorded]] = {
    "model": RegisteredModel,
    "version": ModelVersion,
    "parent": ModelVersion,
    "previous": ModelVersion,
    "dataset": Dataset,
    "dataset_version": DatasetVersion,
    "run": Run,
    "experiment": Experiment,
    "environment": Environment,
    "policy": Policy,
    "policy_revision": PolicyRevision,
    "review": Review,
    "renews": Review,
    "thread": Thread,
    "team": Team,
    "service_account": ServiceAccount,
    "user": User,
    "person": User,
    "author": User,
    "approved_by": User,
    "granted_by": User,
    "responsible": User,
}
"""Keys of a state that hold the id of another thing. Only these are followed: an id somebody typed into a
description is text."""
UUID_TEXT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NOT_OF_THE_PERSON = (ATTEMPT_REFUSED.name, LOCKED_OUT.name)
"""Entries about a person that say nothing of who they are or what they may do."""


class NotSealed(Exception):
    """Something in scope was recorded after the last checkpoint: seal again."""


@dataclass
class Scope:
    """What an export is about, and the indexes of its entries, read in one snapshot under `checkpoint`.

    `period_indexes` are the first and last index of a period: all between them are in the bundle, with the
    neighbour on either side, so that a reader sees that nothing of the period was left out."""

    export: AuditExport
    checkpoint: Checkpoint
    models: list[RegisteredModel]
    versions: list[ModelVersion]
    reviews: list[Review]
    revisions: list[PolicyRevision]
    environments: list[Environment]
    people: set[UUID]
    service_accounts: set[UUID]
    indexes: list[int]
    about: int
    period_indexes: tuple[int, int] | None

    @property
    def pointed_to(self) -> int:
        """How many entries are here only because others point to them."""
        return len(self.indexes) - self.about


Subjects = dict[str, set[UUID]]
Check = Callable[[], None]


@dataclass
class _Walk:
    """Takes entries and remembers what they are about and what they point to."""

    check: Check
    indexes: set[int] = field(default_factory=set)
    about: Subjects = field(default_factory=lambda: defaultdict(set))
    pointed_to: Subjects = field(default_factory=lambda: defaultdict(set))

    def take(self, leaves: Iterable[Leaf]) -> None:
        """Take entries into the bundle."""
        for leaf in leaves:
            subject = leaf.data["subject"]
            self.indexes.add(leaf.index)
            self.about[subject["type"]].add(UUID(subject["ref"]))
            for kind, ref in _references(leaf):
                self.pointed_to[kind].add(ref)
        self.check()

    def follow(self) -> None:
        """Take the entries about everything that is pointed to, until nothing new is."""
        done: Subjects = defaultdict(set)
        while new := {k: refs - done[k] for k, refs in self.pointed_to.items() if refs - done[k]}:
            for kind, refs in new.items():
                done[kind] |= refs
                leaves = leaves_about([kind], refs)
                self.take(leaf for leaf in leaves if leaf.verb not in NOT_OF_THE_PERSON)


def collect(export: AuditExport, check: Check) -> Scope:
    """What the export is about. Call inside a snapshot; `check` is called now and then and may raise.

    Raises NotSealed when something in scope waits to be sealed."""
    checkpoint = latest_checkpoint()
    if checkpoint is None:
        raise NotSealed
    walk = _Walk(check)
    period = None
    if export.period_start is not None and export.period_end is not None:
        period = _period_indexes(stamp(export.period_start), stamp(export.period_end), checkpoint.size)
        walk.take(leaves_where("s.index BETWEEN %s AND %s", list(period)))
        for kind, refs in walk.about.items():
            walk.pointed_to[kind] |= refs
    models, versions = _things(export, walk.about)
    if export.environment is not None:
        walk.take(leaves_about([Environment.ledger_type], [export.environment.id]))
        walk.pointed_to[Policy.ledger_type] |= _ids(Policy, Q(environment=export.environment), "id")
    walk.take(_owned(models, versions))
    walk.take(leaves_about([AuditExport.ledger_type], [export.id]))
    about = len(walk.indexes)
    if period is not None:
        walk.indexes |= {index for index in (period[0] - 1, period[1] + 1) if 0 <= index < checkpoint.size}
    walk.take(leaves_where("s.subject_type = %s", [Tree.ledger_type]))
    _follow_to_people_and_policies(walk, models)
    _refuse_waiting(walk, export)
    return Scope(
        export=export,
        checkpoint=checkpoint,
        models=models,
        versions=versions,
        reviews=_rows(
            Review, Q(version__in=versions), "version__model", "environment", "policy_revision__policy"
        ),
        revisions=_rows(
            PolicyRevision, Q(id__in=walk.about[PolicyRevision.ledger_type]), "policy__environment"
        ),
        environments=_rows(Environment, Q(id__in=walk.about[Environment.ledger_type])),
        people=walk.about[User.ledger_type],
        service_accounts=walk.about[ServiceAccount.ledger_type],
        indexes=sorted(walk.indexes),
        about=about,
        period_indexes=period,
    )


def _period_indexes(start: str, end: str, size: int) -> tuple[int, int]:
    """First and last index of a period; the last is before the first where nothing was recorded in it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT min(index) FROM ledger_seal WHERE recorded_at >= %s),"
            " (SELECT max(index) FROM ledger_seal WHERE recorded_at < %s)",
            [start, end],
        )
        first, last = cursor.fetchone()
    return size if first is None else first, -1 if last is None else last


def _things(export: AuditExport, touched: Subjects) -> tuple[list[RegisteredModel], list[ModelVersion]]:
    """The models and versions whose whole story is told: the model's; those of every model that was live in the
    environment, promoted to it or reviewed for it; or those that were touched or live in the period."""
    if export.model is not None:
        return [export.model], _rows(ModelVersion, Q(model=export.model), "model__team", "run", "parent")
    if export.environment is not None:
        there = Q(environment=export.environment)
        asked = _ids(Review, there, "version__model") | _ids(Promotion, there, "version__model")
        of_them = Q(model__in=asked)
        return _rows(RegisteredModel, Q(id__in=asked), "team"), _rows(
            ModelVersion, of_them, "model__team", "run", "parent"
        )
    versions = set(touched[ModelVersion.ledger_type])
    models = set(touched[RegisteredModel.ledger_type])
    for kind, path in OF_VERSION.items():
        versions |= _ids(kind, Q(id__in=touched[kind.ledger_type]), path)
    for kind, path in OF_MODEL.items():
        models |= _ids(kind, Q(id__in=touched[kind.ledger_type]), path)
    during = DateTimeTZRange(export.period_start, export.period_end)
    versions |= set(LivePeriod.objects.filter(during__overlap=during).values_list("version", flat=True))
    found = _rows(ModelVersion, Q(id__in=versions), "model__team", "run", "parent")
    models |= {version.model_id for version in found}
    return _rows(RegisteredModel, Q(id__in=models), "team"), found


def _owned(models: list[RegisteredModel], versions: list[ModelVersion]) -> Iterable[Leaf]:
    """Every entry about the models, the versions and what is theirs, also about what was removed since."""
    refs: Subjects = defaultdict(set)
    refs[RegisteredModel.ledger_type] = {model.id for model in models}
    refs[ModelVersion.ledger_type] = {version.id for version in versions}
    for kind, path in OF_VERSION.items():
        refs[kind.ledger_type] |= _ids(kind, Q(**{f"{path}__in": versions}), "id")
    for kind, path in OF_MODEL.items():
        refs[kind.ledger_type] |= _ids(kind, Q(**{f"{path}__in": models}), "id")
    everything = set().union(*refs.values())
    for some in in_parts(everything):
        refs[Job.ledger_type] |= _ids(Job, Q(subject_ref__in=some), "id")
    for kind_name, ids in refs.items():
        yield from leaves_about([kind_name], ids)
    wanted = {str(model.id) for model in models}
    for leaf in leaves_where("s.subject_type = ANY(%s)", [list(REMOVABLE)]):
        state = leaf.data["data"]["before"] or leaf.after
        if state.get("model") in wanted and UUID(leaf.ref) not in everything:
            yield leaf


def _follow_to_people_and_policies(walk: _Walk, models: list[RegisteredModel]) -> None:
    """What is pointed to, the roles of everybody in scope, and every revision of the policies that govern."""
    tiers = ModelProfile.objects.filter(model__in=models).values_list("risk_tier", flat=True)
    walk.pointed_to[Policy.ledger_type] |= _ids(Policy, Q(risk_tier__in=list(tiers)), "id")
    size = -1
    while len(walk.indexes) != size:
        size = len(walk.indexes)
        walk.follow()
        policies = walk.about[Policy.ledger_type]
        walk.pointed_to[PolicyRevision.ledger_type] |= _ids(PolicyRevision, Q(policy__in=policies), "id")
        held = Q(team__isnull=True) | Q(team__in=walk.about[Team.ledger_type])
        walk.pointed_to[Membership.ledger_type] |= _ids(
            Membership, held & Q(user__in=walk.about[User.ledger_type]), "id"
        )
        walk.follow()


def _refuse_waiting(walk: _Walk, export: AuditExport) -> None:
    """Raise NotSealed when an entry that waits belongs into this bundle: its things would tell more than
    it."""
    for row in Unsealed.objects.exclude(verb__in=NOT_OF_THE_PERSON):
        of_period = (
            export.period_start is not None
            and export.period_end is not None
            and export.period_start <= row.recorded_at < export.period_end
        )
        if of_period or row.subject_ref in walk.about.get(row.subject_type, ()) or _belongs(row, walk):
            raise NotSealed


def _belongs(row: Unsealed, walk: _Walk) -> bool:
    """Whether a waiting entry is about a new thing of a model or version in scope."""
    owners = [(ModelVersion, OF_VERSION), (RegisteredModel, OF_MODEL)]
    return any(
        _ids(kind, Q(id=row.subject_ref), path) & walk.about[owner.ledger_type]
        for owner, things in owners
        for kind, path in things.items()
        if kind.ledger_type == row.subject_type
    )


def _references(leaf: Leaf) -> Iterable[tuple[str, UUID]]:
    """What an entry points to: its actor, and the ids its states hold."""
    actor = leaf.data["actor"]
    if actor["ref"] is not None:
        kind = User if actor["kind"] == ActorKind.PERSON else ServiceAccount
        yield kind.ledger_type, UUID(actor["ref"])
    states: list[dict[str, Any]] = [leaf.after, leaf.data["data"]["before"] or {}]
    states += leaf.details.get("inputs", []) if leaf.verb == "registry.version.registered" else []
    for state in states:
        for name, of in REFERENCES.items():
            if isinstance(ref := state.get(name), str) and UUID_TEXT.fullmatch(ref):
                yield of.ledger_type, UUID(ref)


def _ids(model: type[Any], condition: Q, path: str) -> set[UUID]:
    return {ref for ref in model.objects.filter(condition).values_list(path, flat=True) if ref is not None}


def _rows(model: type[Any], condition: Q, *joined: str) -> list[Any]:
    rows = model.objects.filter(condition).order_by("pk")
    return list(rows.select_related(*joined) if joined else rows)
