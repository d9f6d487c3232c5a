"""Uploading step by step: no version before the end, nothing half, and only by who opened it."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from countersign.blobs.actions import collect_unreferenced
from countersign.blobs.models import Blob
from countersign.errors import Conflict, CountersignError, Invalid, NoRoom, NotFound, Refused, TooLarge
from countersign.permissions import Role
from registry.versions import actions
from registry.versions.access import get_upload
from registry.versions.models import ModelVersion, Upload, UploadFile, UploadState
from tests.factories import registry as make
from tests.factories.people import actor_for, make_user
from tests.test_registry.kit import broken_ledger, last, leaves, nothing_changes, outsider, viewer

pytestmark = pytest.mark.django_db

CONTENT = make.skops_bytes("upload")


def announced(path: str = "model.skops", content: bytes = CONTENT) -> dict[str, Any]:
    """A file as it is announced."""
    return {"path": path, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def test_open_put_finalise() -> None:
    team, maker = make.make_makers()
    model = make.make_model(team, actor=maker)
    count = len(leaves())
    metadata = {
        "description": "Step by step.",
        "signature": make.SIGNATURE,
        "tags": {"a": "b"},
        "alias": "challenger",
    }
    upload = actions.open_upload(
        model=model, metadata={**metadata, "files": [announced(), announced("b.txt", b"b")]}, actor=maker
    )
    actions.put_file(upload=upload, path="model.skops", incoming=make.incoming(CONTENT), actor=maker)
    assert len(leaves()) == count  # an upload is no fact of the ledger; the version is
    assert not ModelVersion.objects.exists()
    with nothing_changes(), pytest.raises(Invalid, match="has not arrived"):
        actions.finalise_upload(upload=upload, actor=maker)
    actions.put_file(upload=upload, path="b.txt", incoming=make.incoming(b"b"), actor=maker)
    version = actions.finalise_upload(upload=upload, actor=maker)
    assert (version.number, version.flavour, version.description) == (1, "skops", "Step by step.")
    assert version.signature["threshold"] == 0.3
    assert model.aliases.get().version == version
    assert last("registry.version.registered")["subject"]["ref"] == str(version.pk)
    upload.refresh_from_db()
    assert (upload.state, upload.version) == (UploadState.FINALISED, version)
    assert not UploadFile.objects.exists()
    with nothing_changes():
        assert actions.finalise_upload(upload=upload, actor=maker) == version
    for call in (
        lambda: actions.put_file(upload=upload, path="b.txt", incoming=make.incoming(b"b"), actor=maker),
        lambda: actions.abandon_upload(upload=upload, actor=maker),
    ):
        with nothing_changes(), pytest.raises(Conflict) as raised:
            call()
        assert raised.value.code == "upload_closed"


@pytest.mark.parametrize(
    ("path", "content", "code"),
    [
        ("model.skops", b"other bytes", "digest_mismatch"),
        ("other.skops", CONTENT, "files_differ"),
        ("../model.skops", CONTENT, "bad_path"),
    ],
)
def test_a_file_that_was_not_announced_so_is_refused(path: str, content: bytes, code: str) -> None:
    team, maker = make.make_makers()
    model = make.make_model(team, actor=maker)
    upload = actions.open_upload(model=model, metadata={"files": [announced()]}, actor=maker)
    with nothing_changes(), pytest.raises(Invalid) as raised:
        actions.put_file(upload=upload, path=path, incoming=make.incoming(content), actor=maker)
    assert raised.value.code == code


def test_a_file_sent_again_takes_the_place_of_the_first() -> None:
    team, maker = make.make_makers()
    upload = actions.open_upload(model=make.make_model(team, actor=maker), metadata={}, actor=maker)
    for content in (b"first", b"second"):
        actions.put_file(upload=upload, path="a.txt", incoming=make.incoming(content), actor=maker)
    version = actions.finalise_upload(upload=upload, actor=maker)
    assert [file.blob_id for file in version.files.all()] == [hashlib.sha256(b"second").hexdigest()]


def test_paths_that_clash_are_refused_at_the_end() -> None:
    team, maker = make.make_makers()
    upload = actions.open_upload(model=make.make_model(team, actor=maker), metadata={}, actor=maker)
    for path in ("a", "A"):
        actions.put_file(upload=upload, path=path, incoming=make.incoming(b"x"), actor=maker)
    with nothing_changes(), pytest.raises(Invalid) as raised:
        actions.finalise_upload(upload=upload, actor=maker)
    assert raised.value.code == "bad_path"


def test_an_upload_without_files_becomes_nothing() -> None:
    team, maker = make.make_makers()
    upload = actions.open_upload(model=make.make_model(team, actor=maker), metadata={}, actor=maker)
    with nothing_changes(), pytest.raises(Invalid) as raised:
        actions.finalise_upload(upload=upload, actor=maker)
    assert raised.value.code == "no_files"


@pytest.mark.parametrize(
    ("metadata", "error"),
    [
        ({"unknown": 1}, Invalid),
        ({"signature": {"features": 3}}, Invalid),
        ({"description": "a\0"}, Invalid),
        ({"tags": {"k": "a\0"}}, Invalid),
        ({"tags": {"k": 1}}, Invalid),
        ({"libraries": {"a\0": "1"}}, Invalid),
        ({"trainers": "ada"}, Invalid),
        ({"trainers": [1]}, Invalid),
        ({"parent": 3}, NotFound),
        ({"parent": "1"}, Invalid),
        ({"parent": 2**40}, NotFound),
        ({"run": "no uuid"}, Invalid),
        ({"run": "00000000-0000-0000-0000-000000000000"}, NotFound),
        ({"run": 3}, Invalid),
        ({"run": {"experiment": "e", "typo": 1}}, Invalid),
        ({"run": {"experiment": "e", "source_clean": "yes"}}, Invalid),
        ({"run": {"experiment": "e", "metrics": [{"key": "m"}]}}, Invalid),
        ({"inputs": [{"dataset": "none", "version": 1}]}, NotFound),
        ({"inputs": [{"dataset": "none"}]}, Invalid),
        ({"inputs": [{"dataset": 3, "version": 1}]}, Invalid),
        ({"inputs": [{"dataset": "a\0", "version": 1}]}, Invalid),
        ({"inputs": [{"dataset": "none", "version": True}]}, Invalid),
        ({"inputs": {"dataset": "none", "version": 1}}, Invalid),
        ({"files": "model.skops"}, Invalid),
        ({"files": [{"path": "a", "size": -1, "sha256": "0" * 64}]}, Invalid),
        ({"files": [{"path": "a", "size": 1, "sha256": "short"}]}, Invalid),
        ({"files": [{"path": "a", "size": 1}]}, Invalid),
        ({"files": [{"path": "../a", "size": 1, "sha256": "0" * 64}]}, Invalid),
        ({"files": [{"path": "a", "size": 2**45, "sha256": "0" * 64}]}, TooLarge),
    ],
)
def test_metadata_is_checked_when_the_upload_is_opened(
    metadata: dict[str, Any], error: type[CountersignError]
) -> None:
    team, maker = make.make_makers()
    model = make.make_model(team, actor=maker)
    with nothing_changes(), pytest.raises(error):
        actions.open_upload(model=model, metadata=metadata, actor=maker)


def test_no_room_is_said_at_once(settings: Any) -> None:
    team, maker = make.make_makers()
    model = make.make_model(team, actor=maker)
    settings.BLOB_SIZE_LIMIT = 2**60
    with nothing_changes(), pytest.raises(NoRoom):
        actions.open_upload(
            model=model, metadata={"files": [{"path": "a", "size": 2**50, "sha256": "0" * 64}]}, actor=maker
        )


def test_only_who_opened_it_may_add_to_it() -> None:
    team, maker = make.make_makers()
    upload = actions.open_upload(model=make.make_model(team, actor=maker), metadata={}, actor=maker)
    colleague = actor_for(make_user(roles=[(Role.CONTRIBUTOR, team), (Role.OWNER, team)]))
    for actor in (colleague, outsider(), viewer(team)):
        with pytest.raises(NotFound):
            get_upload(actor, upload.pk)
    assert get_upload(maker, upload.pk) == upload
    for actor in (outsider(), viewer(team)):
        with nothing_changes(), pytest.raises(Refused):
            actions.open_upload(model=upload.model, metadata={}, actor=actor)


def test_who_lost_the_role_meanwhile_registers_nothing() -> None:
    from countersign.accounts.actions import end_role
    from countersign.accounts.models import Membership
    from countersign.actors import Actor

    team, _ = make.make_makers()
    user = make_user(roles=[(Role.CONTRIBUTOR, team)])
    upload = actions.open_upload(
        model=make.make_model(team, actor=actor_for(user)), metadata={}, actor=actor_for(user)
    )
    actions.put_file(upload=upload, path="a", incoming=make.incoming(b"x"), actor=actor_for(user))
    end_role(membership=Membership.objects.get(user=user), actor=Actor.system())
    with nothing_changes(), pytest.raises(Refused):
        actions.finalise_upload(upload=upload, actor=actor_for(user))
    with pytest.raises(NotFound):
        get_upload(actor_for(user), upload.pk)


def test_abandoning_lets_go_of_the_bytes() -> None:
    team, maker = make.make_makers()
    upload = actions.open_upload(model=make.make_model(team, actor=maker), metadata={}, actor=maker)
    actions.put_file(upload=upload, path="a", incoming=make.incoming(b"x"), actor=maker)
    for _ in range(2):
        actions.abandon_upload(upload=upload, actor=maker)
    assert not UploadFile.objects.exists()
    assert Blob.objects.count() == 1  # the collector's, a day later
    with nothing_changes(), pytest.raises(Conflict):
        actions.finalise_upload(upload=upload, actor=maker)


def test_an_upload_expires(settings: Any) -> None:
    team, maker = make.make_makers()
    upload = actions.open_upload(model=make.make_model(team, actor=maker), metadata={}, actor=maker)
    actions.put_file(upload=upload, path="a", incoming=make.incoming(b"x"), actor=maker)
    assert actions.abandon_expired_uploads() == 0
    settings.CLOCK_OFFSET_SECONDS = 8 * 86_400
    with nothing_changes(), pytest.raises(Conflict, match="expired"):
        actions.finalise_upload(upload=upload, actor=maker)
    assert actions.abandon_expired_uploads() == 1
    assert Upload.objects.get().state == UploadState.ABANDONED
    assert not UploadFile.objects.exists()


def test_where_the_ledger_cannot_be_written_the_upload_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    team, maker = make.make_makers()
    upload = actions.open_upload(model=make.make_model(team, actor=maker), metadata={}, actor=maker)
    actions.put_file(upload=upload, path="a", incoming=make.incoming(b"x"), actor=maker)
    with broken_ledger(monkeypatch):
        actions.finalise_upload(upload=upload, actor=maker)
    assert actions.finalise_upload(upload=upload, actor=maker).number == 1


def test_the_collector_closes_what_nobody_finished_and_takes_its_bytes(settings: Any) -> None:
    team, maker = make.make_makers()
    upload = actions.open_upload(model=make.make_model(team, actor=maker), metadata={}, actor=maker)
    actions.put_file(upload=upload, path="a", incoming=make.incoming(b"given up"), actor=maker)
    kept = make.make_version(upload.model, actor=maker).files.get().blob
    settings.CLOCK_OFFSET_SECONDS = 6 * 86_400
    assert collect_unreferenced().blobs == 0
    settings.CLOCK_OFFSET_SECONDS = 8 * 86_400
    assert collect_unreferenced().blobs == 1
    assert list(Blob.objects.all()) == [kept]
