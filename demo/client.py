"""The demonstration's HTTP: a training job that holds a token, and people who sign in like anybody.

Standard library only. Everything goes through the public doors: REST and the sign-in page.
"""

from __future__ import annotations

import http.client
import http.cookiejar
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

TIMEOUT_SECONDS = 120


class Answered(Exception):
    """The platform said no: the problem it answered with (RFC 9457)."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(problem.get("detail") or f"HTTP {status}")
        self.status, self.problem = status, problem

    @property
    def reasons(self) -> list[str]:
        """Every reason of a refusal, as sentences."""
        return [reason["message"] for reason in self.problem.get("reasons", [])]


class Client:
    """JSON over HTTP, with a bearer token or a signed-in session."""

    def __init__(self, base: str, *, token: str | None = None) -> None:
        self.base, self.token = base.rstrip("/"), token
        self._cookies = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._cookies))

    def get(self, path: str, **query: str | int) -> Any:
        """The JSON at a path under /api/v1/. Raises Answered."""
        encoded = f"?{urllib.parse.urlencode(query)}" if query else ""
        return self._json("GET", f"/api/v1/{path}{encoded}")

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """POST JSON. Raises Answered."""
        return self._json("POST", f"/api/v1/{path}", body or {})

    def put(self, path: str, body: Mapping[str, Any]) -> Any:
        """PUT JSON. Raises Answered."""
        return self._json("PUT", f"/api/v1/{path}", body)

    def upload(self, path: str, metadata: Mapping[str, Any] | None, files: Sequence[tuple[str, Path]]) -> Any:
        """One multipart call: the JSON part `metadata`, where there is some, then the files. Raises Answered."""
        boundary = uuid.uuid4().hex
        parts = []
        if metadata is not None:
            parts.append(
                f'--{boundary}\r\nContent-Disposition: form-data; name="metadata"\r\n'
                f"Content-Type: application/json\r\n\r\n{json.dumps(metadata)}\r\n".encode()
            )
        for name, file in files:
            parts.append(
                f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
                "Content-Type: application/octet-stream\r\n\r\n".encode()
                + file.read_bytes()
                + b"\r\n"
            )
        parts.append(f"--{boundary}--\r\n".encode())
        content_type = f"multipart/form-data; boundary={boundary}"
        return json.loads(self._send("POST", f"/api/v1/{path}", b"".join(parts), content_type))

    def download(self, path: str, target: Path) -> None:
        """The bytes at a path under /api/v1/ into a file. Raises Answered."""
        target.write_bytes(self._send("GET", f"/api/v1/{path}", None, None))

    def sign_in(self, username: str, password: str) -> None:
        """Sign in through the page, as a browser would. Raises Answered."""
        self._send("GET", "/sign-in/", None, None)
        self.submit("/sign-in/", {"username": username, "password": password})

    def submit(self, path: str, fields: Mapping[str, str]) -> None:
        """Send a form of a page. Raises Answered."""
        form = urllib.parse.urlencode({"csrfmiddlewaretoken": self._csrf(), **fields}).encode()
        self._send("POST", path, form, "application/x-www-form-urlencoded")

    def wait(self, path: str, *, ended: Sequence[str], seconds: float) -> Any:
        """Poll a JSON until its `state` is one of `ended`. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = self.get(path)
            if found["state"] in ended:
                return found
            time.sleep(0.3)
        raise TimeoutError(
            f"{path} did not end within {seconds:.0f} s; see the page Jobs and the workers' logs"
        )

    def _json(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        content = None if body is None else json.dumps(body).encode()
        answer = self._send(method, path, content, "application/json")
        return json.loads(answer) if answer else None

    def _csrf(self) -> str:
        return next((cookie.value or "" for cookie in self._cookies if cookie.name == "csrftoken"), "")

    def _send(self, method: str, path: str, body: bytes | None, content_type: str | None) -> bytes:
        request = urllib.request.Request(self.base + path, data=body, method=method)  # noqa: S310  our own http URL
        if content_type and body is not None:
            request.add_header("Content-Type", content_type)
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        elif body is not None or method != "GET":
            request.add_header("X-CSRFToken", self._csrf())
            request.add_header("Referer", self.base + path)
        try:
            with self._opener.open(request, timeout=TIMEOUT_SECONDS) as response:
                content: bytes = response.read()
                return content
        except urllib.error.HTTPError as error:
            raise Answered(error.code, _problem(error)) from error


def _problem(error: urllib.error.HTTPError) -> dict[str, Any]:
    content = error.read()
    if "json" in (error.headers.get("Content-Type") or ""):
        problem: dict[str, Any] = json.loads(content)
        return problem
    words = re.sub(r"<[^>]*>|\s+", " ", content.decode(errors="replace"))
    return {"detail": f"HTTP {error.code} {http.client.responses.get(error.code, '')}: {words[:300].strip()}"}
