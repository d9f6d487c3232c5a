"""Rate limits: how much is left is said, beyond it stands 429, and without Redis everybody is answered."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, override_settings

from countersign.accounts.models import User
from countersign.embedded.processes import Running, start
from countersign.embedded.redis import Redis
from countersign.embedded.sockets import make_socket_folder
from registry.versions.models import ModelVersion
from tests.factories import people
from tests.test_registry.api_kit import API, Api, at
from tests.test_registry.kit import nothing_changes

pytestmark = pytest.mark.django_db

LIMITS = {"requests": 5, "uploads": 2, "strangers": 3}


@pytest.fixture(autouse=True)
def _low_limits(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few requests a minute, counted at the beginning of a minute that does not end."""
    from countersign import clock

    start = clock.now().replace(second=10, microsecond=0)
    monkeypatch.setattr(clock, "now", lambda: start)
    settings.RATE_LIMITS = LIMITS
    cache.clear()


def left(answer: Any) -> tuple[str, int, int]:
    """Policy, what remains, and the seconds until it is whole again."""
    found = re.fullmatch(r'"(\w+)";r=(\d+);t=(\d+)', answer["RateLimit"])
    assert found is not None
    return found[1], int(found[2]), int(found[3])


def throttled(answer: Any, seconds: int = 50) -> None:
    """The answer is 429 and says when to come back."""
    assert answer.status_code == 429
    assert answer["Retry-After"] == str(seconds)
    problem = answer.json()
    assert problem["code"] == "throttled"
    assert f"Wait {seconds} seconds" in problem["detail"]
    assert left(answer)[1:] == (0, seconds)


def test_an_actor_is_told_what_is_left(maker: User) -> None:
    api = people.api_client(people.token_for(maker))
    answers = [api.get(f"{API}/me") for _ in range(5)]
    assert [left(answer) for answer in answers] == [("requests", n, 50) for n in (4, 3, 2, 1, 0)]
    assert answers[0]["RateLimit-Policy"] == '"requests";q=5;w=60'
    throttled(api.get(f"{API}/me"))


def test_what_is_refused_changed_nothing(maker: User, team: Any) -> None:
    api = Api(maker)
    for _ in range(5):
        api.get("me")
    with nothing_changes():
        throttled(api.call("POST", "models", {"name": "late", "team": team.slug}))


def test_the_next_minute_begins_anew(maker: User, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import timedelta

    from countersign import clock

    api = people.api_client(people.token_for(maker))
    for _ in range(6):
        last = api.get(f"{API}/me")
    throttled(last)
    later = clock.now() + timedelta(seconds=int(last["Retry-After"]))
    monkeypatch.setattr(clock, "now", lambda: later)
    assert left(api.get(f"{API}/me")) == ("requests", 4, 60)


def test_two_tokens_of_a_person_are_one_actor_and_two_people_are_two(maker: User, team: Any) -> None:
    first, second = (people.api_client(people.token_for(maker)) for _ in range(2))
    for client in (first, second, first, second, first):
        assert client.get(f"{API}/me").status_code == 200
    throttled(second.get(f"{API}/me"))
    session = Client()
    session.force_login(maker)
    throttled(session.get(f"{API}/me"))
    other = people.api_client(people.token_for(people.make_user()))
    assert left(other.get(f"{API}/me"))[1] == 4


def test_uploads_are_counted_apart(api: Api, model: dict[str, Any]) -> None:
    send = lambda: api.client.post(  # noqa: E731
        f"{API}/{at('credit default')}/versions", {"metadata": "{}", "a": SimpleUploadedFile("a", b"1")}
    )
    assert [left(send())[:2] for _ in range(2)] == [("uploads", 1), ("uploads", 0)]
    throttled(send())
    assert ModelVersion.objects.count() == 2
    assert api.client.get(f"{API}/me").status_code == 200


def test_strangers_are_counted_by_address() -> None:
    client = Client()
    codes = [client.get(f"{API}/me").json()["code"] for _ in range(2)]
    bad = client.get(f"{API}/me", headers={"Authorization": "Bearer cs_" + "x" * 43})
    assert [*codes, bad.json()["code"]] == ["not_authenticated", "not_authenticated", "token_unknown"]
    assert left(bad) == ("strangers", 0, 50)
    throttled(client.get(f"{API}/me"))
    throttled(client.get(f"{API}/openapi.json"))
    assert client.get(f"{API}/me", REMOTE_ADDR="192.0.2.7").status_code == 401
    known = people.api_client(people.token_for(people.make_user()))
    assert (
        known.get(f"{API}/me").status_code == 200
    )  # who is known is not held to what others of the address did


def test_a_household_of_ipv6_is_one_address() -> None:
    client = Client()
    for number in range(3):
        assert client.get(f"{API}/me", REMOTE_ADDR=f"2001:db8::{number}").status_code == 401
    throttled(client.get(f"{API}/me", REMOTE_ADDR="2001:db8::ffff:1"))
    assert client.get(f"{API}/me", REMOTE_ADDR="2001:db8:0:1::1").status_code == 401


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[tuple[Redis, Running]]:
    """A Redis that may be stopped."""
    sockets = make_socket_folder()
    server = Redis(sockets=sockets, log=tmp_path / "redis.log", password="word")
    running = start(server.child())
    yield server, running
    running.stop()
    shutil.rmtree(sockets)


def test_without_redis_everybody_is_answered(
    own_redis: tuple[Redis, Running], maker: User, caplog: pytest.LogCaptureFixture
) -> None:
    server, running = own_redis
    place = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": server.url()}
    api = people.api_client(people.token_for(maker))
    with override_settings(CACHES={"default": place}):
        for _ in range(5):
            assert api.get(f"{API}/me").status_code == 200
        throttled(api.get(f"{API}/me"))
        running.stop()
        for _ in range(7):
            answer = api.get(f"{API}/me")
            assert answer.status_code == 200
            assert "RateLimit" not in answer
        assert "rate.not_counted" in caplog.text
        again = start(server.child())
        try:
            assert left(api.get(f"{API}/me")) == ("requests", 4, 50)
        finally:
            again.stop()
