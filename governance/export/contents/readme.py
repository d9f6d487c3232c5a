"""README.txt of a bundle: how to check it, in words."""

from __future__ import annotations

from textwrap import fill
from typing import Any

WIDTH = 100
CANNOT_BE_PROVEN = (
    "That something happened which was never recorded.",
    "That what was recorded was true, or was done by the person named: only that the application said so.",
    "Anything between an act and the first checkpoint that left the machine: whoever held the database and the "
    "signing key could have changed it before. A checkpoint you kept from an earlier visit, or a witness's "
    "signature, narrows this.",
    "The exact time: times are the application's claim. A witness's signature says only “not later than”.",
    "That another auditor was shown the same log, unless you compare checkpoints or share a witness.",
    "That a verify.py handed over together with the bundle is honest: use your own copy.",
    "That erased values are gone from backups, or from bundles handed out before.",
    "In a bundle about one model or one environment: that the log holds no further entries about it. A bundle about "
    "a period shows that it holds every entry of the period.",
    "That report.html says what the files say: it is a reading of them, the files decide.",
)
"""What no bundle shows; docs/audit-bundle.md lists the same."""


def _what(scope: dict[str, Any]) -> str:
    about = scope["about"]
    if about["model"]:
        return f"the model “{scope['models'][0]['name']}”"
    if about["environment"]:
        return "one environment, and every model that was live there or asked to be"
    return f"everything recorded from {about['period_start']} up to {about['period_end']}"


def readme(scope: dict[str, Any], keys: dict[str, Any]) -> str:
    """The text, for somebody who has never seen such a bundle."""
    what = _what(scope)
    cannot = "\n".join(
        fill(sentence, WIDTH, initial_indent="- ", subsequent_indent="  ") for sentence in CANNOT_BE_PROVEN
    )
    return f"""Audit export {scope["export"]["number"]} of {scope["ledger"]["origin"]}: {what}.
Made {scope["made_at"]} by {scope["release"]}.

Read report.html first. To check the bundle you need Python 3.11 or newer, no network and nothing else:

    python3 -I verify.py BUNDLE.zip --key LOG_KEY --export-key EXPORT_KEY

Take verify.py and both keys from the project, from the installation (GET /api/v1/ledger/keys) or from an earlier
visit, not from this bundle: a verifier handed over by the suspect proves nothing. The keys said to be right are

    LOG_KEY     {keys["log"]}
    EXPORT_KEY  {keys["export"]}

It prints one line for each thing that holds and ends with HOLDS, or names the file that does not hold.
With --old FILE it also shows that the log still begins with the one of a checkpoint you kept; keep
ledger/checkpoint of this bundle for the next time.

What is where

    scope.json           who asked for this and why, and where each thing lies
    report.html          the same for reading and printing
    models/NAME/N/       manifest, signature, contributors, lineage, evidence and cards of version N
    reviews/N/           what was asked, signed (subject.json is exactly what), and said
    policies/NAME/N.*    the rules, byte for byte (.yaml) and as parsed (.json)
    promotions.jsonl     every promotion and rollback, with the gate's answer
    environments.jsonl   what was live where, from when to when
    people.json          names and roles
    ledger/              the entries, one a line, and the proof that they are the log's
    manifest.json        the sha256 of every file, signed by manifest.note

Where a document shows a name or a reason, it stands as {{entry, field, salt, value}}: sha256(salt, value) is what the
entry holds. Value and salt are null once erased.

What cannot be proven

{cannot}
"""
