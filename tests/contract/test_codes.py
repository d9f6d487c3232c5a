"""Every code the API may answer with stands in docs/api.md, with what it means and what to do."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from countersign.api.views import error_codes
from tests.test_architecture import python_files

ERRORS = {"Invalid", "Conflict", "NotFound", "TooLarge", "NoRoom", "Refused", "CountersignError"}
FIRST = {"because", "Reason"}  # verdicts: the code is the first argument
SECOND = {"AuthenticationFailed", "NotAuthenticated", "PermissionDenied", "Problem"}
NEVER_ANSWERED = {
    "error": "the base class of errors",
    "refused": "a refusal without a reason, which no action makes",
    "whom_to_ask": "a note beside a refusal on a page",
    "backup_failed": "said by a command of the operator",
    "signing_key_missing": "said by a command of the operator",
}


def text_of(node: ast.expr | None) -> Iterator[str]:
    """The texts an expression may be, where it is a text or a choice of two."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from text_of(node.body)
        yield from text_of(node.orelse)


def codes_in(tree: ast.Module) -> Iterator[str]:
    """Every code that is raised or given as a reason."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and any(
            "Error" in (b := ast.unparse(base)) or b in ERRORS for base in node.bases
        ):
            for line in node.body:
                if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "code":
                    yield from text_of(line.value)
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called in FIRST and node.args:
            yield from text_of(node.args[0])
        if called in SECOND and len(node.args) > 1:
            yield from text_of(node.args[1])
        if called in ERRORS:
            yield from (text for one in node.keywords if one.arg == "code" for text in text_of(one.value))


def raised() -> dict[str, str]:
    """Code → one file that answers with it."""
    return {
        code: str(path)
        for path in python_files()
        for code in codes_in(ast.parse(path.read_text(encoding="utf-8")))
        if code not in NEVER_ANSWERED
    }


def test_every_code_is_explained() -> None:
    used, explained = raised(), {row["code"] for row in error_codes()}
    assert len(used) > 100
    assert {code: path for code, path in used.items() if code not in explained} == {}


def test_every_explanation_says_what_to_do() -> None:
    for row in error_codes():
        assert len(row["meaning"]) >= 10, row
        assert len(row["mend"]) >= 7, row
        assert 400 <= int(row["status"]) < 600
    pairs = [(row["code"], row["status"]) for row in error_codes()]
    assert len(pairs) == len(set(pairs))
