"""Layouts of published data sets whose files do not name their columns, recognised by their first line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Layout:
    """A file without a line of column names.

    Parameters
    ----------
    name : for messages.
    columns : names of its columns.
    patterns : regular expressions of the cells of a line; there may be fewer than columns.
    """

    name: str
    columns: tuple[str, ...]
    patterns: tuple[str, ...]

    def fits(self, cells: Sequence[str]) -> bool:
        """Return whether a line is one of this layout."""
        return len(cells) == len(self.columns) and all(
            re.fullmatch(pattern, cell.strip()) for pattern, cell in zip(self.patterns, cells, strict=False)
        )


_NUMBER, _SECONDS = r"\d+", r"\d{9,10}"
UNNAMED = (
    Layout(
        "ratings of MovieLens",
        ("user_id", "movie_id", "rating", "timestamp"),
        (_NUMBER, _NUMBER, r"\d(\.\d)?", _SECONDS),
    ),
    Layout(
        "films of MovieLens", ("movie_id", "title", "genres"), (_NUMBER, r".*\(\d{4}\)", r"[^|]+(\|[^|]+)*")
    ),
    Layout(
        "users of MovieLens",
        ("user_id", "gender", "age", "occupation", "zip_code"),
        (_NUMBER, "[MF]", _NUMBER, _NUMBER),
    ),
    Layout(
        "films of MovieLens 100K",
        (
            *("movie_id", "title", "release_date", "video_release_date", "imdb_url"),
            *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary"),
            *("Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi"),
            *("Thriller", "War", "Western"),
        ),
        (_NUMBER, ".+", r"(\d\d-\w{3}-\d{4})?"),
    ),
    Layout(
        "news of MIND",
        (
            "news_id",
            "category",
            "subcategory",
            "title",
            "abstract",
            "url",
            "title_entities",
            "abstract_entities",
        ),
        (r"N\d+", ".+", ".+", ".+"),
    ),
    Layout(
        "behaviors of MIND",
        ("impression_id", "user_id", "time", "history", "impressions"),
        (_NUMBER, r"U\d+", r"\d+/\d+/\d{4} .+", r"(N\d+( N\d+)*)?", r"N\d+(-[01])?( N\d+(-[01])?)*"),
    ),
)
"""Layouts without column names: MovieLens 1M, 10M and 100K, and MIND."""


def unnamed_columns(cells: Sequence[str]) -> Layout | None:
    """Return the layout of a file whose first line has these cells; None if the line names its columns."""
    return next((layout for layout in UNNAMED if layout.fits(cells)), None)
