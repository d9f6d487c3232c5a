"""A stack of compose.yaml's own processes, and a model in it that may be promoted."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from demo.__main__ import Story
from demo.card import BOOSTED_TREES_CARD
from demo.training import boosted_trees
from tests.stack import MODEL
from tests.test_stack.composed.kit import Composed, composed_stack


@pytest.fixture(scope="session")
def composed() -> Iterator[Composed]:
    """compose.yaml's processes, on servers of their own that a test may stop; each test leaves them ready."""
    with (
        tempfile.TemporaryDirectory(prefix="countersign-composed-") as folder,
        composed_stack(Path(folder)) as running,
    ):
        yield running


@pytest.fixture(scope="session")
def story(composed: Composed, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """The demonstration's people and one model, uploaded, evaluated, approved for production and not yet promoted."""
    story = Story(
        composed.url, composed.client("administrator", "administer"), tmp_path_factory.mktemp("story")
    )
    data = story.register_data()
    story.job.post("models", {"name": MODEL, "team": story.team, "description": "Ranks accounts."})
    story.who("model owner").browser.put(
        f"models/{MODEL}/profile", {"risk_tier": "medium", "purpose": "Ranks accounts."}
    )
    # joblib: the scan of a skops file and each process that reads one take a second longer
    number = story.upload(
        replace(boosted_trees(), flavour="joblib"), data, "8e2b40c1d5f6a7980b1c2d3e4f5061728394a5b6"
    )
    story.evaluated(number)
    story.write_card(number, BOOSTED_TREES_CARD)
    review = story.ask_for_review(number, "Best on the holdout.")
    story.sign("reviewer", review, "validation", "Read group by group.")
    story.sign("approver", review, "approval", "Fit for its purpose.")
    return story
