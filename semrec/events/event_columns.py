"""The fields of an event, and the names that sources use for them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from semrec.events.kinds import RATE, VIEW

USUAL_NAMES = {
    "user": "user_id user uid customer_id customer client_id account_id member_id visitor_id user_pseudo_id "
    "distinct_id anonymous_id session_id reviewer_id reader_id profile_id 用户 用户编号 用户id",
    "item": "item_id item product_id product sku parent_asin asin article_id article movie_id book_id "
    "track_id song_id video_id news_id content_id doc_id document_id isbn app_id game_id anime_id artist_id "
    "business_id restaurant_id recipe_id hotel_id place_id venue_id listing_id job_id course_id post_id "
    "paper_id "
    "物品 商品 物品编号 商品编号 物品id 商品id",
    "kind": "kind event_type event_name feedback_type interaction_type event action action_type behavior "
    "behaviour behavior_type interaction type 行为 类型",
    "value": "value event_value rating rate score stars overall quantity qty count weight plays "
    "play_count listens listen_count view_count watch_count visits 评分 数值",
    "time": "time timestamp ts time_stamp unix_timestamp unix_review_time unix_time datetime date event_time "
    "event_timestamp created_at created occurred_at review_date review_time date_added added_at played_at "
    "listened_at watched_at rated_at posted_at posted end_time updated_at date_updated 时间 日期",
}
"""Field of an event -> its usual names, the most specific first; see `folded`."""

RATING_NAMES = ("rating", "rate", "score", "stars", "overall", "评分")
"""Names of a value whose events are ratings."""

VAGUE_KIND_NAMES = ("event", "action", "interaction", "type", "类型")
"""Names of a kind that also mean other things; they need a value that is a usual kind."""

MONEY_NAMES = ("amount", "price", "unit_price", "total", "total_price", "revenue", "sales", "金额", "价格")
"""Names of money, which is no value unless it is asked for."""

WATCHED_NAMES = (
    "watch_time watched_seconds seconds_watched play_duration play_time playing_time listen_time "
    "listening_time ms_played dwell_time time_spent hours hours_played playtime playtime_forever "
    "minutes_played"
)
"""Names of how long something was used."""

DURATION_NAMES = (
    "duration video_duration item_duration track_duration content_duration duration_ms total_duration"
)
"""Names of how long something is."""


@dataclass(frozen=True, slots=True)
class EventMapping:
    """Which column of a source is what; None is guessed.

    Parameters
    ----------
    user, item, kind, value, time : columns.
    duration : column with the full length of the item, in the unit of `value`: then the value becomes the
        share that was used, from 0 to 1.
    default_kind : kind of the rows that have none; None: "rate" for rows with a value in a column that is
        named like a rating, else "view".
    time_format : of the times: s, ms, us, ns (unix time), position (an order without a clock), or a pattern
        for `strptime`; None is guessed.
    unrated : rating that means "not rated"; such an event is a view.
    header : names of the columns of files that do not name them; empty: their places.
    encoding : of text files, as Python names it.
    """

    user: str | None = None
    item: str | None = None
    kind: str | None = None
    value: str | None = None
    time: str | None = None
    duration: str | None = None
    default_kind: str | None = None
    time_format: str | None = None
    unrated: float | None = None
    header: tuple[str, ...] | None = None
    encoding: str | None = None

    @property
    def columns(self) -> list[str]:
        """The columns that are named."""
        names = (self.user, self.item, self.kind, self.value, self.time, self.duration)
        return [name for name in names if name is not None]

    @property
    def kind_with_value(self) -> str:
        """The kind of rows with a value and without a kind."""
        is_rating = self.value is not None and has_usual_name(self.value, RATING_NAMES)
        return self.default_kind or (RATE if is_rating else VIEW)

    @property
    def kind_without_value(self) -> str:
        """The kind of rows without a value and without a kind."""
        return self.default_kind or VIEW


def folded(name: str) -> str:
    """Return a name without upper case, spaces, hyphens, underscores, stars and remarks in brackets."""
    return re.sub(r"\([^()]*\)|[\s_*-]", "", name).casefold()


def has_usual_name(column: str, names: Iterable[str]) -> bool:
    """Return whether the column has one of these names, apart from case, spaces, hyphens and underscores."""
    return folded(column) in map(folded, names)
