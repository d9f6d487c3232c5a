"""A page with every component of the look in every state, for the tests and for eyes (never shipped)."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django import forms
from django.http import HttpRequest
from django.template import engines
from django.test import RequestFactory

from countersign.verdicts import Reason, Verdict
from countersign.web import charts
from countersign.web.parts import Step, Window

VERSION = "3169f9f0eb4599e177055e8c638a4377b338b34d4fd81549da3b74cdd04e6362"
SUBJECT = "ca839dea02cb5f1177055e8c638a4377b338b34d4fd81549da3b74cdd04e6362"
OTHER = "c3db28e0f1d2a5b377055e8c638a4377b338b34d4fd81549da3b74cdd04e6362"


class Person:
    """A signed-in user, as far as a page looks at one."""

    is_authenticated = True
    pk = "0192f3a4"

    def __str__(self) -> str:
        return "Reviewer (Risk)"


class WaiverForm(forms.Form):
    """One field of every kind the pages use."""

    name = forms.CharField(label="Model name", help_text="Letters, digits, dash. Never reused.")
    until = forms.CharField(label="Until", help_text="A day, such as 30 Jun 2027.")
    reference = forms.CharField(label="Reference of your own", required=False)
    tier = forms.ChoiceField(label="Risk tier", choices=[("low", "Low"), ("high", "High")])
    reason = forms.CharField(
        label="Reason",
        help_text="Printed in every export.",
        widget=forms.Textarea(attrs={"class": "voice", "rows": 2}),
    )
    scope = forms.MultipleChoiceField(
        label="Scope",
        choices=[("read", "Read"), ("upload", "Upload a version"), ("sign", "Sign")],
        widget=forms.CheckboxSelectMultiple,
    )
    watch = forms.BooleanField(label="Tell me when it ends", help_text="In your inbox.", required=False)
    files = forms.FileField(
        label="Files of the version", help_text="Hashed while they arrive, run by nobody."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["scope"].hints = {"upload": "One model only."}
        self.fields["scope"].refused = {"sign": "Only persons sign; this is a service account."}

    def clean_until(self) -> str:
        if self.cleaned_data["until"] == "31 Jun 2027":
            raise forms.ValidationError("June has 30 days. Did you mean 30 Jun 2027?")
        return str(self.cleaned_data["until"])


def bound_form() -> WaiverForm:
    """The form as it comes back: two fields to mend, values kept."""
    form = WaiverForm(
        {"name": "credit-default", "until": "31 Jun 2027", "tier": "high", "scope": ["read"], "reason": ""}
    )
    form.is_valid()
    return form


REFUSAL = Verdict.refuse(
    Reason("measures.precision", "Precision falls more than 0.020 below the champion.", "/reviews/62/"),
    Reason("fairness.age", "Applicants of 60 and over: 93 rows, 100 are needed.", None, "insufficient"),
    Reason("signoffs", "Two sign-offs are missing: <business review> & release.", "/reviews/62/", "waiting"),
)


def roc(strength: float) -> list[tuple[float, float]]:
    """A concave curve from (0, 0) to (1, 1)."""
    return [(i / 400, (i / 400) ** strength) for i in range(401)]


def drawn() -> dict[str, Any]:
    """Every chart once, in the states that differ."""
    axis = (0.5, 0.95)
    rows = [
        (
            "Not met",
            charts.interval(
                0.629,
                0.592,
                0.665,
                axis=axis,
                label="ROC AUC",
                limit=0.6,
                limit_side="below",
                cap="low",
                reference=0.79,
            ),
        ),
        (
            "Met",
            charts.interval(
                0.790,
                0.779,
                0.802,
                axis=axis,
                label="ROC AUC",
                limit=0.77,
                limit_side="below",
                cap="low",
                champion=charts.Champion(0.785, 0.77, 0.80),
            ),
        ),
        (
            "Insufficient",
            charts.interval(
                0.768,
                0.652,
                0.885,
                axis=axis,
                label="ROC AUC",
                limit=0.6,
                limit_side="below",
                cap="low",
                insufficient=True,
            ),
        ),
        (
            "Upper",
            charts.interval(
                0.132,
                0.127,
                0.136,
                axis=(0.12, 0.15),
                label="Brier score",
                limit=0.14,
                limit_side="above",
                cap="high",
                champion=0.134,
            ),
        ),
        (
            "Difference",
            charts.interval(
                -0.023,
                -0.032,
                -0.012,
                axis=(-0.04, 0.06),
                label="Difference",
                limit=-0.02,
                limit_side="below",
                cap="low",
                reference=0,
            ),
        ),
    ]
    return {
        "intervals": rows,
        "roc": charts.figure(
            "Ranking (ROC)",
            "True against false positive rate",
            charts.curve(
                [
                    charts.Series("Version 14", roc(0.28), value="0.790"),
                    charts.Series("Champion 12", roc(0.31), "ghost", "0.785"),
                ],
                x_label="False positive rate",
                y_label="True positive rate",
                title="Ranking (ROC)",
                diagonal=True,
                dot=(0.1, 0.1**0.28),
            ),
            charts.twin(["False positive", "Version 14"], [["0.00", "0.006"], ["0.15", "0.593"]]),
        ),
        "precision": charts.figure(
            "Precision and recall",
            "Dot: declared threshold 0.30",
            charts.curve(
                [
                    charts.Series(
                        "Version 14",
                        [(i / 60, 0.9 - 0.65 * (i / 60) ** 1.7) for i in range(61)],
                        value="0.575",
                    ),
                    charts.Series(
                        "Champion 12",
                        [(i / 60, 0.88 - 0.64 * (i / 60) ** 1.6) for i in range(61)],
                        "ghost",
                        "0.566",
                    ),
                ],
                x_label="Recall",
                y_label="Precision",
                title="Precision and recall",
                dot=(0.57, 0.9 - 0.65 * 0.57**1.7),
                y_mark=(0.221, "default rate 0.221"),
            ),
        ),
        "calibration": charts.figure(
            "Calibration",
            "Observed default rate by tenth, with 95 % intervals",
            charts.calibration(
                [
                    charts.CalibrationBin(
                        s, s * 0.97, s * 0.97 - 0.02 - s / 60, s * 0.97 + 0.02 + s / 60, 900
                    )
                    for s in (0.05, 0.08, 0.12, 0.2, 0.28, 0.43, 0.7)
                ],
                [120, 540, 700, 340, 170, 120, 110, 70, 50, 40, 30, 25, 50, 80, 82, 36, 2, 0, 0, 0],
            ),
        ),
        "threshold": charts.figure(
            "What another threshold would do",
            "Precision and recall by threshold",
            charts.curve(
                [
                    charts.Series(
                        "Precision",
                        [(0.1 + i / 100, 0.28 + 0.9 * math.sqrt(i / 100) * 0.7) for i in range(51)],
                        at_end=True,
                    ),
                    charts.Series(
                        "Recall", [(0.1 + i / 100, 0.95 - 1.25 * i / 100) for i in range(51)], at_end=True
                    ),
                ],
                x_label="Threshold",
                y_label="Precision and recall",
                title="What another threshold would do",
                x_range=(0.1, 0.6),
                x_mark=(0.3, "declared 0.30"),
                wide=True,
            ),
        ),
        "confusion": charts.figure(
            "Decisions at threshold 0.30",
            "Champion 12 in grey, same rows",
            charts.confusion(
                ((1132, 859), (907, 6102)),
                actual=("Defaulted", "Paid"),
                decided=("Refused", "Approved"),
                champion=((1043, 948), (762, 6247)),
            ),
        ),
        "profile": charts.histogram(
            [12, 400, 700, 300, 20, 3], title="Distribution of education", doubtful=(0, 5)
        ),
        "profile_before": charts.histogram(
            [50, 400, 700, 300, 120, 30], before=[60, 300, 500, 500, 220, 30], title="Distribution of pay"
        ),
        "shares": charts.figure(
            "education, window to 11 Nov",
            "Share of rows, against training",
            charts.shares(
                [
                    charts.Category("Less than high school", 0.095, 0.21),
                    charts.Category("High school", 0.385, 0.49),
                    charts.Category("Bachelor", 0.255, 0.15),
                ],
                title="Education",
            ),
        ),
    }


def names() -> dict[str, Any]:
    """Everything the gallery reads."""
    return {
        "version": VERSION,
        "subject_digest": SUBJECT,
        "other": OTHER,
        "refusal": REFUSAL,
        "allowance": Verdict.allow(Reason("note", "Until 12 Dec 2026, when the evaluation is 30 days old.")),
        "form": WaiverForm(),
        "bad": bound_form(),
        "moment": datetime(2026, 11, 11, 9, 14, 7, tzinfo=UTC),
        "charts": drawn(),
        "kinds": [
            "met",
            "not_met",
            "insufficient",
            "not_measured",
            "waived",
            "not_applicable",
            "stale",
            "waiting",
            "running",
            "finding",
            "alert",
            "in_edit",
            "restricted",
            "signed",
            "expiring",
            "missing",
            "elsewhere",
            "none_declared",
        ],
        "steps": [
            Step("done", "Fetch artifact and features", "4 files, digests equal", "0.4 s"),
            Step("running", "Predict in the sandbox", "41,000 of 200,000 rows", "12 s"),
            Step("failed", "Scan", "the model does not load"),
            Step("waiting", "Measures and intervals", word="Waits"),
        ],
        "window": Window(51, 100, 1904, "?before=x", "?after=y"),
        "first_window": Window(1, 50, 10_000, None, "?after=y", more=True),
        "facts": [("Flavour", "skops"), ("Size", "248 kB, 4 files"), ("Commit", None)],
        "prose": "The model **should not** be used.\n\n| group | n |\n|---|---|\n| 60 and over | 117 |\n",
    }


GALLERY = Path(__file__).with_suffix(".html")


def gallery_request(path: str = "/gallery/") -> HttpRequest:
    """A signed-in person's GET."""
    request = RequestFactory().get(path)
    request.user = Person()
    return request


def render_gallery() -> str:
    """The gallery as HTML."""
    template = engines["django"].from_string(GALLERY.read_text())
    return template.render(names(), gallery_request())
