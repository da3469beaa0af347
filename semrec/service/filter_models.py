"""Filters as JSON: the language of `docs/filters.md`, with a bound on every list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

MAX_WORD = 512
MAX_VALUES = 1000
MAX_FILTERS = 32

Name = Annotated[str, Field(min_length=1, max_length=128)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Word = Annotated[str, Field(max_length=MAX_WORD)]
Scalar = bool | int | Finite | Word
Values = Annotated[list[Scalar], Field(min_length=1, max_length=MAX_VALUES)]
Bound = Annotated[int | Finite | Word | None, Field(description="A number or a date.")]


class RequestModel(BaseModel):
    """A request body, or a part of one; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Wanted(RequestModel):
    """What is wanted of one field; all of it must hold."""

    gte: Bound = None
    gt: Bound = None
    lte: Bound = None
    lt: Bound = None
    any: Values | None = Field(None, description="At least one of these values.")
    all: Values | None = Field(None, description="All of these values.")
    exists: bool | None = Field(None, description="Whether the field has a value.")


class WantedOrNot(Wanted):
    """What is wanted of one field, and what is not; all of it must hold."""

    model_config = ConfigDict(validate_by_name=True)

    not_: Scalar | Values | Wanted | None = Field(None, alias="not", description="What must not hold.")


Places = Annotated[int, Field(ge=1, le=1000)]
Group = Word | Annotated[dict[Name, Places], Field(min_length=1, max_length=1)]
GROUP_HELP = "A field of whose values each has at most one place, over all pages; `brand=2`: two places."
NEAR_HELP = (
    "`collapse`: of items with nearly the same text only the best one. `keep`: all. `auto`: collapse in "
    "lists of 10 or less, if the catalog has many. Null: as the settings say."
)

Filter = Scalar | Values | WantedOrNot
OfFields = Annotated[dict[Name, Filter], Field(max_length=MAX_FILTERS)]
Combined = Annotated[list[OfFields], Field(min_length=1, max_length=MAX_FILTERS)]
"""After `or`: at least one of these must hold. After `and`: all of them."""
OfFieldsOrCombined = Annotated[dict[Name, Filter | Combined], Field(max_length=MAX_FILTERS)]
Where = Annotated[
    dict[Name, Filter | Combined | Annotated[list[OfFieldsOrCombined], Field(max_length=MAX_FILTERS)]],
    Field(max_length=MAX_FILTERS),
]


def where_argument(where: Mapping[str, Any]) -> dict[str, Any]:
    """Return filters as the library takes them."""
    return {name: _plain(wanted) for name, wanted in where.items()}


def _plain(wanted: Any) -> Any:
    if isinstance(wanted, BaseModel):
        return wanted.model_dump(exclude_none=True, by_alias=True)
    if isinstance(wanted, list):
        return [where_argument(one) if isinstance(one, Mapping) else one for one in wanted]
    return wanted
