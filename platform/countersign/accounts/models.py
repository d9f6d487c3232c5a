"""People, teams, the roles they hold and when, service accounts, API tokens."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField, RangeBoundary, RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.utils.crypto import salted_hmac

from countersign import clock
from countersign.clock import stamp
from countersign.identifiers import fold
from countersign.ledger.models import Recorded
from countersign.permissions import INSTANCE_ROLES, TEAM_ROLES, Role, Scope


class TsTzRange(Func):
    """`tstzrange(start, end, bounds)` for exclusion constraints."""

    function = "TSTZRANGE"
    output_field = DateTimeRangeField()


SOON = timedelta(days=30)
"""What ends within this time is told apart."""

STALE = timedelta(days=60)
"""A token without use for this long is told apart: nobody would miss it."""

ROLE_CHOICES = [(role.value, role.value) for role in Role]
SCOPE_CHOICES = [(scope.value, scope.value) for scope in Scope]


class UserManager(BaseUserManager["User"]):
    """Looks people up by their folded sign-in name."""

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(username_folded=fold(username or ""))


class User(AbstractBaseUser, Recorded):
    """A person. Ids are never reused (21 CFR 11.100); names and mail are personal and stay out of the
    ledger."""

    ledger_type: ClassVar[str] = "accounts.user"
    username = models.CharField(max_length=150)
    username_folded = models.CharField(max_length=200, unique=True, editable=False)
    full_name = models.CharField(max_length=200)
    email = models.EmailField(blank=True)
    is_active = models.BooleanField(default=True)
    # Somebody else chose it: it opens the page where one chooses one's own, and nothing more.
    password_is_temporary = models.BooleanField(default=False)
    # Sessions begun before are worth nothing: they carry another hash.
    sessions_ended_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()

    USERNAME_FIELD = "username_folded"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["full_name"]
    objects = UserManager()

    def __str__(self) -> str:
        return self.full_name

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.username_folded = fold(self.username)
        super().save(*args, **kwargs)

    def get_session_auth_hash(self) -> str:
        """What a session of this person must carry: it changes with the password and when they end all."""
        begun = "" if self.sessions_ended_at is None else stamp(self.sessions_ended_at)
        return salted_hmac(
            "countersign.accounts.session", f"{self.password}|{begun}", algorithm="sha256"
        ).hexdigest()

    def ledger_state(self) -> dict[str, Any]:
        return {"active": self.is_active, "password_is_temporary": self.password_is_temporary}


class Team(Recorded):
    """Owners of registered models and datasets; team roles are held in one team."""

    ledger_type: ClassVar[str] = "accounts.team"
    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=100, unique=True)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name

    def ledger_state(self) -> dict[str, Any]:
        return {"name": self.name, "slug": self.slug}


class Membership(Recorded):
    """One role of one person, in a team or (team None) for the instance, from a start to an end."""

    ledger_type: ClassVar[str] = "accounts.membership"
    user = models.ForeignKey(User, on_delete=models.RESTRICT, related_name="memberships")
    team = models.ForeignKey(Team, on_delete=models.RESTRICT, null=True, related_name="memberships")
    role = models.CharField(max_length=20, choices=ROLE_CHOICES)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)
    granted_by = models.UUIDField(null=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                name="membership_role_fits_its_reach",
                condition=Q(team__isnull=True, role__in=sorted(role.value for role in INSTANCE_ROLES))
                | Q(team__isnull=False, role__in=sorted(role.value for role in TEAM_ROLES)),
            ),
            models.CheckConstraint(
                name="membership_ends_after_start",
                condition=Q(ends_at__isnull=True) | Q(ends_at__gte=F("starts_at")),
            ),
            models.CheckConstraint(
                name="membership_not_granted_to_oneself",
                condition=Q(granted_by__isnull=True) | ~Q(granted_by=F("user")),
            ),
            ExclusionConstraint(
                name="membership_once_at_a_time",
                expressions=[
                    ("user", RangeOperators.EQUAL),
                    ("team", RangeOperators.EQUAL),
                    ("role", RangeOperators.EQUAL),
                    (TsTzRange("starts_at", "ends_at", RangeBoundary()), RangeOperators.OVERLAPS),
                ],
                condition=Q(team__isnull=False),
            ),
            ExclusionConstraint(
                name="instance_role_once_at_a_time",
                expressions=[
                    ("user", RangeOperators.EQUAL),
                    ("role", RangeOperators.EQUAL),
                    (TsTzRange("starts_at", "ends_at", RangeBoundary()), RangeOperators.OVERLAPS),
                ],
                condition=Q(team__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} of {self.team or 'the instance'}"

    def ledger_state(self) -> dict[str, Any]:
        return {
            "user": str(self.user_id),
            "team": str(self.team_id) if self.team_id else None,
            "role": self.role,
            "starts_at": stamp(self.starts_at),
            "ends_at": stamp(self.ends_at) if self.ends_at else None,
            "granted_by": str(self.granted_by) if self.granted_by else None,
        }


class ServiceAccount(Recorded):
    """A machine's identity: a training job, a CI pipeline. It never signs, and answers to one person."""

    ledger_type: ClassVar[str] = "accounts.service_account"
    name = models.CharField(max_length=100)
    team = models.ForeignKey(Team, on_delete=models.RESTRICT, related_name="service_accounts")
    responsible = models.ForeignKey(User, on_delete=models.RESTRICT, related_name="service_accounts")
    role = models.CharField(
        max_length=20, choices=[(r.value, r.value) for r in (Role.VIEWER, Role.CONTRIBUTOR)]
    )
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["team", "name"], name="service_account_name_in_team"),
            models.CheckConstraint(
                name="service_account_role", condition=Q(role__in=[Role.VIEWER.value, Role.CONTRIBUTOR.value])
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def ledger_state(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "team": str(self.team_id),
            "responsible": str(self.responsible_id),
            "role": self.role,
            "active": self.is_active,
        }


class ApiToken(Recorded):
    """An API token: `cs_` and 43 characters, shown once; only its SHA-256 is kept. `last_used_at` is not
    state."""

    ledger_type: ClassVar[str] = "accounts.api_token"
    digest = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=12)  # its first characters, so that a person can tell tokens apart
    name = models.CharField(max_length=100)
    user = models.ForeignKey(User, on_delete=models.RESTRICT, null=True, related_name="tokens")
    service_account = models.ForeignKey(
        ServiceAccount, on_delete=models.RESTRICT, null=True, related_name="tokens"
    )
    scopes = ArrayField(models.CharField(max_length=20, choices=SCOPE_CHOICES))
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                name="token_of_one_holder",
                condition=Q(user__isnull=True, service_account__isnull=False)
                | Q(user__isnull=False, service_account__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}…)"

    @property
    def state_now(self) -> str:
        """Where it stands: revoked, expired, ending (soon), stale (long without use, or never used), else used."""
        now = clock.now()
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at <= now:
            return "expired"
        if self.expires_at <= now + SOON:
            return "ending"
        return "stale" if (self.last_used_at or self.created_at) < now - STALE else "used"

    def usable(self, now: datetime) -> bool:
        """Whether the token opens anything at this instant."""
        return self.revoked_at is None and now < self.expires_at

    def ledger_state(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "user": str(self.user_id) if self.user_id else None,
            "service_account": str(self.service_account_id) if self.service_account_id else None,
            "scopes": sorted(self.scopes),
            "expires_at": stamp(self.expires_at),
            "revoked_at": stamp(self.revoked_at) if self.revoked_at else None,
        }
