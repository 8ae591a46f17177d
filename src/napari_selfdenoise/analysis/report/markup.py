"""HTML in which nothing that was not written here can act as HTML."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

_ADDRESS = re.compile(r"\b(?:(doi):\s?(10\.\d{4,9}/[^\s,;]*[\w)/])|(arXiv):(\d{4}\.\d{4,5}))")


class Html(str):
    """Text that is HTML already; all other text is escaped when it becomes part of a tag."""

    __slots__ = ()


def tag(name: str, *children: str | Iterable[str], **attributes: object) -> Html:
    """Return an element; a trailing ``_`` of an attribute's name falls away."""
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
    )
    return Html(f"<{name}{told}>{joined(*children)}</{name}>")


def joined(*children: str | Iterable[str]) -> Html:
    """Return texts and elements one after the other, texts escaped."""
    parts: list[str] = []
    for child in children:
        if isinstance(child, Html):
            parts.append(child)
        elif isinstance(child, str):
            parts.append(escape(child))
        else:
            parts.append(joined(*child))
    return Html("".join(parts))


def citation(reference: str) -> Html:
    """Return a reference in which DOI and arXiv number are links."""
    parts: list[str] = []
    end = 0
    for match in _ADDRESS.finditer(reference):
        doi, place, _, number = match.groups()
        address = f"https://doi.org/{place}" if doi else f"https://arxiv.org/abs/{number}"
        link = tag("a", match[0], href=address, rel="noreferrer")
        parts += [reference[end : match.start()], link]
        end = match.end()
    return joined(parts, reference[end:])
