"""Pages and REST paths of signing in, one's own access, and the people."""

from django.urls import path

from countersign.accounts import api
from countersign.accounts.views import access, machines, members, people, profile, signing_in

app_name = "accounts"
urlpatterns = [
    path("sign-in/", signing_in.sign_in, name="sign-in"),
    path("sign-out/", signing_in.sign_out, name="sign-out"),
    path("profile/", profile.profile, name="profile"),
    path("profile/password/", profile.password, name="password"),
    path("profile/sign-out-everywhere/", profile.sign_out_everywhere, name="sign-out-everywhere"),
    path("profile/appearance/", profile.appearance, name="appearance"),
    path("profile/tokens/<uuid:token>/revoke/", profile.revoke_token, name="token-revoke"),
    path("people/", members.members, name="people"),
    path("people/all/", people.everybody, name="everybody"),
    path("people/new/", people.new_person, name="person-new"),
    path("people/teams/", people.teams, name="teams"),
    path("people/roles/<uuid:membership>/end/", members.end_role, name="role-end"),
    path("people/roles/<uuid:membership>/until/", members.move_role_end, name="role-until"),
    path("people/service-accounts/", machines.service_accounts, name="service-accounts"),
    path("people/service-accounts/<uuid:account>/", machines.service_account, name="service-account"),
    path(
        "people/service-accounts/<uuid:account>/responsible/",
        machines.reassign,
        name="service-account-reassign",
    ),
    path(
        "people/service-accounts/<uuid:account>/deactivate/",
        machines.deactivate,
        name="service-account-deactivate",
    ),
    path("people/tokens/", machines.tokens, name="tokens"),
    path("people/<uuid:user>/", people.person, name="person"),
    path("people/<uuid:user>/access/", access.person_access, name="person-access"),
    path("people/<uuid:user>/sessions/", people.end_sessions, name="person-sessions"),
    path("people/<uuid:user>/deactivate/", people.deactivate, name="person-deactivate"),
    path("people/<uuid:user>/reactivate/", people.reactivate, name="person-reactivate"),
    path("people/<uuid:user>/password/", people.reset_password, name="person-password"),
    path("api/v1/me", api.Me.as_view(), name="api-me"),
    path("api/v1/users", api.Users.as_view(), name="api-users"),
    path("api/v1/users/<uuid:user>", api.OneUser.as_view(), name="api-user"),
    path("api/v1/users/<uuid:user>/deactivate", api.DeactivateUser.as_view(), name="api-user-deactivate"),
    path("api/v1/users/<uuid:user>/reactivate", api.ReactivateUser.as_view(), name="api-user-reactivate"),
    path(
        "api/v1/users/<uuid:user>/reset-password", api.ResetPassword.as_view(), name="api-user-reset-password"
    ),
    path("api/v1/teams", api.Teams.as_view(), name="api-teams"),
    path("api/v1/memberships", api.Memberships.as_view(), name="api-memberships"),
    path("api/v1/memberships/<uuid:membership>/end", api.EndMembership.as_view(), name="api-membership-end"),
    path(
        "api/v1/memberships/<uuid:membership>/until",
        api.MembershipUntil.as_view(),
        name="api-membership-until",
    ),
    path("api/v1/users/<uuid:user>/end-sessions", api.EndSessions.as_view(), name="api-user-end-sessions"),
    path("api/v1/service-accounts", api.ServiceAccounts.as_view(), name="api-service-accounts"),
    path(
        "api/v1/service-accounts/<uuid:account>/reassign",
        api.ReassignServiceAccount.as_view(),
        name="api-service-account-reassign",
    ),
    path(
        "api/v1/service-accounts/<uuid:account>/deactivate",
        api.DeactivateServiceAccount.as_view(),
        name="api-service-account-deactivate",
    ),
    path("api/v1/tokens", api.Tokens.as_view(), name="api-tokens"),
    path("api/v1/tokens/<uuid:token>/revoke", api.RevokeToken.as_view(), name="api-token-revoke"),
]
