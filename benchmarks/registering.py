"""Versions registered per second over HTTP, by one client and by eight; held against commits of 200 bytes per second
by the same number of connections to the same PostgreSQL."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import httpx
import psycopg

from benchmarks import work
from benchmarks.report import Line

T = TypeVar("T")
VERSIONS = 120
CLIENTS = (1, 8)


def measure(url: str) -> list[Line]:
    """One line for each number of clients, and what eight gain over one."""
    token = work.token()
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=f"{url}/api/v1/", headers=headers, timeout=60) as client:
        for clients in CLIENTS:
            name, team = f"bench-registering-{clients}", work.team().slug
            client.post("models", json={"name": name, "team": team}).raise_for_status()
    lines, rates = [], {}
    for clients in CLIENTS:
        path = f"{url}/api/v1/models/bench-registering-{clients}/versions"

        def upload(client: httpx.Client, path: str = path) -> None:
            files = [
                ("metadata", (None, "{}", "application/json")),
                ("file", ("weights.bin", work.unique_bytes(4096), "application/octet-stream")),
            ]
            client.post(path, files=files).raise_for_status()

        rates[clients] = _rate(clients, lambda: httpx.Client(headers=headers, timeout=60), upload)
        bare = _rate(clients, _connection, _commit)
        lines.append(
            Line(
                f"versions registered, {clients} client{'s' if clients > 1 else ''}",
                f"{rates[clients]:.0f} a second",
                f"bare commits of 200 bytes: {bare:.0f} a second",
                rates[clients] / bare,
            )
        )
    lines.append(
        Line("8 clients over 1", f"{rates[8]:.0f} a second", f"{rates[1]:.0f} a second", rates[8] / rates[1])
    )
    return lines


def _rate(clients: int, connect: Callable[[], T], act: Callable[[T], None]) -> float:
    """Acts per second, all clients together."""
    with ThreadPoolExecutor(clients) as pool:
        doors = [connect() for _ in range(clients)]
        started = time.perf_counter()

        def several(door: T) -> None:
            for _ in range(VERSIONS // clients):
                act(door)

        list(pool.map(several, doors))
        return VERSIONS // clients * clients / (time.perf_counter() - started)


def _connection() -> psycopg.Connection:
    return psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)


def _commit(connection: psycopg.Connection) -> None:
    """A transaction that writes 200 bytes to the log of PostgreSQL and to no table, and is flushed as any other."""
    connection.execute("SELECT pg_logical_emit_message(true, 'bench', repeat('x', 200))")
