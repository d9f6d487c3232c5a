"""Gathers the models of the capabilities: one app, one migrations folder."""

from registry.datasets.models import Dataset, DatasetVersion
from registry.lineage.models import LineageEdge
from registry.runs.models import Experiment, Run, RunInput, RunMetric, RunParameter
from registry.versions.models import (
    Alias,
    AliasPeriod,
    Contributor,
    ManifestFile,
    ModelVersion,
    RegisteredModel,
    Tag,
    Upload,
    UploadFile,
    VersionInput,
)

__all__ = [
    "Alias",
    "AliasPeriod",
    "Contributor",
    "Dataset",
    "DatasetVersion",
    "Experiment",
    "LineageEdge",
    "ManifestFile",
    "ModelVersion",
    "RegisteredModel",
    "Run",
    "RunInput",
    "RunMetric",
    "RunParameter",
    "Tag",
    "Upload",
    "UploadFile",
    "VersionInput",
]
