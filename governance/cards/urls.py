"""Pages and REST path of model cards."""

from django.urls import path

from governance.cards import api, views
from registry import converters  # noqa: F401  registers <name:…>

PAGE = "models/<name:name>/versions/<int:number>/card/"

urlpatterns = [
    path(PAGE, views.card, name="card"),
    path(f"{PAGE}edit/", views.card_edit, name="card-edit"),
    path("api/v1/models/<name:name>/versions/<int:number>/card", api.CardView.as_view(), name="api-card"),
]
