"""Writing a policy: its YAML, as it will be kept."""

from __future__ import annotations

from django import forms

from countersign.web.fields import PageForm
from governance.policies.actions import REASON_LIMIT
from governance.policies.yaml_lines import LIMIT_BYTES


class PolicyForm(PageForm):
    """The whole text. What is wrong with it the parser says, line by line."""

    text = forms.CharField(
        label="Policy",
        strip=False,
        max_length=LIMIT_BYTES,
        help_text="YAML. It binds nothing until a second compliance officer puts it in force.",
        widget=forms.Textarea(
            attrs={"class": "mono", "rows": 32, "spellcheck": "false", "autocapitalize": "off"}
        ),
    )

    def clean_text(self) -> str:
        """Line ends as the parser counts them: browsers send CR LF."""
        text: str = self.cleaned_data["text"]
        return text.replace("\r\n", "\n").replace("\r", "\n")


class DiscardForm(PageForm):
    """Why a draft goes no further."""

    reason = forms.CharField(
        label="Why it goes no further",
        max_length=REASON_LIMIT,
        help_text="Its author reads it. The text and its number stay on record.",
        widget=forms.Textarea(attrs={"class": "voice", "rows": 3}),
    )
