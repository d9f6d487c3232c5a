"""What a bundle holds, and that nobody can change a byte of it unseen."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from countersign.ledger.offline import verify
from tests.test_governance import export_kit as kit
from tests.test_governance.export_kit import Exported, digest, files_of, json_of, leaves_of, lines_of

MODEL = re.compile(r"models/[a-z0-9-]+/")


def folder_of(exported: Exported, version: int) -> str:
    """Where a version of the model lies in the bundle about it."""
    (model,) = json_of(exported.model, "scope.json")["models"]
    return next(one["path"] for one in model["versions"] if one["number"] == version)


# --- it holds ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["model", "period"])
def test_a_bundle_holds_for_an_auditor_with_a_script_and_two_keys(
    exported: Exported, which: str, tmp_path: Path
) -> None:
    checked = exported.check(getattr(exported, which), tmp_path)
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout == getattr(exported, f"{which}_said"), "what the job stored is what it printed"
    assert re.search(r"^HOLDS: \d+ files$", checked.stdout, re.M)
    assert len(checked.stdout.splitlines()) == len(verify.CHECKS) + 1


def test_the_verifier_says_what_it_compared(exported: Exported) -> None:
    said = exported.model_said
    for line in (
        "audit export 1: 1 models, 3 versions, 3 reviews",
        "evidence: 6 files have the digests their evaluations recorded",
        "cards: 3 revisions",
        "policies: 2 revisions, byte for byte",
        "reviews: 3 with 7 sign-offs and 2 remarks",
        "subjects: 4 preimages of what was signed",
        "promotions: 3, each with the approval it needed",
        "live periods: 3, as promoted; 3 moves of protected aliases, each by a promotion",
        "0 erased or withheld",
        "one model; whether the log holds more entries about it than these cannot be shown",
    ):
        assert line in said
    assert re.search(r"^period: all \d+ entries from ", exported.period_said, re.M)


def test_the_bundle_is_a_plain_zip(exported: Exported) -> None:
    with zipfile.ZipFile(io.BytesIO(exported.model)) as container:
        assert container.testzip() is None
        assert all(re.fullmatch(r"[A-Za-z0-9._/-]+", name) for name in container.namelist())


# --- what it holds ----------------------------------------------------------------------------------------


def test_a_model_of_any_name_lies_under_a_plain_path(exported: Exported) -> None:
    (model,) = json_of(exported.model, "scope.json")["models"]
    assert model["name"] == kit.NAME
    assert re.fullmatch(r"models/groe-b-2-[0-9a-f]{12}", model["path"])
    assert model["path"].endswith(model["id"].replace("-", "")[-12:])


def test_files_are_the_preimages_of_recorded_digests(exported: Exported) -> None:
    files = files_of(exported.model)
    first = folder_of(exported, 1)
    assert digest(files[f"{first}/manifest.json"]) == f"sha256:{exported.facts['digest']}"
    policies = json_of(exported.model, "scope.json")["policies"]
    assert [one["number"] for one in policies] == [1, 2]
    assert b"approval_valid_days: 365" in files[f"{policies[0]['path']}.yaml"]
    assert b"approval_valid_days: 200" in files[f"{policies[1]['path']}.yaml"]
    assert json_of(exported.model, f"{first}/card/1.json") == {"purpose": "Ranks *accounts* — Größe <b>."}
    assert files[f"{first}/card/1.md"].decode() == "## purpose\n\nRanks *accounts* — Größe <b>.\n\n"
    assert f"{first}/evidence/2/results.json" in files
    assert f"{first}/evidence/1/results.json" not in files, "the evaluation that failed has no results"


def test_everything_signed_can_be_read_again(exported: Exported) -> None:
    """Also where card, lineage and contributors moved on since."""
    (first, second) = (json_of(exported.model, f"reviews/{n}/subject.json")["subjects"] for n in (1, 2))
    assert len(first) == 2, "asked on one subject, signed on another after the card changed"
    assert all(subject["document"] for subject in [*first, *second])
    signed = json_of(exported.model, "reviews/1/signoffs.json")["sign_offs"]
    assert [one["decision"] for one in signed] == ["request_changes", "approve", "approve", "approve"]
    assert signed[0]["subject_digest"] == first[0]["digest"]
    assert {one["subject_digest"] for one in signed[1:]} == {first[1]["digest"]}
    cards = [digest(files_of(exported.model)[f"{folder_of(exported, 1)}/card/{n}.json"]) for n in (1, 2)]
    assert [subject["document"]["card"] for subject in first] == cards


def test_what_was_live_when_follows_the_promotions(exported: Exported) -> None:
    environment, *periods = lines_of(exported.model, "environments.jsonl")
    assert environment["alias"] == "production"
    assert [one["number"] for one in periods] == [1, 2, 1]
    assert [one["to"] for one in periods] == [periods[1]["from"], periods[2]["from"], None]
    made = lines_of(exported.model, "promotions.jsonl")
    assert [one["kind"] for one in made] == ["promotion", "promotion", "rollback"]
    assert made[2]["reason"]["value"] == "Declines rose."


def test_people_are_those_in_scope_with_their_roles(exported: Exported) -> None:
    people = {one["name"]: one for one in json_of(exported.model, "people.json")["people"]}
    assert {"Vera Validator", "Arun Approver", "Olga Owner", "Carla Card", "August Auditor"} <= people.keys()
    assert [role["role"] for role in people["Vera Validator"]["roles"]] == ["reviewer"]
    assert people["Vera Validator"]["id"] == exported.facts["people"]["validator"]
    assert "Claims" not in str(people), "nobody of the other team"


def test_the_scope_says_who_asked_and_why(exported: Exported) -> None:
    scope = json_of(exported.model, "scope.json")
    assert scope["export"]["reason"]["value"] == "Yearly audit."
    assert scope["entries"]["total"] == scope["entries"]["about"] + scope["entries"]["pointed_to"]
    assert scope["about"] == {
        "model": exported.facts["model"],
        "environment": None,
        "period_start": None,
        "period_end": None,
        "period_indexes": None,
    }


def test_what_entries_point_to_comes_along_and_nothing_else(exported: Exported) -> None:
    entries = leaves_of(exported.model)
    verbs = {leaf["verb"] for leaf in entries}
    assert {
        "ledger.created",
        "ledger.verifier.published",
        "ledger.export_key.published",
        "accounts.user.created",
        "accounts.membership.granted",
        "accounts.team.created",
        "registry.dataset.created",
        "registry.dataset_version.registered",
        "registry.run.ended",
        "registry.alias.deleted",
        "registry.tag.deleted",
        "governance.environment.created",
        "governance.policy_revision.superseded",
        "governance.model_profile.set",
        "governance.audit_export.requested",
    } <= verbs
    assert not any(exported.facts["other"] in str(leaf) for leaf in entries)
    assert "accounts.api_token.created" not in verbs


def test_a_period_holds_every_entry_of_it(exported: Exported) -> None:
    first, last = json_of(exported.period, "scope.json")["about"]["period_indexes"]
    everything = leaves_of(exported.period)
    assert len(everything) >= last - first + 1
    assert any(exported.facts["other"] in str(leaf) for leaf in everything)
    assert {one["name"] for one in json_of(exported.period, "scope.json")["models"]} == {kit.NAME, "claims"}


@pytest.mark.parametrize("which", ["model", "period"])
def test_no_secret_and_no_address_leaves_the_house(exported: Exported, which: str) -> None:
    bundle = getattr(exported, which)
    everything = b"\n".join([*files_of(bundle).values(), str(leaves_of(bundle)).encode()])
    token = exported.facts["token"]
    for secret in (token, token[:9], kit.EMAIL, digest(token.encode()).removeprefix("sha256:")):
        assert secret.encode() not in everything
    assert not re.search(rb"[a-z0-9._-]+@[a-z0-9-]+\.[a-z]", everything, re.I), "no mail address"
    assert b"argon2" not in everything


# --- the report -------------------------------------------------------------------------------------------


def test_the_report_stands_alone_and_escapes_what_people_typed(exported: Exported) -> None:
    report = files_of(exported.model)["report.html"].decode()
    assert "content=\"default-src 'none'; style-src 'unsafe-inline'\"" in report
    assert not re.search(r"<script|<link|<img|url\(|@import|src=|https?://(?!git)", report)
    assert "Größe &lt;b&gt; &amp; “2”, 模型" in report
    assert "Explain &lt;the&gt; gap." in report
    assert "@page { size: A4" in report


def test_the_report_answers_the_first_questions_first(exported: Exported) -> None:
    report = re.sub(r"<[^>]+>", " ", files_of(exported.model)["report.html"].decode())
    words = " ".join(report.split())
    order = [
        words.index(title)
        for title in (
            "Asked for by August Auditor",
            "Open points first",
            "What was live, and who decided it",
            "Decisions and reasons",
            "Evidence",
            "How to check this without us",
            "What cannot be proven",
        )
    ]
    assert order == sorted(order)
    assert "Approved, but the card and the list of contributors changed since" in words
    assert "Undecided: open; not signed: Authorship, Independent validation, Approval" in words
    assert "Vera Validator approved, meaning validation, as reviewer" in words
    assert re.search(r"ROC AUC 0\.\d{3} 0\.\d{3} 0\.\d{3} 1,200 DeLong", words)
    assert "insufficient data" in words, "the group that is too small says so"


def test_the_readme_says_how_to_check(exported: Exported) -> None:
    readme = files_of(exported.model)["README.txt"].decode()
    assert "python3 -I verify.py BUNDLE.zip --key LOG_KEY --export-key EXPORT_KEY" in readme
    assert exported.keys[1] in readme
    assert exported.keys[3] in readme
    assert max(len(line) for line in readme.splitlines()) <= 120


# --- nobody changes a byte unseen -------------------------------------------------------------------------


def test_a_flipped_byte_in_any_file_is_found_and_the_file_named(
    exported: Exported, tmp_path: Path, capsys: Any
) -> None:
    """One byte in the middle of each file, and one in its header."""
    content = exported.model
    with zipfile.ZipFile(io.BytesIO(content)) as container:
        members = container.infolist()
    for member in members:
        begin = member.header_offset + 50 + len(member.filename)
        places = [begin + member.file_size // 2] if member.file_size else []
        for at in [*places, member.header_offset + 10]:
            complaint = exported.says(flipped(content, at), tmp_path, capsys)
            assert complaint.startswith(f"DOES NOT HOLD: {member.filename}: "), complaint


def test_a_sweep_over_the_bytes_finds_every_flip(exported: Exported, tmp_path: Path, capsys: Any) -> None:
    content = exported.model
    known = {*files_of(content), "container"}
    step = len(content) // 600 | 1
    for at in range(0, len(content), step):
        complaint = exported.says(flipped(content, at), tmp_path, capsys)
        assert complaint.removeprefix("DOES NOT HOLD: ").split(": ")[0] in known


def flipped(content: bytes, at: int) -> bytes:
    """One bit of one byte is another."""
    return content[:at] + bytes([content[at] ^ 1 << at % 8]) + content[at + 1 :]


def test_other_keys_are_refused(exported: Exported, tmp_path: Path, capsys: Any) -> None:
    log, export_key = exported.keys[1], exported.keys[3]
    bundle = tmp_path / "bundle.zip"
    bundle.write_bytes(exported.model)
    assert verify.main([str(bundle), "--key", export_key, "--export-key", export_key]) == 1
    assert "ledger/checkpoint: is not signed by" in capsys.readouterr().err
    assert verify.main([str(bundle), "--key", log, "--export-key", log]) == 1
    assert "manifest.note: is not signed by" in capsys.readouterr().err
    assert verify.main([str(bundle), "--key", log[:-4] + "AAAA", "--export-key", export_key]) == 1
    assert "mistyped" in capsys.readouterr().err


# --- an earlier visit -------------------------------------------------------------------------------------


def test_a_checkpoint_kept_from_before_shows_that_nothing_changed(
    exported: Exported, tmp_path: Path, capsys: Any
) -> None:
    """The period begins with the log, so its bundle holds every entry the earlier checkpoint was of."""
    old = tmp_path / "old.checkpoint"
    old.write_bytes(files_of(exported.model)["ledger/checkpoint"])
    bundle = tmp_path / "bundle.zip"
    bundle.write_bytes(exported.period)
    assert verify.main([str(bundle), *exported.keys, "--old", str(old)]) == 0
    size = json_of(exported.model, "scope.json")["ledger"]["size"]
    assert f"{old}: the log still begins with these {size} entries" in capsys.readouterr().out


def test_a_bundle_without_the_beginning_cannot_answer(
    exported: Exported, tmp_path: Path, capsys: Any
) -> None:
    old = tmp_path / "old.checkpoint"
    old.write_bytes(files_of(exported.period)["ledger/checkpoint"])
    bundle = tmp_path / "bundle.zip"
    bundle.write_bytes(exported.model)
    assert verify.main([str(bundle), *exported.keys, "--old", str(old)]) == 1
    assert "does not hold the log from its first entry" in capsys.readouterr().err


def test_a_rewritten_history_is_found_by_who_kept_a_checkpoint(exported: Exported, tmp_path: Path) -> None:
    """Somebody holds the database and the signing key and rewrites an early entry: only an anchor shows it."""
    with kit.believing(exported.period, lambda leaves: None) as read:
        root = bytes(32)
        size = json_of(exported.model, "scope.json")["ledger"]["size"]
        note = kit.checkpoint(size, root)
        with pytest.raises(verify.Bad, match=f"old: the log no longer begins with it: an entry below {size}"):
            verify.check_old("old", note, read)
    honest = exported.check(exported.period, tmp_path)
    assert honest.returncode == 0
