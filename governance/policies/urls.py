"""Pages and REST paths of policies."""

from django.urls import path

from governance.policies import api, views

REVISION = "policies/<uuid:policy>/revisions/<int:number>"

urlpatterns = [
    path("policies/", views.policy_list, name="policies"),
    path("policies/new/", views.new_policy, name="policy-new"),
    path("policies/<uuid:policy>/", views.policy, name="policy"),
    path("policies/<uuid:policy>/draft/", views.draft, name="policy-draft"),
    path(f"{REVISION}/policy.yaml", views.revision_text, name="policy-text"),
    path(f"{REVISION}/put-in-force/", views.put_revision_in_force, name="policy-put-in-force"),
    path(f"{REVISION}/discard/", views.discard, name="policy-discard"),
    path("api/v1/policies", api.PolicyListView.as_view(), name="api-policies"),
    path("api/v1/policies/<uuid:policy>", api.PolicyView.as_view(), name="api-policy"),
    path(
        "api/v1/policies/<uuid:policy>/revisions",
        api.RevisionListView.as_view(),
        name="api-policy-revisions",
    ),
    path(f"api/v1/{REVISION}/put-in-force", api.PutInForceView.as_view(), name="api-policy-put-in-force"),
    path(f"api/v1/{REVISION}/discard", api.DiscardView.as_view(), name="api-policy-discard"),
    path(f"api/v1/{REVISION}/dry-run", api.DryRunView.as_view(), name="api-policy-dry-run"),
]
