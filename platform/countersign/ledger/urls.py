"""Pages and REST paths of the ledger."""

from django.urls import path, re_path

from countersign.ledger import api, views

app_name = "ledger"
urlpatterns = [
    path("ledger/", views.trail_page, name="trail"),
    path("ledger/entries.csv", views.trail_file, name="trail-file"),
    path("ledger/entries/<uuid:entry>/", views.entry_page, name="entry"),
    re_path(
        r"^ledger/entries/(?P<entry>[0-9a-f-]{36})/(?P<kind>leaf\.json|proof\.txt)$",
        views.entry_file,
        name="entry-file",
    ),
    path("ledger/checkpoints/<int:size>", views.checkpoint_note, name="checkpoint"),
    path("api/v1/ledger/entries", api.EntryListView.as_view(), name="api-entries"),
    path("api/v1/ledger/entries/<uuid:entry>/proof", api.ProofView.as_view(), name="api-proof"),
    path("api/v1/ledger/checkpoint", api.CheckpointView.as_view(), name="api-checkpoint"),
    path("api/v1/ledger/keys", api.KeysView.as_view(), name="api-keys"),
]
