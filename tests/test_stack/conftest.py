"""The main job, performed once on a running stack by a process that knows a URL and a token."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.databases import ROOT
from tests.stack import Stack

MODEL = "credit-default"


@dataclass(frozen=True, slots=True)
class Told:
    """What the demonstration printed, and who can sign in with what."""

    text: str
    passwords: dict[str, str]
    bundle: Path


@pytest.fixture(scope="session")
def told(stack: Stack) -> Told:
    """The demonstration's own output. It is given nothing but a URL, a token and a folder."""
    token = stack.token(stack.administrator["username"], "administer")
    done = subprocess.run(
        [sys.executable, "-m", "demo"],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "COUNTERSIGN_URL": stack.url,
            "COUNTERSIGN_TOKEN": token,
            "COUNTERSIGN_HOME": str(stack.home),
        },
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert done.returncode == 0, done.stdout + done.stderr + stack.log("worker")[-6000:]
    passwords = dict(re.findall(r"^  [\w ]{20} (\w+) +(\S{16})$", done.stdout, re.MULTILINE))
    return Told(done.stdout, passwords, next(stack.home.glob("audit-export-*.zip")))


@pytest.fixture(scope="session")
def engineer(stack: Stack, told: Told) -> httpx.Client:
    """REST as the ML engineer, with a token that may write."""
    return stack.client(stack.token("mara", "read", "write"))
