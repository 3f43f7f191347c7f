"""HTML by elements: text is escaped where it enters a page, markup is not escaped again.  Knows nothing of sweeps."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

VOID = frozenset({"br", "img"})
"""Elements without an end."""


class Html(str):
    """Text that is markup; any other text is escaped by ``element``."""


def escaped(text: str) -> Html:
    """Text as markup, and markup as it is."""
    return text if isinstance(text, Html) else Html(html.escape(text))


def joined(parts: Iterable[str], between: str = "") -> Html:
    """Parts one after another."""
    return Html(escaped(between).join(escaped(part) for part in parts))


def element(tag: str, *inside: str, **attributes: str | int | None) -> Html:
    """``<tag …>inside</tag>``; ``class_`` is the attribute class, one that is None is left out."""
    said = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    return Html(f"<{tag}{said}>" + ("" if tag in VOID else f"{joined(inside)}</{tag}>"))


def paragraph(*inside: str, **attributes: str | int | None) -> Html:
    return element("p", *inside, **attributes)


def left_out(why: str) -> Html:
    """Where something would stand that cannot be drawn."""
    return paragraph(f"Left out: {why}", class_="left-out")


def section(name: str, heading: str, *inside: str) -> Html:
    """A part of the page with its heading; ``name`` is its id."""
    return element("section", element("h2", heading, id=f"{name}-h"), *inside, id=name, aria_labelledby=f"{name}-h")


def table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], *, numeric: Iterable[str] = (), caption: str = ""
) -> Html:
    """A table in a box of its own, so that a wide one scrolls without the page."""
    classes = ["number" if head in set(numeric) else None for head in heads]

    def row(tag: str, cells: Sequence[str]) -> Html:
        return element("tr", *(element(tag, c, class_=k) for c, k in zip(cells, classes, strict=True)))

    inside = [element("caption", caption)] if caption else []
    inside += [element("thead", row("th", heads)), element("tbody", *(row("td", cells) for cells in rows))]
    return element("div", element("table", *inside), class_="scroll", tabindex=0, role="region", aria_label=caption)


def picture(image: Image.Image, alt: str, **attributes: str | int | None) -> Html:
    """An image inside the page: PNG where it is grey or has few colours, else JPEG, which is a quarter of its size."""
    file = io.BytesIO()
    kind = "png" if image.mode in ("L", "P") else "jpeg"
    if kind == "png":
        image.save(file, "PNG", optimize=True)
    else:
        image.convert("RGB").save(file, "JPEG", quality=88)
    data = base64.b64encode(file.getvalue()).decode()
    sizes = {"width": image.width, "height": image.height}
    return element("img", src=f"data:image/{kind};base64,{data}", alt=alt, decoding="async", **sizes, **attributes)
