"""Kinds of events: the names that logs use for them.

The names are those of Amazon Personalize, Gorse, Segment, Google Analytics 4, Metarank, Recombee,
RetailRocket, REES46 and Taobao, besides everyday words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from typing import NamedTuple

from semrec.config import KIND_WEIGHTS, SHOWN_KINDS, EventSettings
from semrec.errors import LONGEST_SHOWN

RATE = "rate"
"""The kind whose value is a rating on a scale."""
VIEW = "view"
"""The kind of an event without one."""
SHOWN = "impression"
"""The kind of an event that tells what was shown, not what the user did."""

_USUAL_NAMES = {
    VIEW: "views viewed page_view pageview page_visit view_page pv visit visited product_view product_viewed "
    "view_product view_item item_view item_viewed view_content content_view screen_view detail details "
    "detail_view detail_page_view product_detail_view item_detail_page_view browse browsed read reads play "
    "plays played listen listened watch watched stream streamed video_start",
    "click": "clicks clicked clk click_through product_click product_clicked item_click item_clicked select "
    "select_item select_content open opened tap",
    "like": "likes liked thumbs_up upvote upvoted heart fav favorite favorites favorited favourite "
    "favourites favourited star starred bookmark bookmarked save saved wish wishlist add_to_wishlist "
    "added_to_wishlist product_added_to_wishlist add_to_favorites add_to_favourites share shared "
    "product_shared follow collect",
    "cart": "carts add_to_cart added_to_cart cart_add cart_addition product_added add_to_basket basket "
    "add_to_bag begin_checkout checkout checkout_started start_checkout",
    "buy": "buys bought purchase purchases purchased order orders ordered order_completed order_placed "
    "place_order placed_order transaction transactions sale sold checkout_completed complete_order payment "
    "paid conversion",
    RATE: "rates rated rating ratings review reviews reviewed product_reviewed stars score",
    "dislike": "dislikes disliked thumbs_down downvote downvoted not_interested hide hidden block blocked",
    SHOWN: "impressions imp exposure exposed shown show display displayed view_item_list product_list_viewed "
    "recommended recommendation_shown",
}
_TAKING_BACK = {
    "buy": "return returned refund refunds refunded order_refunded cancel canceled cancelled order_cancelled "
    "order_canceled cancel_order product_returned",
    "cart": "remove_from_cart removed_from_cart cart_remove product_removed remove_from_basket",
    "like": "unlike unliked unfavorite unfavourite remove_from_wishlist product_removed_from_wishlist unstar "
    "unsave unfollow",
}


MOST_KEPT = 10_000
"""Names that are kept; a file may have one for every row."""


class UsualKind(NamedTuple):
    """What the name of a kind stands for.

    Parameters
    ----------
    kind : as it is stored.
    sign : -1 for a name that takes the kind back, for instance a return; else 1.
    """

    kind: str
    sign: int = 1

    @property
    def in_words(self) -> str:
        """For people."""
        return f'"{self.kind}"' if self.sign > 0 else f'"{self.kind}" taken back'


def _bare(kind: str) -> str:
    return kind.replace("_", "").replace("-", "").replace(" ", "")


_STANDS_FOR = {
    **{
        _bare(name): UsualKind(kind)
        for kind, names in _USUAL_NAMES.items()
        for name in (kind, *names.split())
    },
    **{_bare(name): UsualKind(kind, -1) for kind, names in _TAKING_BACK.items() for name in names.split()},
}


class KindNames:
    """The kind that each name stands for, apart from case, spaces, hyphens and underscores.

    Parameters
    ----------
    own : kinds with a meaning of their own, which stay as they are: those with a weight, and those that were
        only shown.
    """

    def __init__(self, own: Collection[str]) -> None:
        self._own = {_bare(kind.lower()): UsualKind(kind) for kind in own}
        self._found: dict[str, UsualKind] = {}

    def renamed(self, names: Iterable[str]) -> Counter[tuple[str, UsualKind]]:
        """Return the names that stand for another kind, with their numbers."""
        found = ((name, self.read(name)) for name in names)
        return Counter((name, usual) for name, usual in found if usual.kind != name.strip().lower())

    def find(self, name: str) -> UsualKind | None:
        """Return what a name stands for; None if it is unknown."""
        bare = _bare(name.strip().lower())
        return self._own.get(bare) or _STANDS_FOR.get(bare)

    @classmethod
    def of(cls, settings: EventSettings) -> KindNames:
        """Return the names for the kinds of these settings."""
        return cls((*settings.kind_weights, *settings.shown_kinds))

    def apply(self, name: str, value: float | None) -> tuple[str, float | None]:
        """Return the kind and the value of an event; below 0 for a kind that takes another one back."""
        usual = self.read(name)
        return usual.kind, value if usual.sign > 0 else -abs(1.0 if value is None else value)

    def read(self, name: str) -> UsualKind:
        """Return what a name stands for; an unknown one stands for itself, in lower case."""
        known = self._found.get(name)
        if known is None:
            known = self.find(name) or UsualKind(name.strip().lower())
            if len(self._found) < MOST_KEPT:
                self._found[name] = known
        return known


def renamed_in_words(renamed: Counter[tuple[str, UsualKind]]) -> tuple[str, ...]:
    """Return which kinds are taken for another one, for people.

    Parameters
    ----------
    renamed : (name, what it stands for) -> number of events.
    """
    return tuple(
        f'kind "{name[:LONGEST_SHOWN]}" is taken as {usual.in_words}: {n:,} events'
        for (name, usual), n in renamed.most_common()
    )


USUAL_KIND_NAMES = KindNames((*KIND_WEIGHTS, *SHOWN_KINDS))
"""The names of kinds under the default settings."""
