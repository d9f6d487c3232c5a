"""Fixtures of the sandbox tests."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from governance.evaluation.sandbox import (
    EvaluationFailed,
    Flavour,
    Isolation,
    Limits,
    Outcome,
    detect_isolation,
    predict,
)

from . import models

SMALL = Limits(memory_bytes=2 << 30, cpu_seconds=30, wall_seconds=60)


@pytest.fixture(scope="session")
def isolation() -> Isolation:
    """What this host offers. The sandbox's promises are those of level 2 and above."""
    found = detect_isolation()
    assert found.level >= 2, f"these tests need Landlock and seccomp: {found.refused}"
    return found


@pytest.fixture
def run(isolation: Isolation) -> Callable[..., Outcome]:
    """Predict with small limits over the two numeric columns, or what is given."""

    def predicted(artifact: Path, **changes: Any) -> Outcome:
        table = changes.pop("table", models.table().select(["age", "years"]))
        settings: dict[str, Any] = {
            "flavour": Flavour.PICKLE,
            "batches": models.batches(table),
            "rows": table.num_rows,
            "limits": SMALL,
            "isolation": isolation,
            "trusted_types": (),
        }
        return predict(artifact=artifact, **(settings | changes))

    return predicted


@pytest.fixture
def fails(run: Callable[..., Outcome]) -> Callable[..., EvaluationFailed]:
    """Predict and give the failure."""

    def failed(artifact: Path, **changes: Any) -> EvaluationFailed:
        with pytest.raises(EvaluationFailed) as caught:
            run(artifact, **changes)
        return caught.value

    return failed
