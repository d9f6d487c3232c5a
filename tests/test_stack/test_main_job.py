"""The job Countersign exists for, end to end on real parts: upload, evaluate, refuse, sign, promote, export, verify."""

from __future__ import annotations

import subprocess
import sys

import httpx

from tests.databases import ROOT
from tests.stack import MODEL, Stack, Told

VERIFIER = ROOT / "platform/countersign/ledger/offline/verify.py"


def test_the_unfair_model_is_refused_by_group_measure_and_interval(
    told: Told, engineer: httpx.Client
) -> None:
    gate = engineer.get(f"models/{MODEL}/versions/3/gate/production").json()
    assert gate["allowed"] is False
    unfair = [one["message"] for one in gate["reasons"] if one["code"] not in ("card", "no_review")]
    assert len(unfair) == 1, "of what was measured it fails for one reason, the group"
    assert "21 to 25" in unfair[0]
    assert "0.422" in unfair[0], "the end of the interval the rule reads"
    assert "0.80" in unfair[0], "and the limit"
    assert unfair[0] in told.text


def test_the_plainly_worse_model_is_refused_for_ranking_badly(engineer: httpx.Client, told: Told) -> None:
    gate = engineer.get(f"models/{MODEL}/versions/1/gate/production").json()
    not_met = [reason["message"] for reason in gate["reasons"] if reason["state"] == "not_met"]
    assert any("ROC AUC" in message for message in not_met)
    assert not any("21 to 25" in message for message in not_met)


def test_two_people_signed_and_the_alias_moved(engineer: httpx.Client, told: Told) -> None:
    assert engineer.get(f"models/{MODEL}/aliases").json()["results"][0]["version"] == 2
    promotion = engineer.get("promotions", params={"model": MODEL}).json()["results"][0]
    assert (promotion["version"], promotion["environment"], promotion["kind"]) == (
        2,
        "production",
        "promotion",
    )
    standing = engineer.get(f"reviews/{promotion['review']}").json()
    signers = [slot["signed"]["printed_name"] for slot in standing["sign_offs"]]
    assert signers == ["Rosa Ferreira", "Anil Sharma"]
    assert {slot["signed"]["subject_digest"] for slot in standing["sign_offs"]} == {
        promotion["subject_digest"]
    }


def test_a_further_version_awaits_review(engineer: httpx.Client, told: Told) -> None:
    waiting = engineer.get("reviews", params={"state": "open"}).json()["results"]
    assert [(review["model"], review["version"]) for review in waiting] == [(MODEL, 4)]


def test_the_protected_alias_moves_by_no_other_road(engineer: httpx.Client, told: Told) -> None:
    for spelling in ("production", "Production", "ＰＲＯＤＵＣＴＩＯＮ"):
        answer = engineer.put(f"models/{MODEL}/aliases/{spelling}", json={"version": 3})
        assert answer.status_code in (403, 422), answer.text
    assert engineer.get(f"models/{MODEL}/aliases").json()["results"][0]["version"] == 2
    refused = engineer.get("ledger/entries", params={"verb": "accounts.attempt.refused"})
    assert refused.status_code == 200


def test_the_export_verifies_offline_and_one_changed_byte_is_named(
    stack: Stack, told: Told, engineer: httpx.Client
) -> None:
    keys = engineer.get("ledger/keys").json()
    arguments = ["--key", keys["ledger"], "--export-key", keys["export"]]
    command = [sys.executable, "-I", str(VERIFIER)]
    good = subprocess.run([*command, str(told.bundle), *arguments], capture_output=True, text=True)
    assert good.returncode == 0, good.stderr
    assert "HOLDS" in good.stdout
    content = bytearray(told.bundle.read_bytes())
    place = content.find(b'"roc_auc"')
    assert place > 0, "the evidence lies in the bundle uncompressed"
    content[place + 2] ^= 1
    forged = stack.home / "forged.zip"
    forged.write_bytes(content)
    bad = subprocess.run([*command, str(forged), *arguments], capture_output=True, text=True)
    assert bad.returncode != 0
    assert "results.json" in bad.stderr


def test_the_ledger_verifies_against_every_table(stack: Stack, told: Told) -> None:
    stack.manage("verify")


def test_nothing_secret_reaches_the_logs(stack: Stack, told: Told) -> None:
    logs = "".join(path.read_text(errors="replace") for path in stack.home.glob("*.log"))
    assert told.passwords, "the demonstration printed passwords"
    for password in told.passwords.values():
        assert password not in logs
    assert "cs_" not in logs
