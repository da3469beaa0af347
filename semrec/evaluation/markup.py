"""HTML and SVG as values: whatever is not markup already is escaped."""

from __future__ import annotations

from html import escape


class Markup(str):
    """Text that is markup already, so that it is not escaped again."""

    __slots__ = ()


def tag(element: str, *children: object, **attributes: object) -> Markup:
    """Return an element.

    Parameters
    ----------
    element : its name.
    children : markup is taken as it is, all other text is escaped.
    attributes : `class_` is class, and `stroke_width` is stroke-width; None leaves one out.

    Examples
    --------
    >>> tag("p", "1 < 2", class_="note")
    '<p class="note">1 &lt; 2</p>'
    """
    named = (
        f' {name.rstrip("_").replace("_", "-")}="{escape(_plain(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{element}{''.join(named)}>{join(*children)}</{element}>")


def join(*children: object) -> Markup:
    """Return children one after the other."""
    return Markup(
        "".join(child if isinstance(child, Markup) else escape(_plain(child)) for child in children)
    )


def _plain(value: object) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
