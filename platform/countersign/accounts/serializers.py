"""What the REST API says and takes of people, teams, roles, service accounts and tokens."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from countersign.accounts.actions.machines import LONGEST_DAYS
from countersign.accounts.models import ApiToken, Membership, ServiceAccount, Team, User
from countersign.actors import Actor, ActorKind
from countersign.permissions import Permission, Role, Scope

ROLES = [role.value for role in Role]
MACHINE_ROLES = [Role.VIEWER.value, Role.CONTRIBUTOR.value]
SCOPES = [scope.value for scope in Scope]


class UserSerializer(serializers.ModelSerializer[User]):
    """A person."""

    class Meta:
        model = User
        fields = ("id", "username", "full_name", "is_active", "password_is_temporary", "created_at")
        read_only_fields = fields


class NewUserSerializer(serializers.Serializer[Any]):
    """A person to add. The password is temporary: they choose their own when they first sign in."""

    username = serializers.CharField(max_length=150)
    full_name = serializers.CharField(max_length=200)
    email = serializers.EmailField(required=False, default="", allow_blank=True)
    password = serializers.CharField(max_length=1024, trim_whitespace=False, write_only=True)


class TemporaryPasswordSerializer(serializers.Serializer[Any]):
    """A temporary password; it is said here and kept nowhere."""

    user = UserSerializer()
    temporary_password = serializers.CharField()


class TeamSerializer(serializers.ModelSerializer[Team]):
    """A team; only its name is given."""

    class Meta:
        model = Team
        fields = ("id", "name", "slug", "created_at")
        read_only_fields = ("id", "slug", "created_at")


class MembershipSerializer(serializers.ModelSerializer[Membership]):
    """A role somebody holds from `starts_at` until `ends_at` (null: no end)."""

    user = serializers.UUIDField(source="user_id")
    username = serializers.CharField(source="user.username")
    team = serializers.CharField(source="team.slug", allow_null=True, default=None)
    role = serializers.ChoiceField(ROLES)

    class Meta:
        model = Membership
        fields = ("id", "user", "username", "role", "team", "starts_at", "ends_at", "granted_by")
        read_only_fields = fields


class NewMembershipSerializer(serializers.Serializer[Any]):
    """A role to grant; `team` is a slug, left out for compliance, auditor and administrator."""

    user = serializers.UUIDField()
    role = serializers.ChoiceField(ROLES)
    team = serializers.SlugField(required=False, allow_null=True, default=None)
    starts_at = serializers.DateTimeField(required=False, allow_null=True, default=None)
    ends_at = serializers.DateTimeField(required=False, allow_null=True, default=None)
    reason = serializers.CharField(required=False, default="", allow_blank=True, max_length=1000)


class GivenReasonSerializer(serializers.Serializer[Any]):
    """Why; it is kept in the ledger as an erasable value."""

    reason = serializers.CharField(required=False, default="", allow_blank=True, max_length=1000)


class RoleUntilSerializer(GivenReasonSerializer):
    """A new end of a role; null: none."""

    ends_at = serializers.DateTimeField(allow_null=True)


class ServiceAccountSerializer(serializers.ModelSerializer[ServiceAccount]):
    """A service account."""

    team = serializers.SlugRelatedField[Team](slug_field="slug", read_only=True)
    responsible = serializers.UUIDField(source="responsible_id")
    role = serializers.ChoiceField(MACHINE_ROLES)

    class Meta:
        model = ServiceAccount
        fields = ("id", "name", "team", "responsible", "role", "is_active", "created_at")
        read_only_fields = fields


class NewServiceAccountSerializer(serializers.Serializer[Any]):
    """A service account to add."""

    name = serializers.CharField(max_length=100)
    team = serializers.SlugField()
    responsible = serializers.UUIDField()
    role = serializers.ChoiceField(MACHINE_ROLES)


class ResponsibleSerializer(serializers.Serializer[Any]):
    """Who answers for a service account from now on."""

    responsible = serializers.UUIDField()


class TokenSerializer(serializers.ModelSerializer[ApiToken]):
    """A token; never its plaintext, of which only the first characters are known."""

    user = serializers.UUIDField(source="user_id", allow_null=True)
    service_account = serializers.UUIDField(source="service_account_id", allow_null=True)
    scopes = serializers.ListField(child=serializers.ChoiceField(SCOPES))

    class Meta:
        model = ApiToken
        fields: tuple[str, ...] = (
            "id",
            "name",
            "hint",
            "user",
            "service_account",
            "scopes",
            "created_at",
            "expires_at",
            "revoked_at",
            "last_used_at",
        )
        read_only_fields = fields


class NewTokenSerializer(serializers.Serializer[Any]):
    """A token to make: of a service account, or (left out) of oneself, signed in."""

    service_account = serializers.UUIDField(required=False, allow_null=True, default=None)
    name = serializers.CharField(max_length=100)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(SCOPES), min_length=1, max_length=len(SCOPES)
    )
    days = serializers.IntegerField(min_value=1, max_value=LONGEST_DAYS, default=90)


class MadeTokenSerializer(TokenSerializer):
    """A token with its plaintext, which is said here and kept nowhere."""

    token = serializers.CharField(source="plaintext")

    class Meta(TokenSerializer.Meta):
        fields = (*TokenSerializer.Meta.fields, "token")
        read_only_fields = fields


class HeldRoleSerializer(serializers.Serializer[Any]):
    """A role held now; `team` is null for the whole instance."""

    role = serializers.ChoiceField(ROLES)
    team = serializers.SlugField(allow_null=True)


class MeSerializer(serializers.Serializer[Any]):
    """Who asks, and what they may do."""

    kind = serializers.ChoiceField([kind.value for kind in ActorKind])
    id = serializers.UUIDField()
    name = serializers.CharField()
    person = serializers.UUIDField(
        help_text="The human this resolves to: oneself, or who answers for the machine."
    )
    roles = HeldRoleSerializer(many=True)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(SCOPES), allow_null=True, help_text="Of the token; null in a session."
    )
    instance_permissions = serializers.ListField(
        child=serializers.ChoiceField([permission.value for permission in Permission]),
        help_text="What may be done to things of every team, within the scopes.",
    )


def me(actor: Actor) -> dict[str, Any]:
    """The actor as MeSerializer says it."""
    teams = {grant.team for grant in actor.grants if grant.team}
    slugs = dict(Team.objects.filter(pk__in=teams).values_list("pk", "slug"))
    roles = [
        {"role": grant.role.value, "team": slugs.get(grant.team) if grant.team else None}
        for grant in actor.grants
    ]
    return {
        "kind": actor.kind.value,
        "id": actor.ref,
        "name": actor.label,
        "person": actor.person,
        "roles": sorted(roles, key=lambda held: (held["team"] or "", held["role"])),
        "scopes": None if actor.scopes is None else sorted(actor.scopes),
        "instance_permissions": [permission.value for permission in Permission if actor.holds(permission)],
    }
