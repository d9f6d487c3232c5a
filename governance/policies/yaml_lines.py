"""Reading YAML with the line of every value, and none of YAML's surprises.

Only mappings, sequences and scalars: anchors, aliases, tags and duplicate keys are refused. Numbers with a point
stay exact decimals, `yes` and `on` stay words, dates stay text.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import yaml

LIMIT_BYTES = 256 * 1024
_INTEGER = re.compile(r"^[-+]?(0|[1-9][0-9]*)$")
_DECIMAL = re.compile(r"^[-+]?(0|[1-9][0-9]*)\.[0-9]+$")

Path = tuple[str | int, ...]


class YamlProblem(Exception):
    """What is wrong and in which line (1-based)."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line, self.message = line, message


def read(text: str) -> tuple[Any, dict[Path, tuple[int, int]]]:
    """The plain value of a YAML text, and the first and last line of the value at each path.

    Raises YamlProblem."""
    if len(text.encode()) > LIMIT_BYTES:
        raise YamlProblem(1, f"The text is longer than {LIMIT_BYTES // 1024} kB.")
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            anchor = getattr(event, "anchor", None)
            if anchor is not None or isinstance(event, yaml.AliasEvent):
                raise YamlProblem(event.start_mark.line + 1, "Anchors and aliases (& and *) are not allowed here.")
            if getattr(event, "tag", None) is not None:
                raise YamlProblem(event.start_mark.line + 1, "Tags (!…) are not allowed here.")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise YamlProblem(line, f"This is not YAML: {error.problem or error.context}.") from error
    except yaml.YAMLError as error:
        raise YamlProblem(1, "The text holds a character that YAML does not allow.") from error
    if node is None:
        raise YamlProblem(1, "The text is empty.")
    lines: dict[Path, tuple[int, int]] = {}
    try:
        return _value(node, (), lines), lines
    except RecursionError as error:
        raise YamlProblem(1, "The text is nested too deeply.") from error


def _value(node: yaml.Node, path: Path, lines: dict[Path, tuple[int, int]]) -> Any:
    last = node.end_mark.line + (1 if node.end_mark.column else 0)
    lines[path] = (node.start_mark.line + 1, max(last, node.start_mark.line + 1))
    if isinstance(node, yaml.MappingNode):
        value: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if key is None:
                raise YamlProblem(key_node.start_mark.line + 1, "A key must be a plain word.")
            if key in value:
                raise YamlProblem(key_node.start_mark.line + 1, f"“{key}” stands here twice.")
            value[key] = _value(value_node, (*path, key), lines)
        return value
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, number), lines) for number, item in enumerate(node.value)]
    return _scalar(node)


def _scalar(node: yaml.Node) -> Any:
    text: str = node.value
    if getattr(node, "style", None) in ("'", '"', "|", ">"):
        return text
    if _INTEGER.match(text):
        return int(text)
    if _DECIMAL.match(text):
        return Decimal(text)
    return {"true": True, "false": False, "null": None, "~": None, "": None}.get(text, text)
