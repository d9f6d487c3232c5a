"""Pages and REST paths of reviews."""

from django.urls import path

from governance.reviews import api, views
from registry import converters  # noqa: F401  registers <name:…>

REVIEW = "reviews/<int:number>/"
API = "api/v1/reviews/<int:number>"

urlpatterns = [
    path("reviews/", views.review_list, name="reviews"),
    path(REVIEW, views.review_page, name="review"),
    path(f"{REVIEW}sign/", views.sign, name="review-sign"),
    path(f"{REVIEW}remark/", views.remark, name="review-remark"),
    path(f"{REVIEW}withdraw/", views.withdraw, name="review-withdraw"),
    path(f"{REVIEW}answer/", views.answer, name="review-answer"),
    path(f"{REVIEW}revoke/", views.revoke, name="review-revoke"),
    path("models/<name:name>/versions/<int:number>/review/", views.ask, name="review-ask"),
    path("api/v1/reviews", api.ReviewListView.as_view(), name="api-reviews"),
    path(API, api.ReviewView.as_view(), name="api-review"),
    path(f"{API}/sign-offs", api.SignOffView.as_view(), name="api-sign-offs"),
    path(f"{API}/remarks", api.RemarkListView.as_view(), name="api-remarks"),
    path(f"{API}/withdraw", api.WithdrawView.as_view(), name="api-review-withdraw"),
    path(f"{API}/answer", api.AnswerView.as_view(), name="api-review-answer"),
    path(f"{API}/revoke", api.RevokeView.as_view(), name="api-review-revoke"),
]
