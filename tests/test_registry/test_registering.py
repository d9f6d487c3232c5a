"""Registering versions: whole or not at all, with exact entries, and everything that is refused."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from countersign.blobs.actions import keep_blobs
from countersign.blobs.storage import storage
from countersign.clock import stamp
from countersign.errors import CountersignError, Invalid, NotFound, Refused
from registry.versions import actions
from registry.versions.access import get_file, get_version
from registry.versions.actions import DeclaredFile, ReceivedFile
from registry.versions.models import ModelVersion
from registry.versions.queries import (
    manifest_document,
    newest_version,
    signature_digest,
    versions_visible_to,
)
from tests.factories import registry as make
from tests.test_registry.kit import (
    assert_entry,
    broken_ledger,
    leaves,
    nothing_changes,
    outsider,
    verbs_since,
    viewer,
)

pytestmark = pytest.mark.django_db


def test_a_version_is_told_in_the_ledger() -> None:
    team, maker = make.make_makers()
    model = make.make_model(team, actor=maker)
    count = len(leaves())
    content = make.skops_bytes("1")
    version = make.make_version(
        model,
        actor=maker,
        files={"model.skops": content, "notes/read me.txt": b"hello", "empty": b""},
        description="A first one.",
        libraries={"scikit-learn": "1.9.1"},
    )
    files = [
        {"path": "empty", "size": 0, "sha256": hashlib.sha256(b"").hexdigest()},
        {"path": "model.skops", "size": len(content), "sha256": hashlib.sha256(content).hexdigest()},
        {"path": "notes/read me.txt", "size": 5, "sha256": hashlib.sha256(b"hello").hexdigest()},
    ]
    assert manifest_document(version) == {"files": files}
    # Canonical JSON by another road: sorted keys, no spaces.
    canonical = json.dumps(
        {"files": files}, sort_keys=True, separators=(",", ":"), ensure_ascii=False
    ).encode()
    assert version.digest == hashlib.sha256(canonical).hexdigest()
    assert (version.number, version.flavour, version.entry_file, version.size) == (
        1, "skops", "model.skops", len(content) + 5,
    )  # fmt: skip
    assert verbs_since(count) == ["registry.version.registered", "registry.contributor.added"]
    state = {
        "model": str(model.pk),
        "number": 1,
        "digest": f"sha256:{version.digest}",
        "flavour": "skops",
        "entry_file": "model.skops",
        "size": version.size,
        "description": "A first one.",
        "run": None,
        "parent": None,
        "archived_at": None,
    }
    libraries = hashlib.sha256(b'[["scikit-learn","1.9.1"]]').hexdigest()
    details = {
        "files": 3,
        "signature": f"sha256:{signature_digest(version)}",
        "libraries": f"sha256:{libraries}",
        "inputs": [],
    }
    assert_entry(
        leaves()[count],
        verb="registry.version.registered",
        subject=version,
        actor=maker,
        after=state | {"details": details},
    )
    contributor = version.contributors.get()
    assert_entry(
        leaves()[count + 1],
        verb="registry.contributor.added",
        subject=contributor,
        actor=maker,
        after={
            "version": str(version.pk),
            "user": str(maker.ref),
            "kind": "uploader",
            "known_by": "authenticated",
            "service_account": None,
        },
    )
    assert newest_version(model) == version


def test_numbers_count_up_by_model() -> None:
    team, maker = make.make_makers()
    one, two = make.make_model(team, actor=maker), make.make_model(team, actor=maker)
    assert [make.make_version(one, actor=maker).number for _ in range(3)] == [1, 2, 3]
    assert make.make_version(two, actor=maker).number == 1


def test_a_refused_version_takes_no_number() -> None:
    team, maker = make.make_makers()
    model = make.make_model(team, actor=maker)
    with pytest.raises(Invalid):
        make.make_version(model, actor=maker, trainers=["nobody"])
    assert make.make_version(model, actor=maker).number == 1


def test_the_same_bytes_twice_are_kept_once() -> None:
    team, maker = make.make_makers()
    model = make.make_model(team, actor=maker)
    content = {"model.skops": make.skops_bytes("shared")}
    one, two = (make.make_version(model, actor=maker, files=content) for _ in range(2))
    assert one.digest == two.digest
    assert one.files.get().blob == two.files.get().blob


def test_where_the_ledger_cannot_be_written_there_is_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    team, maker = make.make_makers()
    model = make.make_model(team, actor=maker)
    with broken_ledger(monkeypatch):
        make.make_version(model, actor=maker)
    assert not ModelVersion.objects.exists()
    assert make.make_version(model, actor=maker).number == 1


def refused(code: str, **arguments: Any) -> CountersignError:
    """Register with these arguments and get refused by code, with nothing changed."""
    team, maker = make.make_makers()
    model = make.make_model(team, actor=maker)
    files = arguments.pop("files", {"model.skops": make.skops_bytes()})
    received = [ReceivedFile(path, make.incoming(content)) for path, content in files.items()]
    with nothing_changes(), pytest.raises(CountersignError) as raised:
        actions.register_version(
            model=model, files=received, actor=arguments.pop("actor", maker), **arguments
        )
    assert raised.value.code == code
    return raised.value


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        ("no_files", {"files": {}}),
        ("bad_path", {"files": {"../x": b"1"}}),
        ("bad_path", {"files": {"a": b"1", "A": b"2"}}),
        ("bad_path", {"files": {"x" * 5_000: b"1"}}),
        ("bad_path", {"files": {"": b"1"}}),
        ("flavour_disagrees", {"flavour": "joblib"}),
        ("flavour_disagrees", {"files": {"a": b"text"}, "flavour": "skops"}),
        ("entry_file_unknown", {"entry_file": "other.skops"}),
        ("bad_path", {"entry_file": "../model.skops"}),
        ("entry_file_needed", {"files": {"a.skops": make.skops_bytes(), "b.skops": make.skops_bytes()}}),
        ("unknown_person", {"trainers": ["nobody.at.all"]}),
        ("invalid", {"trainers": ["x"] * 51}),
        ("invalid", {"description": "x" * 8_001}),
        ("invalid", {"description": "a\0b"}),
        ("invalid", {"signature": {"features": []}}),
        ("invalid", {"signature": {"features": [{"name": "a"}]}}),
        ("invalid", {"signature": {"features": [{"name": "a", "type": "int64"}] * 2}}),
        ("invalid", {"signature": {"features": [{"name": "y", "type": "int64"}], "target": "y"}}),
        ("invalid", {"signature": {"features": [{"name": "a", "type": "int64"}], "threshold": 1.5}}),
        ("invalid", {"signature": {"features": [{"name": "a", "type": "int64"}], "threshold": float("nan")}}),
        ("invalid", {"signature": {"features": [{"name": "a", "type": "int64"}], "threshold": True}}),
        ("invalid", {"signature": {"feature": []}}),
        ("invalid", {"signature": ["a"]}),
        ("invalid", {"libraries": {"a": "x" * 101}}),
        ("invalid", {"libraries": ["a"]}),
        ("invalid", {"tags": {"": "x"}}),
        ("invalid", {"tags": {str(n): "x" for n in range(101)}}),
        ("bad_alias", {"alias": "latest"}),
        ("bad_alias", {"alias": "v3"}),
    ],
)
def test_what_is_refused_changes_nothing_and_says_what_to_mend(code: str, arguments: dict[str, Any]) -> None:
    error = refused(code, **arguments)
    assert isinstance(error, Invalid)
    assert error.message
    assert len(error.message) < 600


def test_who_may_not_register_is_refused() -> None:
    assert isinstance(refused("permission_missing", actor=outsider()), Refused)


DECLARED = DeclaredFile("a", 1, hashlib.sha256(b"1").hexdigest())


@pytest.mark.parametrize(
    ("code", "declared"),
    [
        ("files_differ", []),
        ("files_differ", [DECLARED, DeclaredFile("b", 1, "0" * 64)]),
        ("files_differ", [DeclaredFile("b", 1, "0" * 64)]),
        ("digest_mismatch", [DeclaredFile("a", 1, "0" * 64)]),
        ("digest_mismatch", [DeclaredFile("a", 2, DECLARED.sha256)]),
        ("bad_path", [DeclaredFile("./a", 1, DECLARED.sha256)]),
    ],
)
def test_the_files_are_exactly_those_announced(code: str, declared: list[DeclaredFile]) -> None:
    refused(code, files={"a": b"1"}, declared=declared)


def test_announced_files_that_arrived_are_registered() -> None:
    team, maker = make.make_makers()
    version = make.make_version(
        make.make_model(team, actor=maker), actor=maker, files={"a": b"1"}, declared=[DECLARED]
    )
    assert version.flavour == "unknown"
    assert version.entry_file == "a"


def test_the_bytes_of_a_version_can_be_read_again() -> None:
    team, maker = make.make_makers()
    version = make.make_version(make.make_model(team, actor=maker), actor=maker, files={"a/b": b"content"})
    file = get_file(maker, version.model.name, 1, "a/b")
    with storage().open(file.blob.key) as stored:
        assert stored.read() == b"content"
    with pytest.raises(NotFound):
        get_file(maker, version.model.name, 1, "a/c")


def test_to_know_of_a_version_is_not_to_have_its_bytes() -> None:
    team, maker = make.make_makers()
    version = make.make_version(make.make_model(team, actor=maker), actor=maker, files={"a": b"1"})
    looks = viewer(team)
    assert get_version(looks, version.model.name, 1) == version
    with pytest.raises(Refused):
        get_file(looks, version.model.name, 1, "a")
    stranger = outsider()
    with pytest.raises(NotFound):
        get_version(stranger, version.model.name, 1)
    with pytest.raises(NotFound):
        get_file(stranger, version.model.name, 1, "a")
    assert not versions_visible_to(stranger).exists()
    with pytest.raises(NotFound):
        get_version(maker, version.model.name, 2)


def test_a_parent_is_a_version_of_the_same_model() -> None:
    team, maker = make.make_makers()
    one, two = make.make_model(team, actor=maker), make.make_model(team, actor=maker)
    parent = make.make_version(one, actor=maker)
    assert make.make_version(one, actor=maker, parent=parent).parent == parent
    with nothing_changes(), pytest.raises(Invalid, match="same model"):
        make.make_version(two, actor=maker, parent=parent)


def test_tags_and_alias_come_with_the_version_or_not_at_all() -> None:
    team, maker = make.make_makers()
    model = make.make_model(team, actor=maker)
    version = make.make_version(model, actor=maker, tags={"team/owner": "risk"}, alias="challenger")
    assert {tag.key: tag.value for tag in version.tags.all()} == {"team/owner": "risk"}
    assert model.aliases.get().version == version
    with nothing_changes(), pytest.raises(Invalid):
        make.make_version(model, actor=maker, alias="no spaces")


def test_the_description_is_all_that_changes() -> None:
    team, maker = make.make_makers()
    version = make.make_version(make.make_model(team, actor=maker), actor=maker)
    before = version.ledger_state()
    actions.update_version(version=version, description="Words.", actor=maker)
    after = before | {"description": "Words."}
    assert_entry(
        leaves()[-1],
        verb="registry.version.updated",
        subject=version,
        actor=maker,
        before=before,
        after=after,
    )
    with nothing_changes():
        actions.update_version(version=version, description="Words.", actor=maker)
    stranger = outsider()
    with nothing_changes(), pytest.raises(Refused):
        actions.update_version(version=version, description="x", actor=stranger)


def test_archiving_and_restoring_a_version() -> None:
    team, maker = make.make_makers()
    model = make.make_model(team, actor=maker)
    version = make.make_version(model, actor=maker, alias="challenger")
    with nothing_changes(), pytest.raises(Refused, match="challenger"):
        actions.archive_version(version=version, actor=maker)
    actions.delete_alias(model=model, name="challenger", actor=maker)
    count = len(leaves())
    archived = actions.archive_version(version=version, actor=maker)
    assert archived.archived_at is not None
    assert leaves()[-1]["data"]["after"]["archived_at"] == stamp(archived.archived_at)
    assert newest_version(model) is None
    with nothing_changes(), pytest.raises(Refused, match="archived"):
        actions.set_alias(model=model, name="challenger", version=version, actor=maker)
    with nothing_changes(), pytest.raises(Refused, match="archived"):
        actions.archive_version(version=version, actor=maker)
    actions.restore_version(version=version, actor=maker)
    actions.restore_version(version=version, actor=maker)
    assert verbs_since(count) == ["registry.version.archived", "registry.version.restored"]
    assert make.make_version(model, actor=maker).number == 2


def test_the_largest_manifest_is_registered_in_few_statements(django_assert_max_num_queries: Any) -> None:
    team, maker = make.make_makers()
    model = make.make_model(team, actor=maker)
    received = make.incoming(b"first"), *keep_blobs([make.incoming(f"{n}".encode()) for n in range(50)])
    files = [ReceivedFile(f"shards/{n}.bin", received[n % 51]) for n in range(2_000)]
    with django_assert_max_num_queries(40):
        version = actions.register_version(model=model, files=files, actor=maker)
    assert version.files.count() == 2_000
