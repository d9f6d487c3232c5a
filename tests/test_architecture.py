"""Rules of the tree that matter enough to fail: layout, the one rule, the one writer of aliases."""

from __future__ import annotations

import ast
import importlib.util
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.utils.module_loading import import_string

from countersign.actors import Actor
from countersign.ledger.models import Recorded

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("platform/countersign", "registry", "governance")

WRITES = {
    "save",
    "create",
    "update",
    "delete",
    "bulk_create",
    "bulk_update",
    "get_or_create",
    "update_or_create",
    "aget_or_create",
}
# Outside the one rule (DESIGN §5): what is no fact of the ledger, and why.
OUTSIDE = {
    "platform/countersign/jobs/handlers.py": "progress, steps and log lines of a running job",
    "platform/countersign/jobs/runner.py": "claim, heartbeat and end of a job",
    "platform/countersign/api/idempotency.py": "answers kept for a day under an idempotency key",
    "platform/countersign/accounts/authentication.py": "last use of a token",
    "platform/countersign/ledger/sealer.py": "places in the tree and signed heads, made from entries",
}


def python_files() -> Iterator[Path]:
    """The product's own Python files, without migrations."""
    for source in SOURCES:
        for path in sorted((ROOT / source).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path


def is_actions(path: Path) -> bool:
    """Whether the file is an `actions.py` or inside an `actions/` package."""
    return path.name == "actions.py" or "actions" in path.parts


def manager_writes(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Writes through a Django manager or queryset: a call `X.objects….update(…)` and the like."""
    for node in ast.walk(tree):
        if not (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WRITES
        ):
            continue
        source = ast.unparse(node.func.value)
        if ".objects" in source or "_base_manager" in source or source.startswith("mine"):
            yield node.lineno, f"{source}.{node.func.attr}"


def test_platform_is_no_package() -> None:
    assert not (ROOT / "platform" / "__init__.py").exists(), "it would shadow the standard library's platform"
    spec = importlib.util.find_spec("platform")
    assert spec is not None
    assert not (spec.origin or "").startswith(str(ROOT))


def test_rows_are_written_in_actions_only() -> None:
    elsewhere = [
        f"{path.relative_to(ROOT)}:{line}: {what}"
        for path in python_files()
        if not is_actions(path) and str(path.relative_to(ROOT)) not in OUTSIDE
        for line, what in manager_writes(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert elsewhere == []


def test_what_stands_outside_the_rule_still_exists() -> None:
    assert [path for path in OUTSIDE if not (ROOT / path).exists()] == []


def test_one_function_writes_aliases() -> None:
    writers = set()
    for path in python_files():
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(function, ast.FunctionDef):
                continue
            for _, what in manager_writes(ast.Module(body=list(function.body), type_ignores=[])):
                if what.startswith(("Alias.objects", "AliasPeriod.objects")):
                    writers.add(f"{path.relative_to(ROOT)}:{function.name}")
    assert {writer.rsplit(":", 1)[1] for writer in writers} <= {"_move_alias", "_remove_alias"}, writers
    assert len({writer.rsplit(":", 1)[0] for writer in writers}) == 1, writers


def test_there_is_no_admin_site() -> None:
    assert not apps.is_installed("django.contrib.admin")


def public_actions() -> Iterator[tuple[str, object]]:
    """Every function an actions module offers, by dotted name."""
    for path in python_files():
        if not is_actions(path):
            continue
        dotted = ".".join(path.relative_to(ROOT).with_suffix("").parts).removeprefix("platform.")
        module = importlib.import_module(dotted.removesuffix(".__init__"))
        for name, value in vars(module).items():
            if inspect.isfunction(value) and not name.startswith("_") and value.__module__ == module.__name__:
                yield f"{module.__name__}.{name}", value


def test_actions_are_keyword_only_and_name_their_actor() -> None:
    wrong = []
    for name, function in public_actions():
        parameters = inspect.signature(inspect.unwrap(function)).parameters  # type: ignore[arg-type]
        if "actor" not in parameters:
            continue  # a helper of actions; that it writes through one is seen by its caller's test
        if any(parameter.kind is not parameter.KEYWORD_ONLY for parameter in parameters.values()):
            wrong.append(name)
    assert wrong == []
    assert any(name == "governance.promotion.actions.promote" for name, _ in public_actions())


def test_layers_below_name_upper_applications_only_as_strings() -> None:
    allowed = {"settings.py", "urls.py"}
    for path in (ROOT / "platform" / "countersign").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            for name in names:
                assert name.split(".")[0] not in ("registry", "governance"), f"{path}: imports {name}"
    assert {"registry", "governance"} <= set(settings.INSTALLED_APPS)
    assert allowed <= {path.name for path in (ROOT / "platform" / "countersign").glob("*.py")}


def test_registry_knows_nothing_of_approval() -> None:
    words = ("approv", "sign_off", "risk_tier", "countersign.governance")
    for model in apps.get_app_config("registry").get_models():
        for field in model._meta.get_fields():
            if field.auto_created:
                continue
            assert not any(word in field.name for word in words), f"{model.__name__}.{field.name}"


@pytest.mark.parametrize("gate", settings.REQUIRED_GATES)
def test_required_gates_are_registered(gate: str) -> None:
    from registry import gates

    assert gate in gates._gates


def test_start_is_refused_without_a_required_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    from registry import gates

    monkeypatch.delitem(gates._gates, "governance.alias")
    errors = gates.required_gates(None)
    assert [error.id for error in errors] == ["registry.E001"]
    assert "governance.alias" in errors[0].msg


def test_recorded_models_say_their_state() -> None:
    for model in apps.get_models():
        if issubclass(model, Recorded) and model.ledger_replayed:
            assert model.ledger_state is not Recorded.ledger_state, f"{model.__name__} has no ledger_state"
            assert model.ledger_type.count(".") == 1


def test_files_stay_readable() -> None:
    long = {
        str(path.relative_to(ROOT)): count
        for path in python_files()
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > 450
        and path.name != "verify.py"  # one file on purpose: an auditor takes it away
    }
    assert long == {}


def test_settings_name_what_exists() -> None:
    for dotted in settings.MIDDLEWARE:
        assert import_string(dotted)
    assert Actor.system().label == "Countersign"
