"""Layouts of files as shops and data sets publish them, where a row is not an item or an event.

A layout is recognised by its columns: product exports of Shopify (a row for each variant), WooCommerce,
Magento, BigCommerce and PrestaShop, items of Gorse, and behaviors of MIND (a row for each list that was
shown). The notes of a table say what it was taken for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, TypeAlias

from semrec.indexer.sources.table import Table
from semrec.indexer.sources.textfile import RawRow
from semrec.plain_values import is_missing

_ATTRIBUTE = re.compile(r",(?=\w+=)")
"""Between two attributes of Magento; a value may hold commas."""

Adapt: TypeAlias = Callable[[Iterator[RawRow]], Iterator[RawRow]]

HIDDEN = {
    "status": ("draft", "archived"),
    "published": ("false", "0", "-1"),
    "visibility in catalog": ("hidden",),
    "is_hidden": ("true", "1"),
    "ishidden": ("true", "1"),
    "product_online": ("2", "0"),
    "visibility": ("not visible individually",),
    "product visible?": ("n",),
    "active (0/1)": ("0",),
}
"""Values of columns, in lower case, by which a shop hides a product."""


@dataclass(frozen=True, slots=True)
class Published:
    """A published layout.

    Parameters
    ----------
    name : for messages.
    needed : columns by which it is recognised.
    adapt : makes rows of items or events of the rows of the file.
    columns : of the rows that are made; None: as in the file.
    lists : columns with values that commas separate.
    """

    name: str
    needed: tuple[str, ...]
    adapt: Adapt | None = None
    columns: tuple[str, ...] | None = None
    lists: tuple[str, ...] = ()


def adapted(table: Table, *, with_hidden: bool = False) -> Table:
    """Return a table in a published layout as one of items or events; another table is returned unchanged.

    Parameters
    ----------
    table : of any layout.
    with_hidden : whether products that their shop hides are items, too.
    """
    columns = set(table.columns or ())
    layout = next((layout for layout in LAYOUTS if columns >= set(layout.needed)), None)
    if layout is None:
        return table
    note = f"{table.name}: taken for {layout.name} (guessed by its columns)"
    adapt = layout.adapt

    def read(_: Sequence[str] | None) -> Iterator[RawRow]:
        listed = (_with_lists(row, layout.lists) for row in table.read(None))
        rows = adapt(listed) if adapt else listed
        return rows if with_hidden else map(_without_hidden, rows)

    return replace(
        table,
        read=read,
        columns=layout.columns or table.columns,
        n_rows=table.n_rows if adapt is None else None,
        notes=(*table.notes, note),
    )


def _with_lists(row: RawRow, names: Sequence[str]) -> RawRow:
    found = {name: _entries(row.values[name]) for name in names if isinstance(row.values.get(name), str)}
    return row._replace(values={**row.values, **found}) if found else row


def _entries(text: str) -> list[str]:
    return [entry for part in text.split(",") if (entry := part.strip())]


def _without_hidden(row: RawRow) -> RawRow:
    """Return the row with a fault if its shop hides the product."""
    for name, value in row.values.items():
        if str(value).strip().lower() in HIDDEN.get(name.lower(), ()):
            return row._replace(
                fault=row.fault or f'is hidden by the shop, see --with-hidden: "{name}" is {value}'
            )
    return row


def _products(rows: Iterator[RawRow]) -> Iterator[RawRow]:
    """Yield one row for all variants and pictures of a product of Shopify: those with the same handle."""
    for _, variants in groupby(rows, key=lambda row: row.values.get("Handle") or row.number):
        first, *others = variants
        values = dict(first.values)
        for name in values:
            found = [row.values.get(name) for row in (first, *others)]
            distinct = list(dict.fromkeys(value for value in found if isinstance(value, str) and value))
            if _is_of_variant(name):
                values[name] = distinct
            elif is_missing(values[name]) and distinct:
                values[name] = distinct[0]
        faults = [row.fault for row in (first, *others) if row.fault]
        yield first._replace(values=values, fault=faults[0] if faults else None)


def _is_of_variant(name: str) -> bool:
    return name in ("Variant SKU", "Variant Barcode", "Image Src") or (
        name.startswith("Option") and name.endswith("Value")
    )


def _with_attributes(rows: Iterator[RawRow]) -> Iterator[RawRow]:
    """Yield the products of Magento with their attributes as columns: `activity=Gym|Trail,material=Nylon`."""
    for row in rows:
        written = str(row.values.get("additional_attributes") or "")
        pairs = [part.partition("=") for part in _ATTRIBUTE.split(written)]
        found = {name.strip(): value.split("|") for name, sign, value in pairs if sign}
        others = {name: value for name, value in row.values.items() if name != "additional_attributes"}
        yield row._replace(values={**found, **others} if found or not written else row.values)


def _without_options(rows: Iterator[RawRow]) -> Iterator[RawRow]:
    """Yield the products of BigCommerce; the other rows describe options of the product above."""
    return (row for row in rows if row.fault or "product" in str(row.values.get("Item Type", "")).lower())


def _behaviors(rows: Iterator[RawRow]) -> Iterator[RawRow]:
    """Yield the clicks before a list of MIND, without times, and what was shown or clicked in it."""
    number = 0
    for row in rows:
        for item, kind, time in _of_behavior(row.values):
            number += 1
            values = {"user_id": row.values.get("user_id"), "item_id": item, "event_type": kind, "time": time}
            yield RawRow(number, values, row.fault, row.where)


def _of_behavior(values: Any) -> Iterator[tuple[str, str, str | None]]:
    for item in str(values.get("history") or "").split():
        yield item, "click", None
    for shown in str(values.get("impressions") or "").split():
        item, _, label = shown.partition("-")
        yield item, "click" if label == "1" else "impression", values.get("time")


LAYOUTS = (
    Published(
        "products of Shopify: the rows of a handle are one item",
        ("Handle", "Title", "Body (HTML)", "Vendor"),
        _products,
        lists=("Tags",),
    ),
    Published(
        "products of WooCommerce",
        ("ID", "SKU", "Name", "Visibility in catalog"),
        lists=("Categories", "Tags", "Images"),
    ),
    Published(
        "products of Magento",
        ("sku", "attribute_set_code", "product_online", "additional_attributes"),
        _with_attributes,
        lists=("categories", "product_websites", "related_skus"),
    ),
    Published(
        "products of BigCommerce: rows of options and rules are left out",
        ("Item Type", "Product ID", "Product Name", "Product Visible?"),
        _without_options,
    ),
    Published(
        "products of PrestaShop",
        ("Active (0/1)", "Name *", "Reference #"),
        lists=("Categories (x,y,z...)", "Tags (x,y,z...)"),
    ),
    Published("items of Gorse", ("item_id", "is_hidden", "categories")),
    Published(
        "behaviors of MIND: clicks and impressions",
        ("impression_id", "user_id", "history", "impressions"),
        _behaviors,
        columns=("user_id", "item_id", "event_type", "time"),
    ),
)
"""The published layouts that need more than the names of their columns."""
