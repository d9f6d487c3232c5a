"""Upload and download of one large file against `sha256sum` of the same file, in the same run."""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
import time
from pathlib import Path

import httpx

from benchmarks import work
from benchmarks.report import Line

MEGABYTES = 256
_BLOCK = 1 << 20


def measure(url: str) -> list[Line]:
    """Upload, download and the peer, in MB (10^6 bytes) per second."""
    headers = {"Authorization": f"Bearer {work.token()}"}
    with (
        tempfile.TemporaryDirectory(prefix="countersign-bench-") as folder,
        httpx.Client(base_url=f"{url}/api/v1/", headers=headers, timeout=600) as client,
    ):
        path = Path(folder) / "weights.bin"
        with path.open("wb") as file:
            for _ in range(MEGABYTES):
                file.write(work.unique_bytes(_BLOCK))
        size = path.stat().st_size
        started = time.perf_counter()
        digest = subprocess.run(
            ["sha256sum", path], check=True, capture_output=True, text=True
        ).stdout.split()[0]
        peer = size / (time.perf_counter() - started) / 1e6

        client.post("models", json={"name": "bench-transfer", "team": work.team().slug}).raise_for_status()
        declared = [{"path": "weights.bin", "size": size, "sha256": digest}]
        opened = client.post("uploads", json={"model": "bench-transfer", "metadata": {"files": declared}})
        upload = opened.raise_for_status().json()["id"]
        started = time.perf_counter()
        with path.open("rb") as file:
            sent = client.put(
                f"uploads/{upload}/files/weights.bin",
                content=iter(lambda: file.read(_BLOCK), b""),
                headers={"Content-Length": str(size), "Content-Type": "application/octet-stream"},
            )
        assert sent.status_code == 201, sent.text
        up = size / (time.perf_counter() - started) / 1e6
        client.post(f"uploads/{upload}/finalise").raise_for_status()

        started = time.perf_counter()
        arrived = hashlib.sha256()
        seconds_hashing = 0.0
        with client.stream("GET", "models/bench-transfer/versions/1/files/weights.bin") as answer:
            answer.raise_for_status()
            for block in answer.iter_bytes(_BLOCK):
                before = time.perf_counter()
                arrived.update(block)
                seconds_hashing += time.perf_counter() - before
        down = size / (time.perf_counter() - started - seconds_hashing) / 1e6
        assert arrived.hexdigest() == digest
    against = f"sha256sum: {peer:.0f} MB/s"
    return [
        Line(f"upload of {MEGABYTES} MiB, hashed and written", f"{up:.0f} MB/s", against, up / peer),
        Line(f"download of {MEGABYTES} MiB", f"{down:.0f} MB/s", against, down / peer),
    ]
