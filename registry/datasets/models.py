"""Datasets and their versions: registered data with digest, schema, target and sensitive attributes."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from countersign import canonical
from countersign.ledger.models import Recorded
from registry.visibility import OfDataset, OfTeam


class Dataset(Recorded):
    """A named line of dataset versions, owned by a team."""

    ledger_type: ClassVar[str] = "registry.dataset"
    name = models.CharField(max_length=200)
    name_folded = models.CharField(max_length=250, unique=True)
    team = models.ForeignKey("accounts.Team", on_delete=models.RESTRICT, related_name="datasets")
    description = models.TextField(blank=True)
    created_at = models.DateTimeField()

    objects = OfTeam.as_manager()

    def __str__(self) -> str:
        return self.name

    def ledger_state(self) -> dict[str, Any]:
        return {"name": self.name, "team": str(self.team_id), "description": self.description}


COLUMNS_TOLD_LIMIT = 40_000
"""Of the columns' canonical bytes: an entry of the ledger holds 65,535 in all."""


class DatasetVersion(Recorded):
    """Immutable data: a Parquet or CSV blob, or a digest declared for data kept elsewhere (`blob` None).

    `columns` is [{"name", "type"}]; `sensitive_attributes` name columns that never enter the sandbox unless
    they are also features of a model."""

    ledger_type: ClassVar[str] = "registry.dataset_version"
    dataset = models.ForeignKey(Dataset, on_delete=models.RESTRICT, related_name="versions")
    number = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)  # sha256 of the file
    blob = models.ForeignKey("blobs.Blob", on_delete=models.RESTRICT, null=True, related_name="+")
    format = models.CharField(
        max_length=10, choices=[("parquet", "parquet"), ("csv", "csv")], default="parquet"
    )
    size = models.BigIntegerField(null=True)
    rows = models.BigIntegerField(null=True)
    columns = models.JSONField(default=list)
    target = models.CharField(max_length=200, blank=True)
    positive_label = models.CharField(max_length=200, blank=True)
    favourable_label = models.CharField(max_length=200, blank=True)
    sensitive_attributes = models.JSONField(default=list)
    row_key = models.CharField(max_length=200, blank=True)
    time_column = models.CharField(max_length=200, blank=True)
    query_column = models.CharField(max_length=200, blank=True, default="")  # which rows are ranked together
    licence = models.CharField(max_length=200, blank=True)
    source = models.TextField(blank=True)
    location = models.CharField(max_length=1000, blank=True)  # where it lies when it is not kept here
    created_at = models.DateTimeField()

    objects = OfDataset.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["dataset", "number"], name="dataset_version_number"),
            models.UniqueConstraint(fields=["dataset", "digest"], name="dataset_version_digest"),
            models.CheckConstraint(
                name="dataset_digest_is_hex", condition=Q(digest__regex=r"^[0-9a-f]{64}$")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dataset.name} {self.number}"

    def ledger_state(self) -> dict[str, Any]:
        """Without `query_column` where none is declared: entries of older versions must stay as they are. Columns
        too many for an entry are told by number and digest."""
        columns: Any = [{"name": c["name"], "type": c["type"]} for c in self.columns]
        if len(canonical.canonical(columns, limit=None)) > COLUMNS_TOLD_LIMIT:
            columns = {"number": len(columns), "digest": canonical.digest(columns)}
        declared = {"query_column": self.query_column} if self.query_column else {}
        return declared | {
            "dataset": str(self.dataset_id),
            "number": self.number,
            "digest": f"sha256:{self.digest}",
            "kept_here": self.blob_id is not None,
            "format": self.format,
            "size": self.size,
            "rows": self.rows,
            "columns": columns,
            "target": self.target,
            "positive_label": self.positive_label,
            "favourable_label": self.favourable_label,
            "sensitive_attributes": list(self.sensitive_attributes),
            "row_key": self.row_key,
            "time_column": self.time_column,
            "licence": self.licence,
            "source": self.source,
            "location": self.location,
        }
