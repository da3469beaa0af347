"""The names of kinds in the logs of others."""

from __future__ import annotations

import pytest

from semrec.config import EventSettings
from semrec.events.kinds import SHOWN, USUAL_KIND_NAMES, KindNames, UsualKind


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *(("View", "view"), (" VIEW ", "view"), ("pv", "view"), ("Product Viewed", "view")),
        *(("detail-page-view", "view"), ("Watch", "view"), ("view_item", "view"), ("read", "view")),
        *(("select_item", "click"), ("Product Clicked", "click"), ("clicks", "click")),
        *(("star", "like"), ("fav", "like"), ("add_to_wishlist", "like"), ("thumbs up", "like")),
        *(("addtocart", "cart"), ("add_to_cart", "cart"), ("Product Added", "cart")),
        *(("purchase", "buy"), ("order", "buy"), ("transaction", "buy"), ("Order Completed", "buy")),
        *(("review", "rate"), ("Product Reviewed", "rate"), ("thumbs_down", "dislike")),
        *(("Impression", SHOWN), ("view_item_list", SHOWN), ("exposure", "exposure"), ("imp", SHOWN)),
    ],
)  # fmt: skip
def test_usual_names(name, kind):
    assert USUAL_KIND_NAMES.read(name) == UsualKind(kind)


def test_what_takes_another_kind_back():
    assert USUAL_KIND_NAMES.apply("Refund", None) == ("buy", -1)
    assert USUAL_KIND_NAMES.apply("Order Cancelled", 2.0) == ("buy", -2)
    assert USUAL_KIND_NAMES.apply("returned", -3.0) == ("buy", -3)
    assert USUAL_KIND_NAMES.apply("remove_from_cart", None) == ("cart", -1)
    assert USUAL_KIND_NAMES.apply("purchase", -3.0) == ("buy", -3)


def test_an_unknown_name_stands_for_itself():
    assert USUAL_KIND_NAMES.read(" Sniff") == UsualKind("sniff")
    assert USUAL_KIND_NAMES.find("Sniff") is None


def test_a_kind_with_a_weight_of_its_own_stays():
    names = KindNames.of(EventSettings(kind_weights={"purchase": 5.0, "view": 1.0}, shown_kinds=("Teaser",)))
    assert names.read("Purchase") == UsualKind("purchase")
    assert names.read("order") == UsualKind("buy")
    assert names.read("teaser") == UsualKind("Teaser")
