"""Pages of policies."""

from governance.policies.views.deciding import discard, put_revision_in_force
from governance.policies.views.listing import policy_list
from governance.policies.views.reading import policy, revision_text
from governance.policies.views.writing import draft, new_policy

__all__ = [
    "discard",
    "draft",
    "new_policy",
    "policy",
    "policy_list",
    "put_revision_in_force",
    "revision_text",
]
