"""A promotion killed at each of its steps, and one whose answer was lost: it happens once or not at all."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import psycopg
import pytest

from demo.__main__ import Story
from demo.client import Answered
from tests.stack import MODEL, until
from tests.test_stack.composed.kit import Composed

PROGRAM = Path(__file__).parent / "killed.py"


def promotions(composed: Composed) -> int:
    """How many entries tell of a promotion."""
    rows = composed.sql(
        "SELECT count(*) FROM ledger_entry"
        " WHERE convert_from(canonical, 'UTF8')::jsonb ->> 'verb' = 'governance.promotion.made'"
    )
    return int(rows[0][0])


def test_a_web_process_killed_in_mid_promotion_leaves_nothing(composed: Composed, story: Story) -> None:
    """The request stands in the middle of its transaction, at a table somebody holds, when its process dies."""
    token = composed.manage("create_token", "owen", "--scope", "read", "--scope", "write").strip()
    body = json.dumps(
        {"model": MODEL, "version": 1, "environment": "production", "reason": "Cut off."}
    ).encode()
    request = (
        f"POST /api/v1/promotions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with psycopg.connect(composed.secret("owner_url")) as holder:
        holder.execute("LOCK TABLE governance_promotion IN EXCLUSIVE MODE")
        with socket.create_connection(("127.0.0.1", composed.ports["web"])) as connection:
            connection.sendall(request + body)
            until(
                lambda: composed.sql(waiting) == [(1,)], seconds=15, what="the promotion to stand at the lock"
            )
            composed.kill("web")
    until(lambda: composed.sql(waiting) == [(0,)], seconds=15, what="its transaction to end")
    assert composed.sql("SELECT count(*) FROM governance_promotion") == [(0,)]
    assert promotions(composed) == 0
    composed.up()
    assert story.job.get(f"models/{MODEL}/versions/1/gate/production")["allowed"] is True


def test_a_promotion_killed_at_any_step_is_whole_or_was_not(composed: Composed, story: Story) -> None:
    told = json.loads(composed.run("web", ["python", str(PROGRAM), MODEL, "1", "owen"]))
    assert told["statements"] >= 6, (
        "number, promotion, alias, periods, two entries and what waits to be sealed"
    )
    assert told["wrong"] == [], "killed before its commit, it left nothing"
    assert told["killed_last"], "and the last one died after its commit"
    grown = {name: told["after"][name] - told["before"][name] for name in told["after"]}
    assert grown == {"promotions": 1, "live": 1, "aliases": 1, "entries": 2}
    with pytest.raises(Answered) as again:
        story.promote(1, "Once more, by whoever got no answer.")
    assert again.value.status == 409, "what is live is not promoted twice"
    assert promotions(composed) == 1
    assert "everything holds" in composed.manage("verify")
