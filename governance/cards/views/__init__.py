"""Pages of model cards."""

from governance.cards.views.reading import card, card_revisions
from governance.cards.views.writing import card_edit, card_section

__all__ = ["card", "card_edit", "card_revisions", "card_section"]
