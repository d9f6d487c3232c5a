"""The audit bundle: written from the database, checked by a script that knows nothing of the platform."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from countersign.ledger import keys
from countersign.ledger.bundle import WrittenBundle, write_bundle
from countersign.ledger.container import Member, write_container
from countersign.ledger.models import Checkpoint, Entry
from countersign.ledger.multiproof import multiproof, runs_of
from countersign.ledger.note import VerifierKey, sign
from countersign.ledger.offline import verify
from countersign.ledger.tree import leaf_hash
from tests.test_core.ledger_kit import NOTICED, Sealing, begin, new_team, record
from tests.test_core.test_ledger_tree import LEAVES, root_by_definition, stored_run

ED25519 = json.loads((Path(__file__).parent / "vectors" / "ed25519.json").read_text())
EXPORT_ORIGIN = "countersign.example/export"
SIZE = 40


@pytest.mark.parametrize("vector", ED25519, ids=lambda vector: str(vector["tcId"]))
def test_published_signatures(vector: dict[str, str]) -> None:
    public, signature, message = (bytes.fromhex(vector[name]) for name in ("pk", "sig", "msg"))
    assert verify.ed25519(public, signature, message) is (vector["result"] == "valid")


@given(st.integers(1, 700), st.data())
@settings(max_examples=60, deadline=None)
def test_one_proof_leads_any_choice_of_entries_to_the_root(size: int, data: st.DataObject) -> None:
    chosen = sorted(data.draw(st.sets(st.integers(0, size - 1), max_size=30)))
    proof = b"".join(multiproof(runs_of(chosen), size, stored_run))
    entries = [b"%d" % index for index in chosen]
    root = root_by_definition(LEAVES[:size])
    assert verify.root_of(size, iter(chosen), iter(entries), io.BytesIO(proof)) == root
    if chosen:
        assert verify.root_of(size, iter(chosen), iter([b"x", *entries[1:]]), io.BytesIO(proof)) != root
        with pytest.raises(verify.Bad):
            verify.root_of(size, iter(chosen), iter(entries[1:]), io.BytesIO(proof))
        with pytest.raises(verify.Bad):
            verify.root_of(size, iter(chosen), iter([*entries, b"more"]), io.BytesIO(proof))
    with pytest.raises(verify.Bad):
        verify.root_of(size, iter(chosen), iter(entries), io.BytesIO(proof + b"x"))


def test_a_proof_for_all_or_for_a_period_is_short() -> None:
    assert list(multiproof([(0, 70_000)], 70_000, stored_run)) == []
    assert len(list(multiproof([(30_000, 5_000)], 70_000, stored_run))) <= 34
    assert leaf_hash(b"5") == LEAVES[5]
    for wrong in ([3, 3], [3, 2]):
        with pytest.raises(ValueError, match="ascend"):
            runs_of(wrong)


class Bundles:
    """A sealed log, and bundles of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.checkpoint = Checkpoint.objects.get()
        self.keys = (
            *("--key", str(VerifierKey.of(django_settings.LEDGER_ORIGIN, keys.ledger_key()))),
            *("--export-key", str(VerifierKey.of(EXPORT_ORIGIN, keys.export_key()))),
        )

    def write(self, name: str = "bundle.zip", **given: Any) -> WrittenBundle:
        defaults: dict[str, Any] = {
            "checkpoint": self.checkpoint,
            "indexes": [0, 3, 4, 5, 17],
            "members": [("people.json", b'{"people":[]}'), ("cards/fraud 3.md", b"# Fraud\n")],
            "about": {"title": "Everything about fraud", "entries": 5},
            "export_origin": EXPORT_ORIGIN,
            "export_key": keys.export_key(),
        }
        return write_bundle(self.folder / name, **(defaults | given))

    def check(self, name: str = "bundle.zip", *more: str) -> subprocess.CompletedProcess[str]:
        """As an auditor does: a copy of the script, an isolated interpreter, another folder. These bundles are
        no audit exports, so only their files and entries are checked."""
        script = self.folder / "auditor" / "verify.py"
        script.parent.mkdir(exist_ok=True)
        script.write_bytes(Path(verify.__file__).read_bytes())
        only = f"import sys; sys.path.append({str(script.parent)!r}); import verify; "
        only += "verify.CHECKS[:] = [verify.check_ledger]; sys.exit(verify.main())"
        return subprocess.run(
            [sys.executable, "-I", "-c", only, str(self.folder / name), *self.keys, *more],
            capture_output=True,
            text=True,
            cwd=script.parent,
        )


@pytest.fixture
def bundles(db: None, tmp_path: Path) -> Bundles:
    begin()
    with transaction.atomic():
        team = new_team()
        for number in range(SIZE - 2):
            record(team, verb=NOTICED, details={"number": number})
    Sealing(tmp_path / "anchor", lambda seconds: None)()
    return Bundles(tmp_path)


def test_a_bundle_holds_and_says_what_it_holds(bundles: Bundles) -> None:
    written = bundles.write()
    content = (bundles.folder / "bundle.zip").read_bytes()
    assert (written.entries, written.size, written.sha256) == (5, len(content), sha256(content).hexdigest())
    checked = bundles.check()
    assert checked.returncode == 0, checked.stderr
    assert "5 of 40 entries, signed by countersign.example/ledger" in checked.stdout
    assert "HOLDS: 8 files" in checked.stdout
    with zipfile.ZipFile(bundles.folder / "bundle.zip") as container:
        assert container.testzip() is None
        assert container.namelist()[:2] == ["manifest.json", "manifest.note"]
        manifest = json.loads(container.read("manifest.json"))
        assert manifest["about"]["title"] == "Everything about fraud"
        assert container.read("cards/fraud 3.md") == b"# Fraud\n"
        assert written.manifest_sha256 == sha256(container.read("manifest.json")).hexdigest()
        assert container.read("ledger/indexes") == b"0 1\n3 3\n17 1\n"
    assert sorted(path.name for path in bundles.folder.iterdir()) == ["anchor", "auditor", "bundle.zip"]


def test_the_same_choice_gives_the_same_bytes(bundles: Bundles) -> None:
    assert bundles.write("one.zip") == bundles.write("two.zip")


@pytest.mark.parametrize("indexes", [[], range(SIZE), [SIZE - 1]])
def test_no_entry_all_entries_and_the_last_one(bundles: Bundles, indexes: list[int]) -> None:
    bundles.write(indexes=indexes)
    assert bundles.check().returncode == 0


def test_members_may_be_files_of_any_size(bundles: Bundles) -> None:
    large = bundles.folder / "large"
    large.write_bytes(bytes(3_000_000))
    bundles.write(members=[("evidence/large.bin", large), ("empty", b"")])
    assert bundles.check().returncode == 0


def test_every_single_byte_counts(
    bundles: Bundles, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One bit of each byte of a small bundle is flipped: each time the checker says no and names a file."""
    monkeypatch.setattr(verify, "CHECKS", [verify.check_ledger])
    bundles.write(indexes=[3, 5], members=[("people.json", b"{}")], about={})
    content = (bundles.folder / "bundle.zip").read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as container:
        inside = [
            (
                item.filename,
                range(item.header_offset + 30, item.header_offset + 50 + len(item.filename) + item.file_size),
            )
            for item in container.infolist()
        ]
    flipped = bundles.folder / "flipped.zip"
    for at in range(len(content)):
        flipped.write_bytes(content[:at] + bytes([content[at] ^ 1 << at % 8]) + content[at + 1 :])
        assert verify.main([str(flipped), *bundles.keys]) == 1, f"byte {at} was changed unseen"
        says = capsys.readouterr().err
        named = says.removeprefix("DOES NOT HOLD: ").split(": ")[0]
        owner = next((name for name, place in inside if at in place), None)
        assert named in {name for name, _ in inside} | {"container"}, says
        if owner is not None:
            assert named == owner, f"byte {at}: {says}"


def test_entries_alone_are_no_audit_export(bundles: Bundles) -> None:
    """Whoever takes the files of an export away must not get a bundle that holds."""
    bundles.write()
    checked = subprocess.run(
        [sys.executable, "-I", verify.__file__, str(bundles.folder / "bundle.zip"), *bundles.keys],
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 1
    assert checked.stderr.startswith("DOES NOT HOLD: scope.json: is missing")


def test_bytes_added_or_cut_off_are_found(bundles: Bundles) -> None:
    bundles.write()
    path = bundles.folder / "bundle.zip"
    content = path.read_bytes()
    for changed in (content + b"\n", content[:-1], content[: len(content) // 2], b"", b"\0" + content):
        path.write_bytes(changed)
        checked = bundles.check()
        assert checked.returncode == 1
        assert checked.stderr.startswith("DOES NOT HOLD: ")
    absent = bundles.check("absent.zip")
    assert absent.returncode == 1
    assert "absent.zip" in absent.stderr


def forge(bundles: Bundles, change: Callable[[dict[str, bytes]], None]) -> str:
    """A bundle whose exporter lies: files changed, manifest made and signed anew."""
    bundles.write()
    with zipfile.ZipFile(bundles.folder / "bundle.zip") as container:
        files = {name: container.read(name) for name in container.namelist()}
    change(files)
    members = [
        Member.measure(name, content) for name, content in files.items() if not name.startswith("manifest")
    ]
    listed = [{"path": member.path, "sha256": member.sha256, "size": member.size} for member in members]
    manifest = Member.measure("manifest.json", json.dumps({"files": listed}).encode())
    note = sign(f"{EXPORT_ORIGIN}\n{manifest.sha256}\n", EXPORT_ORIGIN, keys.export_key())
    with (bundles.folder / "forged.zip").open("wb") as file:
        write_container(file, [manifest, Member.measure("manifest.note", note.encode()), *members])
    checked = bundles.check("forged.zip")
    assert checked.returncode == 1
    return checked.stderr


def test_an_exporter_cannot_change_what_the_log_signed(bundles: Bundles) -> None:
    def other_entry(files: dict[str, bytes]) -> None:
        entries = gzip.decompress(files["ledger/entries.jsonl.gz"]).replace(b'"number":2', b'"number":9')
        files["ledger/entries.jsonl.gz"] = gzip.compress(entries)

    def other_place(files: dict[str, bytes]) -> None:
        files["ledger/indexes"] = files["ledger/indexes"].replace(b"17 1", b"18 1")

    def two_places(files: dict[str, bytes]) -> None:
        files["ledger/indexes"] = b"3 3\n0 1\n17 1\n"

    def other_checkpoint(files: dict[str, bytes]) -> None:
        files["ledger/checkpoint"] = files["ledger/checkpoint"].replace(b"\n40\n", b"\n41\n")

    def no_checkpoint(files: dict[str, bytes]) -> None:
        del files["ledger/checkpoint"]

    def other_proof(files: dict[str, bytes]) -> None:
        files["ledger/proof.bin"] += bytes(32)

    def behind_the_end(files: dict[str, bytes]) -> None:
        files["ledger/entries.jsonl.gz"] += b"more"

    assert "ledger/entries.jsonl.gz: the entries do not lead to the signed root" in forge(
        bundles, other_entry
    )
    assert "ledger/entries.jsonl.gz: the entries do not lead to the signed root" in forge(
        bundles, other_place
    )
    assert "ledger/indexes: the indexes are not ascending" in forge(bundles, two_places)
    assert "ledger/checkpoint: the signature of countersign.example/ledger" in forge(
        bundles, other_checkpoint
    )
    assert "ledger/checkpoint: is missing" in forge(bundles, no_checkpoint)
    assert "ledger/proof.bin: holds more than the proof" in forge(bundles, other_proof)
    assert "ledger/entries.jsonl.gz: is cut off or has something" in forge(bundles, behind_the_end)


def test_a_manifest_by_another_exporter_is_refused(bundles: Bundles) -> None:
    bundles.write(export_key=keys.ledger_key())
    assert "manifest.note: is not signed by countersign.example/export" in bundles.check().stderr
    bundles.write()
    bundles.keys = (*bundles.keys[:-1], bundles.keys[-1].replace("+A", "+B"))
    assert "mistyped" in bundles.check().stderr


@pytest.mark.parametrize("path", ["../up", "/root", "a//b", "a\\b", "", "tab\there", "ümlaut", "."])
def test_paths_that_are_none_are_refused(path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        Member.measure(path, b"")


def test_what_does_not_fit_is_refused_and_leaves_nothing_behind(bundles: Bundles) -> None:
    for wrong in ({"indexes": [SIZE]}, {"indexes": [4, 2]}, {"members": [("a", b""), ("a", b"")]}):
        with pytest.raises(ValueError):
            bundles.write(**wrong)
    assert Entry.objects.count() == SIZE
    assert [path.name for path in bundles.folder.iterdir()] == ["anchor"]
