"""Pages and REST paths of reviews."""

from django.urls import path

from governance.reviews import api
from governance.reviews.views import acts, asking, listing, review
from registry import converters  # noqa: F401  registers <name:…>

REVIEW = "reviews/<int:number>/"
API = "api/v1/reviews/<int:number>"

urlpatterns = [
    path("reviews/", listing.review_list, name="reviews"),
    path(REVIEW, review.review_page, name="review"),
    path(f"{REVIEW}sign/", review.sign, name="review-sign"),
    path(f"{REVIEW}remark/", acts.remark, name="review-remark"),
    path(f"{REVIEW}threads/", acts.threads, name="review-threads"),
    path(f"{REVIEW}threads/<int:thread>/", acts.reply, name="review-reply"),
    path(f"{REVIEW}threads/<int:thread>/resolve/", acts.resolve, name="review-resolve"),
    path(f"{REVIEW}threads/<int:thread>/reopen/", acts.reopen, name="review-reopen"),
    path(f"{REVIEW}withdraw/", acts.withdraw, name="review-withdraw"),
    path(f"{REVIEW}answer/", acts.answer, name="review-answer"),
    path(f"{REVIEW}revoke/", acts.revoke, name="review-revoke"),
    path("models/<name:name>/versions/<int:number>/review/", asking.ask, name="review-ask"),
    path("api/v1/reviews", api.ReviewListView.as_view(), name="api-reviews"),
    path(API, api.ReviewView.as_view(), name="api-review"),
    path(f"{API}/sign-offs", api.SignOffView.as_view(), name="api-sign-offs"),
    path(f"{API}/remarks", api.RemarkListView.as_view(), name="api-remarks"),
    path(f"{API}/threads", api.ThreadListView.as_view(), name="api-threads"),
    path(
        f"{API}/threads/<int:thread>/remarks", api.ThreadRemarkListView.as_view(), name="api-thread-remarks"
    ),
    path(f"{API}/threads/<int:thread>/resolve", api.ResolveView.as_view(), name="api-thread-resolve"),
    path(f"{API}/threads/<int:thread>/reopen", api.ReopenView.as_view(), name="api-thread-reopen"),
    path(f"{API}/withdraw", api.WithdrawView.as_view(), name="api-review-withdraw"),
    path(f"{API}/answer", api.AnswerView.as_view(), name="api-review-answer"),
    path(f"{API}/revoke", api.RevokeView.as_view(), name="api-review-revoke"),
]
