"""URLs of lineage."""

from django.urls import path

from registry import converters  # noqa: F401  registers <name:…>
from registry.lineage import api, views

urlpatterns = [
    path("models/<name:name>/versions/<int:number>/lineage/", views.version_lineage, name="version-lineage"),
    path(
        "api/v1/models/<name:name>/versions/<int:number>/lineage",
        api.Lineage.as_view(),
        name="api-lineage",
    ),
]
