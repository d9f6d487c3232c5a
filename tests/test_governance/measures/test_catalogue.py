"""The catalogue names what the engine gives, and costs the web process nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

from governance.evaluation import measures
from governance.evaluation.measures.catalogue import FAIRNESS, METRICS, Better

ROOT = Path(__file__).parents[3]


def test_reading_the_catalogue_loads_no_numerical_library() -> None:
    code = (
        "import sys; from governance.evaluation.measures.catalogue import METRICS; "
        "print(sorted({'numpy', 'scipy', 'sklearn', 'pandas'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_the_package_offers_the_engine_and_nothing_else() -> None:
    assert {name: callable(getattr(measures, name)) for name in measures.__all__} == {
        "Estimate": True, "compare_paired": True, "compare_paired_classes": True,
        "compare_paired_ranking": True, "compare_paired_regression": True,
        "measure_binary": True, "measure_multiclass": True, "measure_ranking": True, "measure_regression": True,
    }  # fmt: skip
    with pytest.raises(AttributeError, match="no attribute 'measure_everything'"):
        measures.measure_everything  # noqa: B018


@pytest.mark.parametrize("measure", [*METRICS.values(), *FAIRNESS.values()], ids=lambda measure: measure.name)
def test_an_entry_can_stand_in_a_sentence(measure: object) -> None:
    entry = METRICS.get(measure.name) or FAIRNESS[measure.name]  # type: ignore[attr-defined]
    assert entry.label[0].isupper()
    assert entry.meaning.endswith(".")
    assert entry.meaning.count(". ") == 0
    assert (entry.ideal is not None) == (entry.better is Better.NEAR_IDEAL)


def test_labels_are_unique() -> None:
    labels = [entry.label for entry in [*METRICS.values(), *FAIRNESS.values()]]
    assert len(labels) == len(set(labels))
