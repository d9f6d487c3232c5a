"""A small world with every kind of decision in it, the bundles exported from it, and bundles by a lying exporter.

world = build()                       # needs a database that commits: sealing is no part of a test's transaction
export = take(model=world.model)      # asked for and written by the job; export.state == "ready"
"""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.conf import settings

from countersign import clock
from countersign.accounts.actions import create_token
from countersign.accounts.models import User
from countersign.actors import Actor
from countersign.blobs.store import open_blob
from countersign.jobs import runner
from countersign.ledger import keys
from countersign.ledger.container import Member, write_container
from countersign.ledger.models import Tree
from countersign.ledger.note import Head, VerifierKey, sign
from countersign.ledger.offline import verify
from countersign.permissions import Role, Scope
from governance.environments.models import Environment
from governance.export.actions import request_export
from governance.export.models import AuditExport
from governance.policies.actions import draft_revision, put_in_force
from governance.policies.models import PolicyRevision
from governance.profiles.actions import set_profile
from governance.promotion.actions import promote, roll_back
from governance.reviews.actions import (
    add_remark,
    answer_changes,
    open_thread,
    request_review,
    resolve_thread,
    sign_off,
)
from governance.reviews.models import Review
from governance.reviews.queries import standing_of
from registry.datasets.models import DatasetVersion
from registry.lineage.actions import add_lineage_edge
from registry.runs.actions import RunDescription, Source
from registry.versions.actions import delete_alias, delete_tag, set_alias, set_tag
from registry.versions.models import ModelVersion, RegisteredModel
from registry.versions.values import InputClaim
from tests.factories import registry as make
from tests.factories.governance import AUC, make_card, make_compliance, make_policy, policy_text
from tests.factories.people import actor_for, make_user
from tests.test_core.ledger_kit import begin
from tests.test_governance import evidence_kit
from tests.test_governance.review_kit import fresh

NAME = "Größe <b> & “2”, 模型"
EMAIL = "vera.validator@example.org"
SIGN_OFFS = [
    {"key": "authorship", "title": "Authorship", "meaning": "authorship", "role": "owner"},
    {
        "key": "validation",
        "title": "Independent validation",
        "meaning": "validation",
        "role": "reviewer",
        "independent": True,
    },
    {"key": "approval", "title": "Approval", "meaning": "approval", "role": "approver"},
]


@dataclass
class World:
    """One model: version 1 was live, then 2, then 1 again by rollback; 3 is under review. Another model of another
    team stands beside it."""

    model: RegisteredModel
    other: RegisteredModel
    first: ModelVersion
    second: ModelVersion
    third: ModelVersion
    data: DatasetVersion
    maker: Actor
    validator: User
    approver: User
    owner: User
    policy: PolicyRevision
    environment: Environment
    began: datetime
    second_live: datetime
    token: str

    def ask(self, version: ModelVersion, reason: str = "It ranks better.") -> Review:
        """A review of a version for production."""
        return request_review(
            version=ModelVersion.objects.select_related("model").get(id=version.id),
            environment=self.environment,
            reason=reason,
            due_on=None,
            actor=self.maker,
        )

    def sign(self, review: Review, user: User, requirement: str, **given: Any) -> None:
        """A sign-off on the subject as it is now; an approval, unless told otherwise."""
        asked: dict[str, Any] = {
            "decision": "approve",
            "seen_digest": standing_of(fresh(review)).subject.digest,
            "reason": f"I looked at the evidence, says {user.username}.",
            "reauthenticated_at": clock.now(),
            "method": "password",
        }
        sign_off(review=review, requirement=requirement, actor=actor_for(user), **(asked | given))

    def approve(self, version: ModelVersion) -> Review:
        """A review with every signature."""
        review = self.ask(version)
        maker = User.objects.get(id=self.maker.ref)
        for user, requirement in (
            (maker, "authorship"),
            (self.validator, "validation"),
            (self.approver, "approval"),
        ):
            self.sign(review, user, requirement)
        return review

    def promote(self, version: ModelVersion) -> None:
        """Make it live, by an owner."""
        promote(
            version=version, environment=self.environment, reason="Approved.", actor=actor_for(self.owner)
        )


def build() -> World:
    """The world, in a ledger of its own, by the product's actions."""
    began = clock.now()
    begin()
    rules = [AUC | {"limit": 0.6}]
    policy = make_policy(policy_text(sign_offs=SIGN_OFFS, rules=rules))
    team, maker = make.make_makers("Kredit")
    validator = make_user("vera", full_name="Vera Validator", roles=[(Role.REVIEWER, team)])
    User.objects.filter(id=validator.id).update(email=EMAIL)
    approver = make_user("arun", full_name="Arun Approver", roles=[(Role.APPROVER, team)])
    owner = make_user("olga", full_name="Olga Owner", roles=[(Role.OWNER, team)])
    _, token = create_token(
        holder=owner, name="CI", scopes={Scope.READ}, days=30, actor=Actor.system("shell")
    )
    model = make.make_model(team, actor=maker, name=NAME)
    set_profile(model=model, risk_tier="high", purpose="Ranks.", tier_reason="Credit.", actor=maker)
    training = make.make_dataset_version(make.make_dataset(team, actor=maker), actor=maker)
    data = make.make_dataset_version(
        make.make_dataset(team, actor=maker, name="holdout"),
        actor=maker,
        content=evidence_kit.labelled_parquet(),
        descriptor=evidence_kit.DESCRIPTOR,
    )
    run = RunDescription(
        experiment="training",
        name="nightly",
        parameters={"method": "trees"},
        source=Source(repository="https://git.example/risk", commit="c0ffee" * 6 + "c0ff", clean=False),
    )
    inputs = [InputClaim(training, "training", training.digest), InputClaim(data, "evaluation")]
    first = make.make_version(
        model, actor=maker, run=run, inputs=inputs, tags={"stage": "one"}, alias="candidate"
    )
    add_lineage_edge(version=first, kind="pipeline", name="nightly build", actor=maker)
    second = make.make_version(model, actor=maker, parent=first)
    third = make.make_version(model, actor=maker)
    other_team, other_maker = make.make_makers("Claims")
    other = make.make_model(other_team, actor=other_maker, name="claims")
    make.make_version(other, actor=other_maker)
    world = World(
        model=model,
        other=other,
        first=first,
        second=second,
        third=third,
        data=data,
        maker=maker,
        validator=validator,
        approver=approver,
        owner=owner,
        policy=policy,
        environment=policy.policy.environment,
        began=began,
        second_live=began,
        token=token,
    )
    _live_through(world)
    return world


def _live_through(world: World) -> None:
    """What happened to the three versions."""
    maker, model = world.maker, world.model
    writer = actor_for(make_user("carla", full_name="Carla Card", roles=[(Role.CONTRIBUTOR, model.team)]))
    make_card(world.first, actor=writer, sections={"purpose": "Ranks *accounts* — Größe <b>."})
    evidence_kit.make_failed(world.first, world.data, actor=maker)
    evidence_kit.make_evidence(world.first, world.data, actor=maker)
    review = world.ask(world.first)
    world.sign(review, world.validator, "validation", decision="request_changes", reason="Explain <the> gap.")
    add_remark(review=review, body="See the **card**.", actor=maker)
    thread = open_thread(review=review, anchor="section:limitations", body="Which groups?", actor=maker)
    resolve_thread(thread=thread, actor=actor_for(world.validator))
    make_card(world.first, actor=writer, sections={"limitations": "Small groups."})
    answer_changes(review=review, actor=maker)
    for user, requirement in (
        (User.objects.get(id=maker.ref), "authorship"),
        (world.validator, "validation"),
        (world.approver, "approval"),
    ):
        world.sign(review, user, requirement)
    world.promote(world.first)
    evidence_kit.make_evidence(world.second, world.data, actor=maker, signal=0.9)
    world.approve(world.second)
    world.second_live = clock.now()
    world.promote(world.second)
    roll_back(
        version=world.first,
        environment=world.environment,
        reason="Declines rose.",
        actor=actor_for(world.owner),
    )
    make_card(world.second, actor=writer, sections={"purpose": "Changed after it was signed."})
    add_lineage_edge(version=world.first, kind="document", name="later memo", actor=maker)
    set_alias(model=model, name="candidate", version=world.second, actor=maker)
    delete_alias(model=model, name="candidate", actor=maker)
    set_tag(model=model, key="cost centre", value="12", actor=maker)
    delete_tag(model=model, key="cost centre", actor=maker)
    revision = draft_revision(
        policy=world.policy.policy,
        text=world.policy.text.replace("approval_valid_days: 365", "approval_valid_days: 200"),
        actor=make_compliance(),
    )
    put_in_force(revision=revision, actor=make_compliance())
    evidence_kit.make_evidence(world.third, world.data, actor=maker)
    world.ask(world.third)


def auditor() -> Actor:
    """Somebody who may take everything away."""
    return actor_for(make_user(full_name="August Auditor", roles=[(Role.AUDITOR, None)]))


def take(*, actor: Actor | None = None, reason: str = "Yearly audit.", **scope: Any) -> AuditExport:
    """An export that was asked for and whose job ran."""
    export = request_export(reason=reason, actor=actor or auditor(), **scope)
    runner.run(export.job_id)
    return AuditExport.objects.select_related("blob", "job").get(id=export.id)


def content_of(export: AuditExport) -> bytes:
    """The bytes of a written bundle."""
    assert export.blob is not None, f"{export.state}: {export.failure}"
    with open_blob(export.blob) as file:
        return file.read()


@dataclass(frozen=True)
class Exported:
    """The bundles about the model, a period and the environment, what the verifier said of each, and facts to look
    for."""

    model: bytes
    period: bytes
    environment: bytes
    model_said: str
    period_said: str
    environment_said: str
    keys: tuple[str, ...]
    facts: Mapping[str, Any]

    def check(self, content: bytes, folder: Path) -> subprocess.CompletedProcess[str]:
        """As an auditor does: a file, an isolated interpreter, the script alone."""
        bundle = folder / "bundle.zip"
        bundle.write_bytes(content)
        return subprocess.run(
            [sys.executable, "-I", verify.__file__, str(bundle), *self.keys], capture_output=True, text=True
        )

    def says(self, content: bytes, folder: Path, capsys: Any) -> str:
        """What the verifier complains of in a bundle; it must complain."""
        bundle = folder / "bundle.zip"
        bundle.write_bytes(content)
        assert verify.main([str(bundle), *self.keys]) == 1, "it holds"
        complaint: str = capsys.readouterr().err
        return complaint


def export_everything() -> Exported:
    """Build the world and take the three bundles."""
    world = build()
    by_model = take(model=world.model)
    by_period = take(period_start=world.began, period_end=clock.now() + timedelta(days=1))
    by_environment = take(environment=world.environment)
    return Exported(
        model=content_of(by_model),
        period=content_of(by_period),
        environment=content_of(by_environment),
        model_said=by_model.verification,
        period_said=by_period.verification,
        environment_said=by_environment.verification,
        keys=verifier_keys(),
        facts={
            "model": str(world.model.id),
            "environment": str(world.environment.id),
            "other": str(world.other.id),
            "versions": [str(one.id) for one in (world.first, world.second, world.third)],
            "token": world.token,
            "digest": world.first.digest,
            "second_live": clock.stamp(world.second_live),
            "people": {
                "maker": str(world.maker.ref),
                "validator": str(world.validator.id),
                "approver": str(world.approver.id),
                "owner": str(world.owner.id),
            },
        },
    )


def verifier_keys() -> tuple[str, ...]:
    """The arguments that give the verifier its keys."""
    export_key = VerifierKey.of(settings.EXPORT_ORIGIN, keys.export_key())
    return ("--key", Tree.objects.get().vkey, "--export-key", str(export_key))


def files_of(bundle: bytes) -> dict[str, bytes]:
    """The members of a bundle by path, in their order."""
    with zipfile.ZipFile(io.BytesIO(bundle)) as container:
        return {name: container.read(name) for name in container.namelist()}


def json_of(bundle: bytes, path: str) -> Any:
    """A JSON document of a bundle."""
    return json.loads(files_of(bundle)[path])


def lines_of(bundle: bytes, path: str) -> list[Any]:
    """The documents of a file that holds one a line."""
    return [json.loads(line) for line in files_of(bundle)[path].splitlines()]


def leaves_of(bundle: bytes) -> list[dict[str, Any]]:
    """The entries of a bundle, in the order of the log."""
    packed = files_of(bundle)["ledger/entries.jsonl.gz"]
    return [json.loads(line) for line in gzip.decompress(packed).splitlines()]


Change = Callable[[dict[str, bytes]], None]


def forged(bundle: bytes, change: Change) -> bytes:
    """The bundle of an exporter who lies: files changed, manifest made and signed anew with the right key."""
    files = files_of(bundle)
    change(files)
    members = [
        Member.measure(name, content) for name, content in files.items() if "manifest." not in name[:9]
    ]
    listed = [{"path": one.path, "sha256": one.sha256, "size": one.size} for one in members]
    manifest = Member.measure("manifest.json", json.dumps({"files": listed}).encode())
    origin = settings.EXPORT_ORIGIN
    note = sign(f"{origin}\n{manifest.sha256}\n", origin, keys.export_key())
    sink = io.BytesIO()
    write_container(sink, [manifest, Member.measure("manifest.note", note.encode()), *members])
    return sink.getvalue()


def edited(path: str, edit: Callable[[Any], Any]) -> Change:
    """A change of one JSON document: `edit` changes it in place, or gives another."""

    def change(files: dict[str, bytes]) -> None:
        document = json.loads(files[path])
        given = edit(document)
        files[path] = verify.canonical(document if given is None else given)

    return change


def line_edited(path: str, edit: Callable[[list[Any]], Any]) -> Change:
    """A change of the documents of a file that holds one a line."""

    def change(files: dict[str, bytes]) -> None:
        documents = [json.loads(line) for line in files[path].splitlines()]
        edit(documents)
        files[path] = b"".join(verify.canonical(document) + b"\n" for document in documents)

    return change


@contextmanager
def believing(bundle: bytes, lie: Callable[[list[dict[str, Any]]], None]) -> Iterator[verify.Reader]:
    """A reader of the bundle for whom the log had said something else: `lie` changes its entries. What the log said
    cannot be changed in a bundle; this is how the checks are asked about things the product refuses to do."""
    file = io.BytesIO(bundle)
    given = verifier_keys_of(bundle)
    read = verify.Reader(file, verify.read_container(file, given["export"]), [given["log"]], given["export"])
    leaves = leaves_of(bundle)
    lie(leaves)
    told = [verify.canonical(leaf) for leaf in leaves]
    read.__dict__["entries"] = verify.Entries(read.indexes(), told)
    yield read


def checkpoint(size: int, root: bytes) -> bytes:
    """A checkpoint that the holder of the log's key signs of any log they like."""
    head = Head(settings.LEDGER_ORIGIN, size, root)
    return sign(head.text(), settings.LEDGER_ORIGIN, keys.ledger_key()).encode()


def verifier_keys_of(bundle: bytes) -> dict[str, str]:
    """The keys a bundle says are right."""
    given: dict[str, str] = json_of(bundle, "keys.json")
    return given


def digest(content: bytes) -> str:
    """As entries write it."""
    return f"sha256:{sha256(content).hexdigest()}"
