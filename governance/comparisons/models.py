"""Comparisons: two versions on the same rows, by their paired differences."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

import orjson
from django.db import models

from countersign.ledger.models import Recorded
from governance.evaluation.models import Evaluation


class Comparison(Recorded):
    """`document` is canonical JSON (RFC 8785): the differences of `evaluation` minus those of `against`. The same two
    evaluations give the same bytes, so there is one row for a pair."""

    ledger_type: ClassVar[str] = "governance.comparison"
    evaluation = models.ForeignKey(Evaluation, on_delete=models.RESTRICT, related_name="comparisons")
    against = models.ForeignKey(Evaluation, on_delete=models.RESTRICT, related_name="+")
    document = models.BinaryField()
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["evaluation", "against"], name="comparison_once_a_pair")
        ]

    def __str__(self) -> str:
        return f"{self.evaluation} against {self.against}"

    @cached_property
    def differences(self) -> dict[str, Any]:
        """The document, parsed."""
        parsed: dict[str, Any] = orjson.loads(bytes(self.document))
        return parsed

    def ledger_state(self) -> dict[str, Any]:
        return {
            "evaluation": str(self.evaluation_id),
            "against": str(self.against_id),
            "digest": f"sha256:{self.digest}",
        }
