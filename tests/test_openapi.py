"""The committed OpenAPI document is the one the views draw."""

from __future__ import annotations

import io

from django.core.management import call_command

from tests.databases import ROOT


def test_the_committed_document_is_current() -> None:
    drawn = io.StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=drawn)
    committed = (ROOT / "openapi.yaml").read_text(encoding="utf-8")
    assert drawn.getvalue().strip() == committed.strip(), "run: manage.py spectacular --file openapi.yaml"
