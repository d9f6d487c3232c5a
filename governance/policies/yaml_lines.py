"""Reading YAML with the line of every value, and none of YAML's surprises.

Only mappings, sequences and scalars: anchors, aliases, tags and duplicate keys are refused. Numbers with a
point stay exact decimals, `yes` and `on` stay words, dates stay text.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import yaml

LIMIT_BYTES = 64 * 1024
DEPTH_LIMIT = 12
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]*)\.[0-9]+")
NUMBER_LIMIT = 15
"""Characters of a number: within it, every decimal and integer has one exact canonical form."""

Path = tuple[str | int, ...]
Lines = dict[Path, tuple[int, int]]


class YamlProblem(Exception):
    """What is wrong and in which line (1-based)."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line, self.message = line, message


def read(text: str) -> tuple[Any, Lines]:
    """The plain value of a YAML text, and the first and last line of the value at each path.

    Raises YamlProblem."""
    if len(text) > LIMIT_BYTES or len(text.encode(errors="replace")) > LIMIT_BYTES:
        raise YamlProblem(1, f"The text is longer than {LIMIT_BYTES // 1024} kB.")
    try:
        _refuse_surprises(text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise YamlProblem(line, f"This is not YAML: {error.problem or error.context}.") from error
    except yaml.YAMLError as error:
        at = getattr(error, "position", 0)
        line = text[:at].count("\n") + 1 if isinstance(at, int) else 1
        raise YamlProblem(line, "The text holds a character that YAML does not allow.") from error
    if node is None:
        raise YamlProblem(1, "The text is empty.")
    lines: Lines = {}
    return _Reader(text, lines).value(node, ()), lines


def _refuse_surprises(text: str) -> None:
    """Anchors, aliases, tags and depth, found before anything is built of the text."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise YamlProblem(line, "Anchors and aliases (& and *) are not allowed here.")
        if getattr(event, "tag", None) is not None:
            raise YamlProblem(line, "Tags (!…) are not allowed here.")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEPTH_LIMIT:
                raise YamlProblem(line, "The text is nested too deeply.")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


class _Reader:
    def __init__(self, text: str, lines: Lines) -> None:
        self.text, self.rows = text, text.splitlines()
        self.lines = lines

    def value(self, node: yaml.Node, path: Path) -> Any:
        value: Any
        if isinstance(node, yaml.MappingNode):
            value = {}
            for key_node, value_node in node.value:
                key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
                at = key_node.start_mark.line + 1
                if key is None:
                    raise YamlProblem(at, "A key must be a plain word.")
                if key in value:
                    raise YamlProblem(at, f"“{key}” stands here twice.")
                value[key] = self.value(value_node, (*path, key))
                # The line of an entry begins with its key, which may stand above the value.
                self.lines[(*path, key)] = (at, self.lines[(*path, key)][1])
        elif isinstance(node, yaml.SequenceNode):
            value = [self.value(item, (*path, number)) for number, item in enumerate(node.value)]
        else:
            value = _scalar(node)
        self.lines[path] = (node.start_mark.line + 1, self._last_line(node, path, value))
        return value

    def _last_line(self, node: yaml.Node, path: Path, value: Any) -> int:
        """The last line with something of the node: PyYAML ends a block at whatever comes next."""
        first: int = node.start_mark.line + 1
        if isinstance(node, yaml.CollectionNode) and not node.flow_style:
            keys = value if isinstance(value, dict) else range(len(value))
            return max([first, *(self.lines[(*path, key)][1] for key in keys)])
        last: int = node.end_mark.line + 1
        if getattr(node, "style", None) in ("|", ">"):
            ends_text = node.end_mark.index >= len(self.text)
            last = min(last, len(self.rows)) if ends_text else last - 1
            while last > first and not self.rows[last - 1].strip():
                last -= 1
        return last


def _scalar(node: yaml.Node) -> Any:
    text: str = node.value
    line = node.start_mark.line + 1
    if any(
        (ord(character) < 32 and character not in "\n\t") or "\ud800" <= character <= "\udfff"
        for character in text
    ):
        raise YamlProblem(line, "A text holds a control character.")
    if getattr(node, "style", None) in ("'", '"', "|", ">"):
        return text
    if _INTEGER.fullmatch(text) or _DECIMAL.fullmatch(text):
        if len(text) > NUMBER_LIMIT:
            raise YamlProblem(line, f"A number has at most {NUMBER_LIMIT} characters.")
        return Decimal(text) if "." in text else int(text)
    return {"true": True, "false": False, "null": None, "~": None, "": None}.get(text, text)
