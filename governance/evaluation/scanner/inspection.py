"""What a file says about itself, found without loading anything from it. Standard library only."""

import io
import json
import zipfile
from dataclasses import dataclass, field
from typing import Any

from .containers import expand
from .machine import Blocked, Machine


@dataclass
class Contents:
    """Names a file would resolve, scikit-learn releases it says it was built with, and its container."""

    names: set[str] = field(default_factory=set)
    versions: set[str] = field(default_factory=set)
    container: str = ""
    blocked: str = ""


def inspect(raw: bytes, flavour: str) -> Contents:
    """Read `raw` as a file of `flavour`. Never raises for what the file holds: see `blocked`."""
    contents = Contents()
    try:
        if flavour == "skops":
            contents.container = "skops zip"
            _walk(_schema(raw), contents)
        else:
            data, contents.container = expand(raw)
            machine = Machine(io.BytesIO(data))
            # Shared, so that a blocked file still shows what was found before the block.
            machine.names, machine.versions = contents.names, contents.versions
            machine.follow()
    except Blocked as error:
        contents.blocked = str(error)
    return contents


def library_versions(raw: bytes, flavour: str) -> list[str]:
    """The scikit-learn releases the file's estimators name, sorted; empty where it names none."""
    return sorted(inspect(raw, flavour).versions)


def _schema(raw: bytes) -> Any:
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            return json.loads(archive.read("schema.json"))
    except RecursionError as error:
        raise Blocked("it is nested too deeply") from error
    except (zipfile.BadZipFile, KeyError, ValueError, NotImplementedError, RuntimeError, OSError) as error:
        raise Blocked("it is not a skops file: a zip with a readable schema.json") from error


def _walk(schema: Any, contents: Contents) -> None:
    """Collect classes and versions from every node of a skops schema, without recursion."""
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(node)
            continue
        if not isinstance(node, dict):
            continue
        waiting.extend(node.values())
        module, name = node.get("__module__"), node.get("__class__")
        if isinstance(module, str) and isinstance(name, str):
            contents.names.add(f"{module}.{name}"[:400])
        version = node.get("_sklearn_version")
        if isinstance(version, dict) and isinstance(version.get("content"), str):
            contents.versions.add(version["content"].strip('"')[:40])
