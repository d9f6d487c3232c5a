"""Adding a report from a page."""

from __future__ import annotations

from django import forms

from countersign.web.fields import PageForm


class ReportForm(PageForm):
    """A file of what others measured."""

    file = forms.FileField(
        label="Report",
        help_text="An in-toto test result, JUnit XML, or results JSON of lm-evaluation-harness, at most 2 MiB.",
        # A larger body is not read at all, so this is also what one who sent it sees.
        error_messages={"required": "Choose a file of at most 2 MiB."},
    )
