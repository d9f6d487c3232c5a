"""Pages and REST paths of audit exports."""

from django.urls import path

from governance.export import api, views

API = "api/v1/exports"

urlpatterns = [
    path("exports/", views.export_list, name="exports"),
    path("exports/<int:number>/", views.export_page, name="export"),
    path(API, api.ExportListView.as_view(), name="api-exports"),
    path(f"{API}/<int:number>", api.ExportView.as_view(), name="api-export"),
    path(f"{API}/<int:number>/bundle", api.BundleView.as_view(), name="api-export-bundle"),
]
