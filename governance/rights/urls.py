"""Page of who may do what with a model."""

from django.urls import path

from governance.rights import views
from registry import converters  # noqa: F401  registers <name:…>

urlpatterns = [path("models/<name:name>/access/", views.model_access, name="model-access")]
