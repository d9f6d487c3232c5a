"""Signs of life: short notes in Redis that lapse by themselves, written by workers and beat, read by health checks.

`python -m countersign.signs web|core|evaluation|beat` is the health check of a container: it exits 0 when that
part of this host is alive, else 1. It reads no settings but REDIS_URL, so it costs little.
"""

from __future__ import annotations

import http.client
import os
import socket
import sys

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from countersign import env

LAPSE_SECONDS = 30
BEAT_LAPSE_SECONDS = 10
BEAT_KEY = "countersign:beat"
"""Held by the one beat at work; its value is `holder()`."""


def worker_key(queue: str) -> str:
    """The note that some worker of a queue lives; its value is the host of the last one that said so."""
    return f"countersign:worker:{queue}"


def holder() -> str:
    """Who this process is, as host and process id."""
    return f"{socket.gethostname()}:{os.getpid()}"


def connect(url: str) -> redis.Redis:
    """A client that waits a second at most and asks once."""
    return redis.Redis.from_url(
        url, socket_timeout=1, socket_connect_timeout=1, decode_responses=True, retry=Retry(NoBackoff(), 0)
    )


def note_worker(url: str, queues: list[str]) -> None:
    """Say that a worker of these queues lives. What Redis does not take is said again in seconds."""
    try:
        with connect(url) as client:
            for queue in queues:
                client.set(worker_key(queue), socket.gethostname(), ex=LAPSE_SECONDS)
                client.set(f"{worker_key(queue)}:{socket.gethostname()}", "alive", ex=LAPSE_SECONDS)
    except redis.RedisError:
        return


def take_beat(url: str) -> bool:
    """Take or keep the part of the one beat at work; False while another holds it, or Redis does not answer."""
    try:
        with connect(url) as client:
            own = holder()
            if client.set(BEAT_KEY, own, nx=True, ex=BEAT_LAPSE_SECONDS):
                return True
            if client.get(BEAT_KEY) != own:
                return False
            client.expire(BEAT_KEY, BEAT_LAPSE_SECONDS)
            return True
    except redis.RedisError:
        return False


def leave_beat(url: str) -> None:
    """Give the part up, if it is ours; where Redis does not answer it lapses."""
    try:
        with connect(url) as client:
            if client.get(BEAT_KEY) == holder():
                client.delete(BEAT_KEY)
    except redis.RedisError:
        return


def beats(url: str) -> bool:
    """Whether a beat is at work. Raises redis.RedisError."""
    with connect(url) as client:
        return bool(client.exists(BEAT_KEY))


def silent_queues(url: str, queues: tuple[str, ...]) -> list[str]:
    """The queues no worker of which gave a sign lately. Raises redis.RedisError."""
    with connect(url) as client:
        return [queue for queue in queues if not client.exists(worker_key(queue))]


def _alive(part: str) -> bool:
    if part == "web":
        connection = http.client.HTTPConnection("127.0.0.1", env.integer("COUNTERSIGN_PORT", 8000), timeout=3)
        connection.request("GET", "/healthz", headers={"Host": "127.0.0.1"})
        return connection.getresponse().status == 200
    url = env.text("REDIS_URL")
    if part == "beat":
        return beats(url)
    with connect(url) as client:
        return bool(client.exists(f"{worker_key(part)}:{socket.gethostname()}"))


def main(arguments: list[str]) -> int:
    """The health check of one part; its exit status."""
    if len(arguments) != 1:
        print("usage: python -m countersign.signs web|core|evaluation|beat", file=sys.stderr)
        return 2
    try:
        return 0 if _alive(arguments[0]) else 1
    except (OSError, http.client.HTTPException, redis.RedisError) as error:
        print(f"{arguments[0]}: {type(error).__name__}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
