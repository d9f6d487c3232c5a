"""Signs of life: who lives says so, for a while; one beat at work, whoever it is."""

from __future__ import annotations

import pytest
from pytest_django.fixtures import Settings

from countersign import signs


@pytest.fixture(autouse=True)
def _nobody(settings: Settings) -> None:
    with signs.connect(settings.REDIS_URL) as client:
        client.flushdb()


def test_a_worker_is_known_by_its_queues_for_half_a_minute(settings: Settings) -> None:
    assert signs.silent_queues(settings.REDIS_URL, ("core", "evaluation")) == ["core", "evaluation"]
    signs.note_worker(settings.REDIS_URL, ["core"])
    assert signs.silent_queues(settings.REDIS_URL, ("core", "evaluation")) == ["evaluation"]
    with signs.connect(settings.REDIS_URL) as client:
        assert 0 < client.ttl(signs.worker_key("core")) <= signs.LAPSE_SECONDS


def test_one_beat_works_and_gives_its_part_up(settings: Settings) -> None:
    url = settings.REDIS_URL
    assert signs.take_beat(url)
    assert signs.take_beat(url), "and keeps it"
    with signs.connect(url) as client:
        assert 0 < client.ttl(signs.BEAT_KEY) <= signs.BEAT_LAPSE_SECONDS
    signs.leave_beat(url)
    assert not signs.beats(url)


def test_another_ones_part_is_neither_taken_nor_given_up(settings: Settings) -> None:
    url = settings.REDIS_URL
    with signs.connect(url) as client:
        client.set(signs.BEAT_KEY, "elsewhere:1")
        assert not signs.take_beat(url)
        signs.leave_beat(url)
        assert client.get(signs.BEAT_KEY) == "elsewhere:1"


def test_without_redis_nobody_beats_and_nothing_is_raised() -> None:
    nowhere = "unix:///nowhere/redis.sock"
    signs.note_worker(nowhere, ["core"])
    signs.leave_beat(nowhere)
    assert not signs.take_beat(nowhere)


def test_the_health_check_of_a_container(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", settings.REDIS_URL)
    assert [signs.main([part]) for part in ("core", "evaluation", "beat")] == [1, 1, 1]
    signs.note_worker(settings.REDIS_URL, ["core"])
    signs.take_beat(settings.REDIS_URL)
    assert [signs.main([part]) for part in ("core", "evaluation", "beat")] == [0, 1, 0]
    monkeypatch.setenv("COUNTERSIGN_PORT", "1")
    assert signs.main(["web"]) == 1
    assert signs.main([]) == 2
