"""Pages and REST paths of evaluations."""

from django.urls import path, register_converter

from governance.evaluation import api, brought, views
from registry import converters  # noqa: F401  registers <name:…>

PAGE = "models/<name:name>/versions/<int:number>/evaluations/"


class EvidencePart:
    """The two documents of an evaluation."""

    regex = "results|circumstances"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(EvidencePart, "evidence")

urlpatterns = [
    path(PAGE, views.evaluation_list, name="evaluations"),
    path(f"{PAGE}<int:evaluation>/", views.evaluation_page, name="evaluation"),
    path(f"{PAGE}brought", brought.bring, name="evaluations-brought"),
    path(
        "api/v1/models/<name:name>/versions/<int:number>/predictions",
        api.PredictionsView.as_view(),
        name="api-predictions",
    ),
    path("api/v1/evaluations", api.EvaluationListView.as_view(), name="api-evaluations"),
    path("api/v1/evaluations/<int:number>", api.EvaluationView.as_view(), name="api-evaluation"),
    path("api/v1/evaluations/<int:number>/<evidence:part>", api.EvidenceView.as_view(), name="api-evidence"),
]
