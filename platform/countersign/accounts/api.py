"""REST: who am I; people, teams, roles, service accounts and tokens, so that an instance can be set up by
curl."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from countersign.accounts import access, actions, queries
from countersign.accounts import serializers as shapes
from countersign.accounts.models import ApiToken, ServiceAccount, User
from countersign.api.idempotency import idempotent
from countersign.api.views import ActorAPIView
from countersign.errors import Invalid
from countersign.permissions import Permission, Role, Scope

READ_OR_MANAGE = {"GET": Permission.SEE, "POST": Permission.MANAGE_PEOPLE}


def checked(serializer: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    """The request's body as the serializer takes it. Raises ValidationError."""
    taken = serializer(data=request.data)
    taken.is_valid(raise_exception=True)
    data: dict[str, Any] = taken.validated_data
    return data


class PersonalView(ActorAPIView):
    """What tells of people is kept by no cache."""

    kept = "no-store"


class Me(PersonalView):
    """Who asks."""

    required_permission = None

    @extend_schema(operation_id="me", responses=shapes.MeSerializer)
    def get(self, request: Request) -> Response:
        """The actor behind the token or session, with roles and scopes."""
        return Response(shapes.MeSerializer(shapes.me(self.actor)).data)


class Users(PersonalView):
    """People."""

    required_permission = READ_OR_MANAGE

    @extend_schema(operation_id="users_list", responses=shapes.UserSerializer(many=True))
    def get(self, request: Request) -> Response:
        """All people, newest first."""
        return self.page(queries.users_visible_to(self.actor), shapes.UserSerializer)

    @extend_schema(
        operation_id="users_create", request=shapes.NewUserSerializer, responses={201: shapes.UserSerializer}
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Add a person."""
        user = actions.create_user(**checked(shapes.NewUserSerializer, request), actor=self.actor)
        return self.made(shapes.UserSerializer(user).data, reverse("accounts:api-user", args=[user.pk]))


class OneUser(PersonalView):
    """A person."""

    required_permission = Permission.SEE

    @extend_schema(operation_id="users_get", responses=shapes.UserSerializer)
    def get(self, request: Request, user: UUID) -> Response:
        """One person."""
        return Response(shapes.UserSerializer(access.get_user(self.actor, user)).data)


class DeactivateUser(PersonalView):
    """Closing an account."""

    required_permission = Permission.MANAGE_PEOPLE

    @extend_schema(
        operation_id="users_deactivate", request=shapes.GivenReasonSerializer, responses=shapes.UserSerializer
    )
    def post(self, request: Request, user: UUID) -> Response:
        """Deactivate a person: every role ends, every token is revoked."""
        found = access.get_user(self.actor, user)
        closed = actions.deactivate_user(
            user=found, **checked(shapes.GivenReasonSerializer, request), actor=self.actor
        )
        return Response(shapes.UserSerializer(closed).data)


class ReactivateUser(PersonalView):
    """Opening an account again."""

    required_permission = Permission.MANAGE_PEOPLE

    @extend_schema(operation_id="users_reactivate", request=None, responses=shapes.UserSerializer)
    def post(self, request: Request, user: UUID) -> Response:
        """Reactivate a person, without roles."""
        opened = actions.reactivate_user(user=access.get_user(self.actor, user), actor=self.actor)
        return Response(shapes.UserSerializer(opened).data)


class ResetPassword(PersonalView):
    """A forgotten password."""

    required_permission = Permission.MANAGE_PEOPLE

    @extend_schema(
        operation_id="users_reset_password", request=None, responses=shapes.TemporaryPasswordSerializer
    )
    def post(self, request: Request, user: UUID) -> Response:
        """Give a person a temporary password; it is said once."""
        found, password = actions.reset_password(user=access.get_user(self.actor, user), actor=self.actor)
        said = {"user": found, "temporary_password": password}
        return Response(shapes.TemporaryPasswordSerializer(said).data, headers={"Cache-Control": "no-store"})


class Teams(PersonalView):
    """Teams."""

    required_permission = READ_OR_MANAGE

    @extend_schema(operation_id="teams_list", responses=shapes.TeamSerializer(many=True))
    def get(self, request: Request) -> Response:
        """All teams, newest first."""
        return self.page(queries.teams_visible_to(self.actor), shapes.TeamSerializer)

    @extend_schema(
        operation_id="teams_create", request=shapes.TeamSerializer, responses={201: shapes.TeamSerializer}
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Add a team."""
        team = actions.create_team(name=checked(shapes.TeamSerializer, request)["name"], actor=self.actor)
        return Response(shapes.TeamSerializer(team).data, status=201)


class Memberships(PersonalView):
    """Roles people hold."""

    required_permission = READ_OR_MANAGE

    @extend_schema(
        operation_id="memberships_list",
        parameters=[OpenApiParameter("user", UUID, description="Only this person's.")],
        responses=shapes.MembershipSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """Roles held now, before and later, newest first."""
        rows = queries.memberships_visible_to(self.actor)
        if (asked := request.query_params.get("user")) is not None:
            rows = rows.filter(user=_uuid(asked, "user"))
        return self.page(rows, shapes.MembershipSerializer)

    @extend_schema(
        operation_id="memberships_create",
        request=shapes.NewMembershipSerializer,
        responses={201: shapes.MembershipSerializer},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Grant a role."""
        data = checked(shapes.NewMembershipSerializer, request)
        team = access.get_team(self.actor, data["team"]) if data["team"] else None
        granted = actions.grant_role(
            user=access.get_user(self.actor, data["user"]),
            role=Role(data["role"]),
            team=team,
            starts_at=data["starts_at"],
            ends_at=data["ends_at"],
            reason=data["reason"],
            actor=self.actor,
        )
        return Response(shapes.MembershipSerializer(granted).data, status=201)


class EndMembership(PersonalView):
    """Ending a role."""

    required_permission = Permission.MANAGE_PEOPLE

    @extend_schema(
        operation_id="memberships_end",
        request=shapes.GivenReasonSerializer,
        responses=shapes.MembershipSerializer,
    )
    def post(self, request: Request, membership: UUID) -> Response:
        """End a role now."""
        found = access.get_membership(self.actor, membership)
        ended = actions.end_role(
            membership=found, **checked(shapes.GivenReasonSerializer, request), actor=self.actor
        )
        return Response(shapes.MembershipSerializer(ended).data)


class MembershipUntil(PersonalView):
    """How long a role lasts."""

    required_permission = Permission.MANAGE_PEOPLE

    @extend_schema(
        operation_id="memberships_until",
        request=shapes.RoleUntilSerializer,
        responses=shapes.MembershipSerializer,
    )
    def post(self, request: Request, membership: UUID) -> Response:
        """Let a role that has not ended last until another instant, or (null) without end."""
        found = access.get_membership(self.actor, membership)
        moved = actions.move_role_end(
            membership=found, **checked(shapes.RoleUntilSerializer, request), actor=self.actor
        )
        return Response(shapes.MembershipSerializer(moved).data)


class EndSessions(PersonalView):
    """Signing a person out everywhere."""

    required_permission = Permission.MANAGE_PEOPLE

    @extend_schema(operation_id="users_end_sessions", request=None, responses=shapes.UserSerializer)
    def post(self, request: Request, user: UUID) -> Response:
        """End every session of a person; tokens stay."""
        found = actions.end_sessions(user=access.get_user(self.actor, user), actor=self.actor)
        return Response(shapes.UserSerializer(found).data)


class ServiceAccounts(PersonalView):
    """Service accounts."""

    required_permission = READ_OR_MANAGE

    @extend_schema(operation_id="service_accounts_list", responses=shapes.ServiceAccountSerializer(many=True))
    def get(self, request: Request) -> Response:
        """All service accounts, newest first."""
        return self.page(queries.service_accounts_visible_to(self.actor), shapes.ServiceAccountSerializer)

    @extend_schema(
        operation_id="service_accounts_create",
        request=shapes.NewServiceAccountSerializer,
        responses={201: shapes.ServiceAccountSerializer},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Add a service account."""
        data = checked(shapes.NewServiceAccountSerializer, request)
        account = actions.create_service_account(
            name=data["name"],
            team=access.get_team(self.actor, data["team"]),
            responsible=access.get_user(self.actor, data["responsible"]),
            role=Role(data["role"]),
            actor=self.actor,
        )
        return Response(shapes.ServiceAccountSerializer(account).data, status=201)


class ReassignServiceAccount(PersonalView):
    """Who answers for a service account."""

    required_permission = Permission.MANAGE_PEOPLE

    @extend_schema(
        operation_id="service_accounts_reassign",
        request=shapes.ResponsibleSerializer,
        responses=shapes.ServiceAccountSerializer,
    )
    def post(self, request: Request, account: UUID) -> Response:
        """Name another person to answer for it."""
        found = access.get_service_account(self.actor, account)
        person = access.get_user(self.actor, checked(shapes.ResponsibleSerializer, request)["responsible"])
        moved = actions.reassign_service_account(account=found, responsible=person, actor=self.actor)
        return Response(shapes.ServiceAccountSerializer(moved).data)


class DeactivateServiceAccount(PersonalView):
    """Closing a service account."""

    required_permission = Permission.MANAGE_PEOPLE

    @extend_schema(
        operation_id="service_accounts_deactivate", request=None, responses=shapes.ServiceAccountSerializer
    )
    def post(self, request: Request, account: UUID) -> Response:
        """Close a service account for good; its tokens are revoked."""
        found = access.get_service_account(self.actor, account)
        closed = actions.deactivate_service_account(account=found, actor=self.actor)
        return Response(shapes.ServiceAccountSerializer(closed).data)


class Tokens(PersonalView):
    """Tokens."""

    required_permission = None

    @extend_schema(operation_id="tokens_list", responses=shapes.TokenSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Tokens one may know of, newest first."""
        return self.page(queries.tokens_visible_to(self.actor), shapes.TokenSerializer)

    @extend_schema(
        operation_id="tokens_create",
        request=shapes.NewTokenSerializer,
        responses={
            201: OpenApiResponse(shapes.MadeTokenSerializer, description="The plaintext is said once.")
        },
    )
    def post(self, request: Request) -> Response:
        """Make a token. It takes no Idempotency-Key: its answer is kept nowhere."""
        data = checked(shapes.NewTokenSerializer, request)
        holder: User | ServiceAccount
        if data["service_account"]:
            holder = access.get_service_account(self.actor, data["service_account"])
        else:
            holder = access.get_user(self.actor, self.actor.person or UUID(int=0))
        token, plaintext = actions.create_token(
            holder=holder,
            name=data["name"],
            scopes=[Scope(scope) for scope in data["scopes"]],
            days=data["days"],
            actor=self.actor,
        )
        made = shapes.TokenSerializer(token).data | {"token": plaintext}
        return Response(made, status=201, headers={"Cache-Control": "no-store"})


class RevokeToken(PersonalView):
    """Closing a token."""

    required_permission = None

    @extend_schema(operation_id="tokens_revoke", request=None, responses=shapes.TokenSerializer)
    def post(self, request: Request, token: UUID) -> Response:
        """Revoke a token at once; doing it again changes nothing."""
        revoked: ApiToken = actions.revoke_token(token=access.get_token(self.actor, token), actor=self.actor)
        return Response(shapes.TokenSerializer(revoked).data)


def _uuid(text: str, name: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        sentence = f"{name} is an id, such as 01890a5d-ac96-774b-bcce-b302099a8057."
        raise Invalid(sentence, fields={name: [sentence]}) from None
