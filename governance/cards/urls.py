"""Pages and REST path of model cards."""

from django.urls import path

from governance.cards import views
from governance.cards.api import cards, revisions
from registry import converters  # noqa: F401  registers <name:…>

PAGE = "models/<name:name>/versions/<int:number>/card/"
API = "api/v1/models/<name:name>/versions/<int:number>/card"

urlpatterns = [
    path(PAGE, views.card, name="card"),
    path(f"{PAGE}edit/", views.card_edit, name="card-edit"),
    path(f"{PAGE}edit/<slug:section>/", views.card_section, name="card-section"),
    path(f"{PAGE}revisions/", views.card_revisions, name="card-revisions"),
    path(API, cards.CardView.as_view(), name="api-card"),
    path(f"{API}/sections/<slug:section>", cards.SectionView.as_view(), name="api-card-section"),
    path(f"{API}/revisions", revisions.CardRevisionListView.as_view(), name="api-card-revisions"),
    path(f"{API}/revisions/<int:revision>", revisions.CardRevisionView.as_view(), name="api-card-revision"),
    path(
        f"{API}/difference/<int:before>/<int:after>",
        revisions.CardDifferenceView.as_view(),
        name="api-card-difference",
    ),
]
