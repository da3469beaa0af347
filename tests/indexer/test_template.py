"""Templates of the encoded text."""

from __future__ import annotations

import pytest

from semrec.errors import CatalogError
from semrec.indexer.mapping import FieldMapping
from semrec.indexer.read import open_catalog, render
from semrec.indexer.template import rename_template, template_names
from semrec.types import Item


def opened(rows, mapping=None):
    return open_catalog(rows, mapping, max_text_bytes=1000)


@pytest.mark.parametrize(
    "template", ["{title", "title}", "{}", "{title:>5}", "{title!r}", "{0}{", "nothing", ""]
)
def test_invalid_templates_are_an_error(template):
    with pytest.raises(CatalogError, match="template"):
        opened([{"id": "a", "title": "A"}], FieldMapping(template=template))


def test_columns_of_a_template_become_metadata():
    rows = [{"sku": "a", "name": "Saw", "body": "Cuts.", "author": "Bo", "year": 1999, "tags": ["x", "y"]}]
    template = "{name} ({year}) by {author}: {body} {{{tags}}} {sku} {title}"
    catalog = opened(rows, FieldMapping(metadata=(), template=template))
    assert catalog.mapping.metadata == ("year", "author", "tags")
    assert catalog.mapping.template == "{title} ({year}) by {author}: {text} {{{tags}}} {item_id} {title}"
    (item,) = catalog
    assert render(item, catalog.mapping.template) == "Saw (1999) by Bo: Cuts. {x, y} a Saw"


def test_the_default_template_has_no_empty_lines():
    assert render(Item("a", " T ", " x ")) == "T \n x"
    assert render(Item("a", "T")) == "T"
    assert render(Item("a", "", "x")) == "x"
    assert render(Item("a")) == ""


def test_without_any_value_the_text_is_empty():
    assert render(Item("a"), "{title} by {author}.") == ""
    assert (
        render(Item("a", metadata={"author": "Bo", "new": True}), "{title}{new} by {author}.")
        == "true by Bo."
    )


def test_renaming_keeps_literal_braces():
    assert rename_template("{{x}} {a}{b}", {"a": "title"}) == "{{x}} {title}{b}"
    assert template_names("{a} {b} {a}") == ["a", "b"]
