"""docs/walkthrough.md, word for word, on a running instance."""

from __future__ import annotations

import json
import re
import shlex
import subprocess

from tests.databases import ROOT
from tests.stack import Stack

BLOCK = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_walkthrough_does_what_it_says(stack: Stack) -> None:
    text = (ROOT / "docs" / "walkthrough.md").read_text(encoding="utf-8")
    blocks = BLOCK.findall(text)
    assert len(blocks) == 6
    environment = stack.home / "env"
    environment.write_text("".join(f"export {k}={shlex.quote(v)}\n" for k, v in stack.environment.items()))
    script = "\n".join(f"echo '== {number}'\n{block}" for number, block in enumerate(blocks))
    script = script.replace(". .countersign/env", f". {shlex.quote(str(environment))}")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = dict(enumerate(done.stdout.split("== ")[1:]))
    gate = [json.loads(line) for line in answers(said[3])]
    assert [reason["code"] for reason in gate[0]["reasons"]] == ["no_tier"]
    assert gate[2]["allowed"] is False
    assert {"no_review"} <= {reason["code"] for reason in gate[2]["reasons"]}
    assert [reason["code"] for reason in gate[3]["reasons"]] == [r["code"] for r in gate[2]["reasons"]]
    assert gate[4]["code"] == "alias_protected"
    signatures = [json.loads(line) for line in answers(said[4])][1:]
    assert [one.get("code") for one in signatures] == [
        "role_missing",
        "reauthentication_failed",
        None,
        "role_missing",
        None,
    ]
    assert [reason["code"] for reason in signatures[0]["reasons"]] == [
        "role_missing",
        "contributor_cannot_sign",
    ]
    assert [one["printed_name"] for one in signatures if "code" not in one] == ["The validator", "The head"]
    alias = [json.loads(line) for line in answers(said[5])][1]
    assert (alias["name"], alias["version"]) == ("production", 1)
    assert "everything holds" in said[5]


def answers(block: str) -> list[str]:
    """The JSON objects a block printed; curl ends none with a newline."""
    decoder = json.JSONDecoder()
    found, rest = [], block[block.find("{") :]
    while rest.startswith("{"):
        _, end = decoder.raw_decode(rest)
        found.append(rest[:end])
        rest = rest[end:]
        rest = rest[rest.find("{") :] if "{" in rest else ""
    return found
