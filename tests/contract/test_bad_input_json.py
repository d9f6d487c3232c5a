"""JSON that is broken, or could be read as two things: 400 or 413 or 415 with where, and nothing is written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from countersign.accounts.models import Team
from tests.test_registry.api_kit import API, Api, at
from tests.test_registry.kit import nothing_changes

pytestmark = pytest.mark.django_db

NAME = b'{"name": "a", "team": "risk"'
JSON = "application/json"


@pytest.mark.parametrize(
    ("body", "media", "status", "code", "says"),
    [
        (NAME, JSON, 400, "parse_error", "line 1 column"),
        (b"", JSON, 422, "invalid", "name"),
        (b" ", JSON, 400, "parse_error", "Expecting value"),
        (b"name=a&team=risk", JSON, 400, "parse_error", "Expecting value"),
        (b"[" * 100_000, JSON, 400, "parse_error", "deeper than 64"),
        (b"[" * 65 + b"1" + b"]" * 65, JSON, 400, "parse_error", "deeper than 64"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, JSON, 400, "parse_error", "deeper than 64"),
        (NAME + b', "x": ' + b"9" * 5_000 + b"}", JSON, 400, "parse_error", "64 bits"),
        (NAME + b', "x": 18446744073709551616}', JSON, 400, "parse_error", "64 bits"),
        (NAME + b', "x": 1e999}', JSON, 400, "parse_error", "larger than any double"),
        (NAME + b', "x": NaN}', JSON, 400, "parse_error", "NaN"),
        (NAME + b', "x": -Infinity}', JSON, 400, "parse_error", "-Infinity"),
        (NAME + b', "name": "b"}', JSON, 400, "parse_error", "'name' comes twice"),
        (NAME + b', "x": [{"y": 1, "y": 2}]}', JSON, 400, "parse_error", "'y' comes twice"),
        (b"\xef\xbb\xbf" + NAME + b"}", JSON, 400, "parse_error", "byte order mark"),
        ((NAME + b"}").decode().encode("utf-16"), JSON, 400, "parse_error", "UTF-8"),
        ('{"name": "ä", "team": "risk"}'.encode("latin-1"), JSON, 400, "parse_error", "UTF-8"),
        (NAME + b"}", f"{JSON}; charset=latin-1", 415, "unsupported_media_type", "UTF-8"),
        (NAME + b"}", "text/json", 415, "unsupported_media_type", "text/json"),
        (NAME + b"}", "application/x-www-form-urlencoded", 415, "unsupported_media_type", "form"),
        (b'{"name": "\\ud800", "team": "risk"}', JSON, 400, "parse_error", "surrogate"),
        (b'{"\\udfff": 1}', JSON, 400, "parse_error", "surrogate"),
        (b'{"name": "a\x00b", "team": "risk"}', JSON, 400, "parse_error", "control character"),
        (b"[]", JSON, 422, "invalid", "dictionary"),
        (b'"a model"', JSON, 422, "invalid", "dictionary"),
        (b"null", JSON, 422, "invalid", ""),
        (b'{"name": ["a"], "team": "risk"}', JSON, 422, "invalid", "name"),
        (b'{"name": {"a": 1}, "team": "risk"}', JSON, 422, "invalid", "name"),
        (b'{"name": true, "team": "risk"}', JSON, 422, "invalid", "name"),
        (b'"' + b"x" * 2_200_000 + b'"', JSON, 413, "too_large", "2,097,152 bytes"),
    ],
)
def test_a_body_that_is_no_clear_json(
    api: Api, team: Team, body: bytes, media: str, status: int, code: str, says: str
) -> None:
    with nothing_changes():
        answer = api.client.generic("POST", f"{API}/models", body, content_type=media)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.content
    assert says in answer.json()["detail"]
    assert answer["Cache-Control"] == "no-store"


def test_what_is_unusual_and_clear_is_taken(api: Api, team: Team) -> None:
    body = (
        b'\n{"name": "\\ud83e\\udd16 \xe6\xa8\xa1", "team": "risk", "description": "'
        + b"\\u00e9" * 10
        + b'"}\r\n'
    )
    answer = api.client.generic("POST", f"{API}/models", body, content_type="application/json; charset=UTF-8")
    assert answer.status_code == 201, answer.content
    assert answer.json()["name"] == "🤖 模"
    assert answer.json()["description"] == "é" * 10


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"a": 1, "a": 2}', '{"tags": {"a": NaN}}', '{"a":' * 65 + "1" + "}" * 65]
)
def test_metadata_beside_files_is_read_as_strictly(api: Api, model: dict[str, Any], text: str) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    with nothing_changes():
        answer = api.client.post(
            f"{API}/{at('credit default')}/versions", {"metadata": text, "a": SimpleUploadedFile("a", b"1")}
        )
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_metadata")


def test_a_key_that_is_no_field_is_told_where_fields_are_closed(api: Api, model: dict[str, Any]) -> None:
    with nothing_changes():
        answer = api.call("POST", "uploads", {"model": "credit default", "metadata": {"descripton": "x"}})
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_metadata")
    assert "descripton" in json.dumps(answer.json())
