"""200 uploads at the same time, in one call and step by step, to the same models and with the same bytes."""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx

from tests.stack import Stack
from tests.test_stack.people_kit import Team, make_team

MODELS = [f"crowd-{number}" for number in range(4)]
UPLOADS = 200
AT_ONCE = 40
LONGEST_SECONDS = 30
RETRYABLE = {409, 429, 503}


@dataclass(frozen=True)
class Outcome:
    """How one upload ended, and how many clean refusals came before."""

    model: str
    answer: httpx.Response
    refused: list[httpx.Response]


def content_of(number: int) -> bytes:
    """Every fifth upload brings bytes of its own; the others share one of ten files."""
    return f"bytes of {number if number % 5 == 0 else f'file {number % 10}'}\n".encode() * 4_000


def send(client: httpx.Client, number: int) -> Outcome:
    """Upload until it is done or refused for good."""
    model, content, refused = MODELS[number % len(MODELS)], content_of(number), []
    while True:
        answer = in_one_call(client, model, content) if number % 4 else step_by_step(client, model, content)
        if answer.status_code not in RETRYABLE or len(refused) == 20:
            return Outcome(model, answer, refused)
        refused.append(answer)


def in_one_call(client: httpx.Client, model: str, content: bytes) -> httpx.Response:
    """One multipart request."""
    return client.post(
        f"models/{model}/versions", data={"metadata": "{}"}, files={"model.bin": ("model.bin", content)}
    )


def step_by_step(client: httpx.Client, model: str, content: bytes) -> httpx.Response:
    """Open, send, finalise."""
    digest = hashlib.sha256(content).hexdigest()
    opened = client.post("uploads", json={"model": model})
    if opened.status_code != 201:
        return opened
    path = f"uploads/{opened.json()['id']}"
    arrived = client.put(f"{path}/files/model.bin", content=content, headers={"Content-SHA256": digest})
    return client.post(f"{path}/finalise") if arrived.status_code == 201 else arrived


def test_200_uploads_at_once(stack: Stack) -> None:
    team: Team = make_team(stack, "Crowd")
    with stack.client(team.token) as maker:
        for name in MODELS:
            assert maker.post("models", json={"name": name, "team": team.slug}).status_code == 201
    began = time.monotonic()
    with (
        httpx.Client(
            base_url=f"{stack.url}/api/v1/",
            headers={"Authorization": f"Bearer {team.token}"},
            timeout=LONGEST_SECONDS,
            limits=httpx.Limits(max_connections=AT_ONCE),
        ) as client,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        outcomes = list(pool.map(lambda number: send(client, number), range(UPLOADS)))
    seconds = time.monotonic() - began

    assert {one.answer.status_code for one in outcomes} == {201}, [
        one.answer.text for one in outcomes if one.answer.status_code != 201
    ][:3]
    for refused in (answer for one in outcomes for answer in one.refused):
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert refused.json()["code"] in ("in_progress", "throttled", "unavailable")
    assert seconds < LONGEST_SECONDS

    made = Counter(one.model for one in outcomes)
    for name in MODELS:
        numbers = sorted(number for (number,) in stack.sql(VERSIONS, name))
        assert numbers == list(range(1, made[name] + 1)), "a gap, or a number twice"
        answered = sorted(one.answer.json()["number"] for one in outcomes if one.model == name)
        assert answered == numbers
    assert stack.sql(HALF) == [(0,)]
    contents = {hashlib.sha256(content_of(number)).hexdigest() for number in range(UPLOADS)}
    stored = stack.sql(
        "SELECT sha256, count(*) FROM blobs_blob WHERE sha256 = ANY(%s) GROUP BY 1", list(contents)
    )
    assert dict(stored) == dict.fromkeys(contents, 1), "the same bytes are kept once"
    assert not list((stack.home / "blobs").rglob("*.part*"))
    told = stack.sql(ENTRIES, json.dumps(MODELS))
    assert told == [(UPLOADS,)]
    assert stack.ready()


VERSIONS = (
    "SELECT v.number FROM registry_modelversion v JOIN registry_registeredmodel m ON m.id = v.model_id"
    " WHERE m.name = %s"
)
HALF = (
    "SELECT count(*) FROM registry_modelversion v WHERE NOT EXISTS"
    " (SELECT 1 FROM registry_manifestfile f WHERE f.version_id = v.id)"
)
ENTRIES = (
    "SELECT count(*) FROM ledger_entry e JOIN registry_modelversion v"
    " ON convert_from(e.canonical, 'UTF8')::jsonb #>> '{subject,ref}' = v.id::text"
    " JOIN registry_registeredmodel m ON m.id = v.model_id"
    " WHERE convert_from(e.canonical, 'UTF8')::jsonb ->> 'verb' = 'registry.version.registered'"
    " AND m.name IN (SELECT jsonb_array_elements_text(%s::jsonb))"
)
