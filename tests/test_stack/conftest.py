"""Who acts on the running stack besides the demonstration."""

from __future__ import annotations

import httpx
import pytest

from tests.stack import Stack, Told


@pytest.fixture(scope="session")
def engineer(stack: Stack, told: Told) -> httpx.Client:
    """REST as the ML engineer, with a token that may write."""
    return stack.client(stack.token("mara", "read", "write"))
