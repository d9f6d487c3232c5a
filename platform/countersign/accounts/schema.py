"""How the OpenAPI document names the two ways to say who asks."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # it registers itself
    """A token as bearer, or as the password of Basic."""

    target_class = "countersign.accounts.authentication.TokenAuthentication"
    name = ["token", "tokenAsPassword"]  # noqa: RUF012  the base class reads it so

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[Any]]]:
        """Either of them, not both at once."""
        return [{name: []} for name in self.name]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:
        """Both forms."""
        return [
            {"type": "http", "scheme": "bearer", "description": "A token: cs_ and 43 characters."},
            {"type": "http", "scheme": "basic", "description": "Any user name, the token as password."},
        ]


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The cookie of a signed-in browser."""

    target_class = "countersign.accounts.authentication.SessionAuthentication"
    name = "session"
    priority = 1

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """The session cookie; unsafe methods also send X-CSRFToken."""
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}
