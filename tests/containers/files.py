"""compose.yaml and platform/Containerfile as data."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from typing import Any

import yaml

from tests.databases import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = sorted(name for name, service in SERVICES.items() if "build" in service)
"""Services that run our image."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction of the Containerfile: its word, its flags without dashes, the rest as words."""

    word: str
    flags: dict[str, str]
    words: list[str]


def containerfile() -> list[Instruction]:
    """The instructions in order, continued lines joined."""
    text = (ROOT / "platform" / "Containerfile").read_text(encoding="utf-8")
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    found = []
    for line in filter(str.strip, text.splitlines()):
        word, _, rest = line.strip().partition(" ")
        if word in ("CMD", "ENTRYPOINT"):
            words: list[str] = json.loads(rest)
        elif word == "RUN":
            words = [rest]
        else:
            words = shlex.split(rest)
        options = [one for one in words if one.startswith("--")] if word in ("COPY", "FROM") else []
        flags = dict(one[2:].split("=", 1) for one in options)
        found.append(Instruction(word, flags, [one for one in words if one not in options]))
    return found


def last_stage() -> list[Instruction]:
    """The instructions after the last FROM."""
    instructions = containerfile()
    begin = max(place for place, one in enumerate(instructions) if one.word == "FROM")
    return instructions[begin:]


def image_environment() -> dict[str, str]:
    """What ENV sets."""
    return dict(word.split("=", 1) for one in last_stage() if one.word == "ENV" for word in one.words)
