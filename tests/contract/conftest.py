"""The registry's people and model, for tests of what every part of the API promises."""

from tests.test_registry.conftest import api, maker, model, team

__all__ = ["api", "maker", "model", "team"]
