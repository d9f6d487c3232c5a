"""Pages and REST paths of reports."""

from django.urls import path

from governance.reports import api, views
from registry import converters  # noqa: F401  registers <name:…>

PAGE = "models/<name:name>/versions/<int:number>/reports/"
REST = "api/v1/models/<name:name>/versions/<int:number>/reports"

urlpatterns = [
    path(PAGE, views.report_list, name="reports"),
    path(f"{PAGE}<int:report>/", views.report_page, name="report"),
    path(f"{PAGE}<int:report>/file", views.report_file, name="report-file"),
    path(REST, api.ReportsView.as_view(), name="api-reports"),
    path(f"{REST}/<int:report>", api.ReportView.as_view(), name="api-report"),
    path(f"{REST}/<int:report>/file", api.ReportFileView.as_view(), name="api-report-file"),
]
