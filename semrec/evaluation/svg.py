"""Elements of SVG pictures; `style` is a class of the page's style sheet.

`Markup.format` escapes every value that is not markup.
"""

from __future__ import annotations

from markupsafe import Markup


def picture(width: float, height: float, label: str, *parts: Markup) -> Markup:
    """Return a picture of this size, in units; `label` is read out by screen readers."""
    tag = Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>')
    return tag.format(width, height, label, joined(*parts))


def joined(*parts: Markup) -> Markup:
    """Return parts one after the other."""
    return Markup("").join(parts)


def text(x: float, y: float, style: str, content: str) -> Markup:
    """Return a text that begins at a point; the style may move its anchor."""
    return Markup('<text x="{:.1f}" y="{:.1f}" class="{}">{}</text>').format(x, y, style, content)


def rect(x: float, y: float, width: float, height: float, style: str, title: str) -> Markup:
    """Return a rectangle with round corners and a tooltip."""
    tag = '<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{}" rx="3" class="{}">{}</rect>'
    return Markup(tag).format(x, y, width, height, style, _tooltip(title))


def circle(x: float, y: float, radius: float, style: str, title: str) -> Markup:
    """Return a circle with a tooltip."""
    tag = '<circle cx="{:.1f}" cy="{:.1f}" r="{}" class="{}">{}</circle>'
    return Markup(tag).format(x, y, radius, style, _tooltip(title))


def path(drawing: str, style: str, title: str = "") -> Markup:
    """Return a path, for instance `M0 0L10 5`, and its tooltip if there is a title."""
    return Markup('<path d="{}" class="{}">{}</path>').format(drawing, style, _tooltip(title))


def _tooltip(title: str) -> Markup:
    return Markup("<title>{}</title>").format(title) if title else Markup()
