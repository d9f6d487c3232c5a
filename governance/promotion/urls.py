"""Pages and REST paths of promotion: what is live where, promoting, rolling back, the gate's answer."""

from django.urls import path

from governance.promotion import api, views
from registry import converters  # noqa: F401  registers <name:…>

urlpatterns = [
    path("environments/", views.environments, name="environments"),
    path("models/<name:name>/rollback/<slug:slug>/", views.rollback, name="rollback"),
    path("models/<name:name>/versions/<int:number>/promote/<slug:slug>/", views.promotion, name="promote"),
    path(
        "api/v1/models/<name:name>/versions/<int:number>/gate/<slug:slug>",
        api.GateView.as_view(),
        name="api-gate",
    ),
    path("api/v1/promotions", api.PromotionListView.as_view(), name="api-promotions"),
]
