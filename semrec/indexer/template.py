"""Templates of the text that is encoded, such as `{title} by {author}. {text}`."""

from __future__ import annotations

from functools import lru_cache
from string import Formatter

from semrec.errors import CatalogError
from semrec.types import Item, Value

ROLES = ("item_id", "title", "text")
DEFAULT_TEMPLATE = "{title}\n{text}"


@lru_cache(maxsize=64)
def template_pieces(template: str) -> tuple[tuple[str, str | None], ...]:
    """Return the parts of a template: literal text, and the column after it (None at the end).

    Raises
    ------
    CatalogError
        The template has unmatched or empty braces, more than a name in braces, or no column.
    """
    try:
        parsed = [(before, name, spec, how) for before, name, spec, how in Formatter().parse(template)]
    except ValueError as error:
        raise CatalogError(
            f"template {template!r}: {error}; write columns as {{title}}, and a brace itself as {{{{ or }}}}"
        ) from error
    for _, name, spec, how in parsed:
        if name == "" or spec or how:
            raise CatalogError(f"template {template!r}: only the name of a column may be in braces")
    if not any(name for _, name, _, _ in parsed):
        raise CatalogError(f"template {template!r} has no column; write for instance {{title}}")
    return tuple((before, name) for before, name, _, _ in parsed)


def template_names(template: str) -> list[str]:
    """Return the columns of a template, each once, in order."""
    return list(dict.fromkeys(name for _, name in template_pieces(template) if name))


def rename_template(template: str, names: dict[str, str]) -> str:
    """Return the template with columns renamed; columns that are not in `names` stay."""

    def literal(text: str) -> str:
        return text.replace("{", "{{").replace("}", "}}")

    return "".join(
        literal(before) + (f"{{{names.get(name, name)}}}" if name else "")
        for before, name in template_pieces(template)
    )


def render(item: Item, template: str = DEFAULT_TEMPLATE) -> str:
    """Return the text of an item that is encoded, trimmed.

    `{item_id}`, `{title}` and `{text}` are those of the item; other names are fields of its metadata. A list
    of values is joined by commas. Missing values are empty; if all values are missing, the result is empty.
    """
    roles: dict[str, Value] = {"item_id": item.item_id, "title": item.title, "text": item.text}
    parts: list[str] = []
    found = False
    for before, name in template_pieces(template):
        value = "" if name is None else _as_text(roles[name] if name in roles else item.metadata.get(name))
        found = found or bool(value.strip())
        parts += (before, value)
    return "".join(parts).strip() if found else ""


def _as_text(value: Value | None) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ", ".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)
