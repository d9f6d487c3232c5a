"""REST paths of evaluations."""

from django.urls import path, register_converter

from governance.evaluation import api


class EvidencePart:
    """The two documents of an evaluation."""

    regex = "results|circumstances"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(EvidencePart, "evidence")

urlpatterns = [
    path("api/v1/evaluations", api.EvaluationListView.as_view(), name="api-evaluations"),
    path("api/v1/evaluations/<int:number>", api.EvaluationView.as_view(), name="api-evaluation"),
    path("api/v1/evaluations/<int:number>/<evidence:part>", api.EvidenceView.as_view(), name="api-evidence"),
]
