"""A client of the REST API as the tests of the registry use it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from countersign.accounts.models import User
from countersign.blobs.storage import storage
from countersign.permissions import Scope
from tests.factories import registry as make
from tests.factories.people import api_client, token_for
from tests.test_registry.kit import REFUSAL, nothing_changes

API = "/api/v1"


class Api:
    """A client that speaks JSON."""

    def __init__(self, holder: User, *scopes: Scope) -> None:
        self.client: Client = api_client(token_for(holder, *scopes))

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The response."""
        sent = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
        return self.client.generic(method, f"{API}/{path}", **sent, headers=headers)

    def get(self, path: str, **query: str) -> Any:
        """The parsed body of a GET that succeeds."""
        response = self.client.get(f"{API}/{path}", query)
        assert response.status_code == 200, response.content
        return response.json()

    def make(self, path: str, body: Any = None) -> Any:
        """The parsed body of a POST that creates."""
        response = self.call("POST", path, body or {})
        assert response.status_code in (200, 201), response.content
        return response.json()

    def upload(self, path: str, metadata: Any, files: dict[str, bytes], **headers: str) -> Any:
        """The response to a multipart POST."""
        parts: dict[str, Any] = {name: SimpleUploadedFile("f", content) for name, content in files.items()}
        return self.client.post(f"{API}/{path}", {"metadata": json.dumps(metadata), **parts}, headers=headers)

    def refused(self, status: int, code: str, method: str, path: str, body: Any = None) -> Any:
        """The problem a request is answered with; nothing changed."""
        with nothing_changes(but=REFUSAL if status == 403 else ""):
            response = self.call(method, path, body)
        assert response.status_code == status, response.content
        assert response["Content-Type"] == "application/problem+json"
        problem = response.json()
        assert problem["code"] == code
        assert problem["detail"]
        return problem


def at(name: str) -> str:
    """The path of a model."""
    return f"models/{quote(name, safe='')}"


def stored() -> int:
    """How many files the storage holds."""
    return sum(path.is_file() for path in storage().root.rglob("*"))  # type: ignore[attr-defined]


METADATA = {
    "description": "One call.",
    "signature": make.SIGNATURE,
    "libraries": {"scikit-learn": "1.9.1"},
    "trainers": ["maker"],
    "tags": {"stage": "nightly"},
    "alias": "challenger",
    "run": {
        "experiment": "Nightly",
        "name": "heron",
        "parameters": {"depth": "4"},
        "metrics": {"auc": 0.79},
        "source_commit": "5bd87e35",
        "source_repository": "git@x:y",
        "source_clean": True,
    },
}
