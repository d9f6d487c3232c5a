"""Pages and REST path of comparisons."""

from django.urls import path

from governance.comparisons import api, views
from governance.comparisons.side_by_side import side_by_side
from registry import converters  # noqa: F401  registers <name:…>

urlpatterns = [
    path("models/<name:name>/compare/", views.choose, name="compare-choose"),
    path("models/<name:name>/side-by-side/", side_by_side, name="side-by-side"),
    path("models/<name:name>/versions/<int:number>/compare/<int:other>/", views.compare, name="compare"),
    path(
        "api/v1/models/<name:name>/versions/<int:number>/comparison/<int:other>",
        api.ComparisonView.as_view(),
        name="api-comparison",
    ),
]
