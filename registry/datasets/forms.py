"""Forms of datasets."""

from __future__ import annotations

from django import forms

from countersign.web.fields import PageForm


class DescribeForm(PageForm):
    """What the data is and where it comes from; `seen` is the description the page showed."""

    use_required_attribute = False
    description = forms.CharField(
        label="Description",
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 4, "class": "voice"}),
        help_text="What the data is, where it comes from, what is missing. The one before stays in the ledger.",
    )
    seen = forms.CharField(required=False, strip=False, widget=forms.HiddenInput)

    def clean_seen(self) -> str:
        """As it was drawn: a form sends its line ends in its own way."""
        seen: str = self.cleaned_data["seen"]
        return seen.replace("\r\n", "\n")
