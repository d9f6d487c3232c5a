"""Asking for an evaluation from a page."""

from __future__ import annotations

from typing import Any

from django import forms

from countersign.actors import Actor
from countersign.web import formats
from countersign.web.fields import PageForm
from governance.evaluation.fitness import fit_for, why_unfit
from governance.evaluation.suites import SUITES
from registry.datasets.models import DatasetVersion
from registry.datasets.queries import dataset_versions_visible_to
from registry.versions.models import ModelVersion
from registry.versions.tasks import task_of

MOST_CHOICES = 200
#: Up to so many are shown as options, each with its consequence (NOTES §8a).
AS_OPTIONS = 5


#: What choosing a suite means, by the first part of its name; times as seen on two processors.
CONSEQUENCES = {
    "default": "Measures, groups, slices and leaks, and asks a second process of the model: robustness, flip test, the "
    "gap to training, the same rows again. Some 15 s for 10,000 rows. Policies read it unless they name "
    "another.",
    "quick": "Measures, groups and leaks only, with 500 resamples behind intervals. Leaves out slices, robustness, "
    "flip test, the gap to training and reproduction. Seconds.",
    "full": "Adds the importance of every feature, and takes more rows and resamples. Several times as long.",
}


class SuiteField(forms.ChoiceField):
    """One of the suites; where none is sent, the first."""

    def clean(self, value: Any) -> Any:
        return super().clean(value or self.initial)


class EvaluationForm(PageForm):
    """On which data, and by which suite: data kept here that fit the version's task, newest first; the upload's own
    choice comes first."""

    dataset_version = forms.ChoiceField(
        label="Data",
        help_text="Labelled data the version has not seen. The labels never enter the sandbox.",
    )
    suite = SuiteField(label="Suite", widget=forms.RadioSelect)

    def __init__(self, *args: Any, actor: Actor, version: ModelVersion, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        contexts: dict[Any, set[str]] = {}
        for used in version.inputs.all():
            contexts.setdefault(used.dataset_version_id, set()).add(used.context)
        usable = dataset_versions_visible_to(actor).filter(blob__isnull=False)
        task = task_of(version.signature)
        found = [data for data in fit_for(usable, task)[:MOST_CHOICES] if not why_unfit(data, task)]
        found.sort(key=lambda data: "evaluation" not in contexts.get(data.pk, ()))
        self.known = {str(data.pk): data for data in found}
        field = self.fields["dataset_version"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared above
        field.choices = [(pk, _label(data)) for pk, data in self.known.items()]
        if len(found) <= AS_OPTIONS:
            field.widget = forms.RadioSelect(choices=field.choices)
            field.hints = {  # type: ignore[attr-defined]
                str(data.pk): _hint(data, contexts.get(data.pk, set())) for data in found
            }
        suites = [suite for suite in SUITES.values() if suite.task is task]
        suite_field = self.fields["suite"]
        assert isinstance(suite_field, SuiteField)  # noqa: S101 - declared above
        suite_field.choices = [(suite.name, suite.title) for suite in suites]
        suite_field.initial = suites[0].name
        suite_field.hints = {  # type: ignore[attr-defined]
            suite.name: CONSEQUENCES[suite.name.partition("-")[0]] for suite in suites
        }
        if found:
            self.initial.setdefault("dataset_version", str(found[0].pk))

    def chosen(self) -> DatasetVersion:
        """The chosen data of a valid form."""
        return self.known[self.cleaned_data["dataset_version"]]


def _label(data: DatasetVersion) -> str:
    rows = f", {formats.plural(data.rows, 'row')}" if data.rows is not None else ""
    return f"{data}{rows}"


def _hint(data: DatasetVersion, contexts: set[str]) -> str:
    if "training" in contexts:
        return "The version was trained on it: a result on it proves nothing."
    if "evaluation" in contexts:
        return "Named for evaluation when the version was uploaded."
    declared = ", ".join(data.sensitive_attributes)
    return (
        f"Groups by {declared}." if declared else "Names no sensitive attribute, so no groups are compared."
    )
