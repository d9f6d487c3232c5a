"""What the `MLmodel` file of an MLflow folder claims about the model beside it.

Claims only: which file is the model is taken from here and its format from that file's bytes, the signature and the
libraries only where the upload gave none. No requirement is installed, and no list of types to trust is followed.
MLflow describes the file in “MLflow Model format”: `flavors`, `signature`, `mlflow_version`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import yaml

from countersign.blobs.models import Blob
from countersign.blobs.storage import storage
from countersign.blobs.store import Incoming
from countersign.errors import Invalid
from registry.versions.values import checked_signature

NAME = "MLmodel"
SIZE_LIMIT = 256 * 1024
COUNT_LIMIT = 500

# How each flavour names its model's file, and under which key it keeps its library's release.
_DATA_KEYS = ("data", "pickled_model", "model_data")
_LIBRARIES = {
    "sklearn": ("sklearn_version", "scikit-learn"),
    "xgboost": ("xgb_version", "xgboost"),
    "lightgbm": ("lgb_version", "lightgbm"),
    "onnx": ("onnx_version", "onnx"),
    "python_function": ("python_version", "python"),
}
# MLflow's column types as Parquet files have them; others keep their name.
_TYPES = {"long": "int64", "integer": "int32", "boolean": "bool"}


@dataclass(frozen=True, slots=True)
class Claims:
    """`data_files` are paths among the version's files. `signature` and `libraries` are in the form an upload has,
    unchecked. `trusted_types` and `requirements` are for people to read."""

    flavours: tuple[str, ...] = ()
    data_files: tuple[str, ...] = ()
    mlflow_version: str = ""
    signature: dict[str, Any] = field(default_factory=dict)
    libraries: dict[str, str] = field(default_factory=dict)
    trusted_types: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The claims as plain values, for evidence."""
        return {
            "flavours": list(self.flavours),
            "mlflow_version": self.mlflow_version,
            "libraries": self.libraries,
            "skops_trusted_types": list(self.trusted_types),
        }


def claims_of(files: Mapping[str, Blob | Incoming]) -> Claims | None:
    """The claims of the outermost `MLmodel` among the files. None where there is none, or it cannot be read: it is
    then a file like any other."""
    paths = [path for path in files if PurePosixPath(path).name == NAME and files[path].size <= SIZE_LIMIT]
    if not paths:
        return None
    path = min(paths, key=lambda one: (one.count("/"), one))
    with storage().open(files[path].key) as file:
        content = file.read(SIZE_LIMIT)
    try:
        told = yaml.load(content, Loader=_PlainLoader)  # noqa: S506 a SafeLoader without aliases
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    return _claims(told, PurePosixPath(path).parent, files) if isinstance(told, dict) else None


def claimed_signature(claims: Claims) -> dict[str, Any]:
    """The signature an MLflow folder claims, in the form of an upload's; {} where it has none that could be one."""
    try:
        return checked_signature(claims.signature)
    except Invalid:
        return {}


class _PlainLoader(yaml.SafeLoader):
    """Plain values only. An alias would let a small file describe a large one."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not read")
        return super().compose_node(parent, index)


def _claims(told: dict[Any, Any], folder: PurePosixPath, files: Mapping[str, Blob | Incoming]) -> Claims:
    flavours = {
        str(name)[:100]: flavour
        for name, flavour in list(_mapping(told.get("flavors")).items())[:COUNT_LIMIT]
        if isinstance(flavour, dict)
    }
    named = [
        flavour[key]
        for flavour in flavours.values()
        for key in _DATA_KEYS
        if isinstance(flavour.get(key), str)
    ]
    version = _text(told.get("mlflow_version"))
    libraries = {"mlflow": version} if version else {}
    for flavour, (key, library) in _LIBRARIES.items():
        if release := _text(flavours.get(flavour, {}).get(key)):
            libraries[library] = release
    trusted = flavours.get("sklearn", {}).get("skops_trusted_types")
    return Claims(
        tuple(flavours),
        tuple(path for one in named if (path := str(folder / one)) in files),
        version,
        _signature(_mapping(told.get("signature"))),
        libraries,
        tuple(_text(one) for one in trusted[:COUNT_LIMIT]) if isinstance(trusted, list) else (),
    )


def _signature(told: Mapping[Any, Any]) -> dict[str, Any]:
    """MLflow's columns as features. Empty where there are none, or tensors."""
    try:
        columns = json.loads(told.get("inputs") or "[]")
    except (TypeError, ValueError, RecursionError):
        return {}
    if not isinstance(columns, list) or not all(isinstance(one, dict) and one.get("name") for one in columns):
        return {}
    features = [
        {"name": str(one["name"]), "type": _TYPES.get(str(one.get("type")), str(one.get("type") or ""))}
        for one in columns
    ]
    return {"features": features} if features else {}


def _mapping(value: Any) -> Mapping[Any, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return str(value)[:100] if isinstance(value, str | int | float) else ""
