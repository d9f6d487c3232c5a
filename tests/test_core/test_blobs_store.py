"""Bytes arrive whole or not at all, in constant memory, and leave nothing behind when refused."""

from __future__ import annotations

import hashlib
import os
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import IntegrityError, transaction

from countersign import clock
from countersign.blobs.actions import collect_unreferenced, keep_blob, keep_blobs
from countersign.blobs.models import Blob
from countersign.blobs.storage import LocalDisk, _storage_at, storage
from countersign.blobs.store import (
    discard,
    is_intact,
    kept_or_discarded,
    local_path,
    open_blob,
    receive,
    sha256_of_text,
)
from countersign.env import WrongSetting
from countersign.errors import Conflict, CountersignError, Invalid, NoRoom, TooLarge

CONTENT = b"the bytes of a model"
DIGEST = hashlib.sha256(CONTENT).hexdigest()
LIMIT = 1024


def everything() -> set[Path]:
    """Every file in the storage."""
    root = storage().root  # type: ignore[attr-defined]
    return {path for path in root.rglob("*") if path.is_file()}


@pytest.fixture(autouse=True)
def _own_storage(tmp_path: Path, settings: Any) -> None:
    settings.STORAGE_URL = f"file://{tmp_path / 'blobs'}"


def test_received_bytes_lie_under_their_digest_and_a_key_of_their_own() -> None:
    one = receive([CONTENT[:5], CONTENT[5:]], size=len(CONTENT), expected_sha256=DIGEST, limit=LIMIT)
    two = receive([CONTENT], size=None, expected_sha256=None, limit=LIMIT)
    assert (one.sha256, one.size) == (two.sha256, two.size) == (DIGEST, len(CONTENT))
    assert one.key != two.key
    assert one.key.startswith(f"{DIGEST}/")
    with storage().open(one.key) as file:
        assert file.read() == CONTENT
    assert len(everything()) == 2


def test_files_are_for_the_serving_user_only_and_read_only() -> None:
    key = receive([CONTENT], size=None, expected_sha256=None, limit=LIMIT).key
    with storage().local_path(key) as path:
        assert path.stat().st_mode & 0o777 == 0o400
        assert path.parent.stat().st_mode & 0o777 == 0o700


def cut(*blocks: bytes) -> Iterator[bytes]:
    """A stream that breaks off."""
    yield from blocks
    raise Invalid("The upload was cut.", code="upload_cut")


@pytest.mark.parametrize(
    ("arguments", "error", "code"),
    [
        ({"size": 19}, Invalid, "size_mismatch"),
        ({"size": 21}, Invalid, "size_mismatch"),
        ({"expected_sha256": "0" * 64}, Invalid, "digest_mismatch"),
        ({"expected_sha256": "nothing"}, Invalid, "bad_digest"),
        ({"limit": 19}, TooLarge, "too_large"),
        ({"size": 20, "limit": 19}, TooLarge, "too_large"),
        ({"stream": cut(CONTENT)}, Invalid, "upload_cut"),
    ],
)
def test_what_is_refused_leaves_nothing(
    arguments: dict[str, Any], error: type[CountersignError], code: str
) -> None:
    call = {"stream": [CONTENT], "size": None, "expected_sha256": None, "limit": LIMIT} | arguments
    stream = call.pop("stream")
    with pytest.raises(error) as raised:
        receive(stream, **call)
    assert raised.value.code == code
    assert everything() == set()


def test_a_stream_that_fails_by_itself_leaves_nothing() -> None:
    def broken() -> Iterator[bytes]:
        yield CONTENT
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        receive(broken(), size=None, expected_sha256=None, limit=LIMIT)
    assert everything() == set()


def test_no_room_is_said_before_a_byte_is_read() -> None:
    disk = os.statvfs(settings.COUNTERSIGN_HOME)
    beyond = disk.f_blocks * disk.f_frsize + 1

    def unread() -> Iterator[bytes]:
        pytest.fail("a byte was asked for")
        yield b""

    with pytest.raises(NoRoom, match="were announced and the storage has room for"):
        receive(unread(), size=beyond, expected_sha256=None, limit=beyond)
    assert everything() == set()


def test_a_disk_that_fills_up_is_no_room_and_leaves_nothing(tmp_path: Path) -> None:
    # /dev/full answers every write as a full disk does.
    place = LocalDisk(tmp_path / "full")
    pending = place.begin()
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, pending._file)  # type: ignore[arg-type]
    os.close(full)
    with pytest.raises(NoRoom, match="The storage is full"):
        pending.write(CONTENT)
    pending.discard()
    assert list(place.arriving.iterdir()) == []


def test_memory_stays_constant() -> None:
    block = bytes(1024 * 1024)
    receive([block], size=None, expected_sha256=None, limit=2**30)
    tracemalloc.start()
    try:
        receive((block for _ in range(200)), size=200 * len(block), expected_sha256=None, limit=2**30)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * len(block)


def test_zero_bytes_are_bytes() -> None:
    incoming = receive([], size=0, expected_sha256=None, limit=LIMIT)
    assert incoming.size == 0
    assert incoming.sha256 == hashlib.sha256(b"").hexdigest()


@pytest.mark.parametrize("text", [DIGEST, DIGEST.upper(), f"sha256:{DIGEST}", f" {DIGEST}\n"])
def test_a_digest_has_one_form(text: str) -> None:
    assert sha256_of_text(text) == DIGEST


@pytest.mark.parametrize("key", ["../escape", "/etc/passwd", f"{DIGEST}/../../x", DIGEST, ""])
def test_a_key_never_leads_out_of_the_storage(key: str) -> None:
    with pytest.raises(ValueError, match="is no key"):
        storage().open(key)
    with pytest.raises(ValueError, match="is no key"):
        storage().delete(key)


@pytest.mark.parametrize("url", ["s3://bucket", "file:relative", "file://relative/path", ""])
def test_a_wrong_storage_url_is_named(url: str) -> None:
    with pytest.raises(WrongSetting, match="STORAGE_URL"):
        _storage_at(url)


@pytest.mark.django_db
def test_bytes_kept_twice_are_one_row_and_one_file(django_capture_on_commit_callbacks: Any) -> None:
    first = keep_blob(receive([CONTENT], size=None, expected_sha256=None, limit=LIMIT))
    with django_capture_on_commit_callbacks(execute=True):
        twin = receive([CONTENT], size=None, expected_sha256=None, limit=LIMIT)
        second = keep_blob(twin)
        with storage().open(twin.key):
            pass  # until the commit, both copies are there
    assert first == second
    assert second.key == first.key
    assert len(everything()) == 1
    with open_blob(second) as file:
        assert file.read() == CONTENT
    with local_path(second) as path:
        assert path.read_bytes() == CONTENT
    assert is_intact(second)


@pytest.mark.django_db
def test_damaged_bytes_are_found() -> None:
    blob = keep_blob(receive([CONTENT], size=None, expected_sha256=None, limit=LIMIT))
    with local_path(blob) as path:
        path.chmod(0o600)
        path.write_bytes(b"changed")
    assert not is_intact(blob)
    storage().delete(blob.key)
    assert not is_intact(blob)


@pytest.mark.django_db
def test_a_refused_action_discards_what_it_was_given() -> None:
    incoming = receive([CONTENT], size=None, expected_sha256=None, limit=LIMIT)

    def refused_after_keeping() -> None:
        with kept_or_discarded([incoming]), transaction.atomic():
            keep_blob(incoming)
            raise Conflict("Another was first.")

    with pytest.raises(Conflict):
        refused_after_keeping()
    assert everything() == set()
    assert not Blob.objects.exists()


@pytest.mark.django_db
def test_after_an_unknown_error_the_bytes_stay_for_the_collector() -> None:
    incoming = receive([CONTENT], size=None, expected_sha256=None, limit=LIMIT)
    with pytest.raises(RuntimeError, match="may or may not"), kept_or_discarded([incoming]):
        raise RuntimeError("the commit may or may not have happened")
    assert len(everything()) == 1


@pytest.mark.django_db
def test_the_collector_takes_what_nobody_names_and_is_old(settings: Any) -> None:
    old = keep_blob(receive([b"old"], size=None, expected_sha256=None, limit=LIMIT))
    stray = receive([b"stray"], size=None, expected_sha256=None, limit=LIMIT)
    storage().begin().write(b"half")
    settings.CLOCK_OFFSET_SECONDS = timedelta(hours=25).total_seconds()
    young = keep_blob(receive([b"young"], size=None, expected_sha256=None, limit=LIMIT))
    os.utime(storage().path(young.key), times=(clock.now().timestamp(),) * 2)  # type: ignore[attr-defined]
    collected = collect_unreferenced()
    assert (collected.blobs, collected.bytes, collected.keys, collected.arriving) == (1, 3, 1, 1)
    assert set(Blob.objects.all()) == {young}
    assert {path.parent.name for path in everything()} == {young.sha256}
    assert old.sha256 != young.sha256
    assert stray.sha256 not in {path.parent.name for path in everything()}
    assert collect_unreferenced().blobs == 0


@pytest.mark.django_db
def test_bytes_received_again_are_young_again(settings: Any) -> None:
    keep_blob(receive([CONTENT], size=None, expected_sha256=None, limit=LIMIT))
    settings.CLOCK_OFFSET_SECONDS = timedelta(hours=25).total_seconds()
    keep_blob(receive([CONTENT], size=None, expected_sha256=None, limit=LIMIT))
    assert collect_unreferenced().blobs == 0
    assert Blob.objects.filter(sha256=DIGEST).exists()


@pytest.mark.django_db
def test_several_are_kept_in_the_order_given(django_capture_on_commit_callbacks: Any) -> None:
    twins = [receive([CONTENT], size=None, expected_sha256=None, limit=LIMIT) for _ in range(2)]
    with django_capture_on_commit_callbacks(execute=True):
        one, two = keep_blobs(twins)
    assert one == two
    assert len(everything()) == 1
    incoming = [receive([bytes([n])], size=None, expected_sha256=None, limit=LIMIT) for n in range(5)]
    assert [blob.sha256 for blob in keep_blobs(incoming)] == [one.sha256 for one in incoming]


@pytest.mark.django_db
def test_the_database_refuses_a_blob_that_is_none() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Blob.objects.create(sha256="A" * 64, size=1, key="k", created_at=clock.now())
    with pytest.raises(IntegrityError), transaction.atomic():
        Blob.objects.create(sha256=DIGEST, size=-1, key="k", created_at=clock.now())


def test_discarding_twice_does_no_harm() -> None:
    incoming = receive([CONTENT], size=None, expected_sha256=None, limit=LIMIT)
    discard(incoming)
    discard(incoming)
    assert everything() == set()
