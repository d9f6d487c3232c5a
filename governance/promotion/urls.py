"""Pages and REST paths of promotion: what is live where, promoting, rolling back, the gate's answer."""

from django.urls import path

from governance.promotion import api
from governance.promotion.views import environments, history, promoting
from registry import converters  # noqa: F401  registers <name:…>

urlpatterns = [
    path("environments/", environments.environments, name="environments"),
    path("promotions/", history.promotions, name="promotions"),
    path("promotions/<int:number>/", history.one_promotion, name="promotion"),
    path("models/<name:name>/rollback/<slug:slug>/", environments.rollback, name="rollback"),
    path(
        "models/<name:name>/versions/<int:number>/promote/<slug:slug>/", promoting.promotion, name="promote"
    ),
    path(
        "api/v1/models/<name:name>/versions/<int:number>/gate/<slug:slug>",
        api.GateView.as_view(),
        name="api-gate",
    ),
    path("api/v1/promotions", api.PromotionListView.as_view(), name="api-promotions"),
]
