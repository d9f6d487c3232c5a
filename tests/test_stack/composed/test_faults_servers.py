"""The database restarted under load, Redis gone for a while, a second beat: nothing is lost, nothing done twice."""

from __future__ import annotations

import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx

from countersign import signs
from demo.__main__ import Story
from tests.stack import MODEL, until
from tests.test_stack.composed.kit import Composed

THREADS = 4


@dataclass
class Load:
    """Requests from several clients until told to stop, and what they were answered."""

    url: str
    token: str
    stop: threading.Event = field(default_factory=threading.Event)
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    made: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    def run(self, thread: int) -> None:
        """One client: make a model, read a list, read a page."""
        with httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {self.token}"}, timeout=30
        ) as client:
            number = 0
            while not self.stop.is_set():
                number += 1
                name = f"load-{thread}-{number}"
                body = {"name": name, "team": "retail-credit", "description": "Made under load."}
                if self.note("make", client.post("/api/v1/models", json=body)) == 201:
                    self.made.add(name)
                self.note("list", client.get("/api/v1/models"))
                self.note(
                    "page",
                    client.get("/sign-in/", headers={"Authorization": "", "Cookie": f"sessionid={'a' * 32}"}),
                )

    def note(self, what: str, answer: httpx.Response) -> int:
        """Count an answer; remember one that no client should get."""
        self.answers[what, answer.status_code] += 1
        said = answer.text
        fine = answer.status_code in (200, 201)
        if answer.status_code == 503 and what == "page":
            fine = "cannot reach its database" in said and "Retry-After" in answer.headers
        elif answer.status_code == 503:
            fine = answer.json()["code"] == "unavailable" and "Retry-After" in answer.headers
        if not fine or "Traceback" in said:
            self.wrong.append(f"{what} {answer.status_code}: {said[:300]}")
        return answer.status_code

    def count(self, status: int) -> int:
        """How many answers had this status."""
        return sum(times for (_, found), times in self.answers.items() if found == status)


def ask(story: Story, *, suite: str = "quick-binary") -> dict[str, Any]:
    """Ask for another evaluation of the story's version."""
    body = {
        "model": MODEL,
        "version": 1,
        "dataset": "credit-default-holdout",
        "dataset_version": 1,
        "suite": suite,
    }
    asked: dict[str, Any] = story.job.post("evaluations", body)
    return asked


def succeeded(composed: Composed, story: Story, asked: dict[str, Any]) -> None:
    """The evaluation ends well, and one entry tells of it."""
    found = story.job.wait(
        f"evaluations/{asked['number']}", ended=["succeeded", "failed", "cancelled"], seconds=60
    )
    assert found["state"] == "succeeded", found["failure"]
    rows = composed.sql(
        "SELECT count(*) FROM ledger_entry e JOIN governance_evaluation g"
        " ON convert_from(e.canonical, 'UTF8')::jsonb #>> '{subject,ref}' = g.id::text WHERE g.number = %s"
        " AND convert_from(e.canonical, 'UTF8')::jsonb ->> 'verb' = 'governance.evaluation.succeeded'",
        asked["number"],
    )
    assert rows == [(1,)]


def running(composed: Composed, asked: dict[str, Any]) -> bool:
    """Whether a worker is at the evaluation's job."""
    return composed.sql("SELECT state FROM jobs_job WHERE id = %s", asked["job"]) == [("running",)]


def test_the_database_is_restarted_under_load(composed: Composed, story: Story) -> None:
    token = composed.manage("create_token", "owen", "--scope", "read", "--scope", "write").strip()
    load = Load(composed.url, token)
    asked = ask(story, suite="default-binary")  # long enough to be met by the restart
    until(lambda: running(composed, asked), seconds=30, what="the evaluation to run")
    with ThreadPoolExecutor(THREADS) as clients:
        at_work = [clients.submit(load.run, thread) for thread in range(THREADS)]
        try:
            until(lambda: load.count(201) >= THREADS, seconds=30, what="the load to begin")
            composed.stop_server("postgres")
            until(lambda: load.count(503) >= 2 * THREADS, seconds=30, what="requests to be refused")
            composed.start_postgres()
            made = load.count(201)
            until(lambda: load.count(201) > made + THREADS, seconds=30, what="requests to be answered again")
        finally:
            load.stop.set()
        for client in at_work:
            client.result()
    assert load.wrong == []
    composed.up()
    names = {
        name
        for (name,) in composed.sql("SELECT name FROM registry_registeredmodel WHERE name LIKE 'load-%%'")
    }
    assert load.made <= names, "what was answered 201 is there"
    told = composed.sql(
        "SELECT count(*) FROM ledger_entry e JOIN registry_registeredmodel m"
        " ON convert_from(e.canonical, 'UTF8')::jsonb #>> '{subject,ref}' = m.id::text WHERE m.name LIKE 'load-%%'"
    )
    assert told == [(len(names),)], "and each is told of once"
    succeeded(composed, story, asked)
    assert "everything holds" in composed.manage("verify")


def test_redis_stopped_and_started_loses_nothing(composed: Composed, story: Story) -> None:
    composed.stop_server("redis")
    asked = ask(story)
    parts = composed.parts()
    assert parts["broker"]["ready"] is False
    assert "nothing is lost" in parts["broker"]["detail"]
    assert parts["database"]["ready"] is True
    story.who("model owner").browser.get("models")
    composed.start_redis()
    succeeded(composed, story, asked)
    until(
        lambda: composed.sql("SELECT count(*) FROM ledger_pending") == [(0,)],
        seconds=20,
        what="all to be sealed",
    )
    until(composed.ready, seconds=30, what="/readyz")


def sent(log: str) -> int:
    """How many tasks a beat says it sent."""
    return sum(
        "Sending due task" in str(json.loads(line).get("event"))
        for line in log.splitlines()
        if line[:1] == "{"
    )


def test_a_second_beat_stands_by_and_takes_over(composed: Composed) -> None:
    with signs.connect(composed.secret("redis_url")) as client:
        first = client.get(signs.BEAT_KEY)
        assert first
        composed.start("beat", name="second-beat")
        try:
            before = sent(composed.log("beat"))
            until(lambda: sent(composed.log("beat")) > before + 2, seconds=20, what="the first beat to go on")
            assert client.get(signs.BEAT_KEY) == first
            assert sent(composed.log("second-beat")) == 0, "while one works the other sends nothing"
            composed.kill("beat")
            assert 0 < client.ttl(signs.BEAT_KEY) <= signs.BEAT_LAPSE_SECONDS, "its part lapses by itself"
            client.expire(signs.BEAT_KEY, 1)
            until(lambda: sent(composed.log("second-beat")) > 1, seconds=30, what="the second to take over")
            assert client.get(signs.BEAT_KEY) not in (None, first)
        finally:
            composed.kill("second-beat")
    composed.up()
    until(lambda: composed.healthy("beat"), seconds=30, what="the first beat to be back")
