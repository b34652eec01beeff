"""Read a page as a reader does: elements by attribute, with their text."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset({"br", "hr", "img", "input", "link", "meta"})


@dataclass
class Element:
    """One element; ``text`` is that of all it holds, with single blanks."""

    tag: str
    attributes: dict[str, str]
    parts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join("".join(self.parts).split())

    def __contains__(self, name: str) -> bool:
        return name in self.attributes

    def __getitem__(self, name: str) -> str:
        return self.attributes[name]


class Document(HTMLParser):
    """A parsed page or fragment."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.source = text
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop().tag != tag:
            pass

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.parts.append(data)

    def all(self, tag: str = "", **attributes: str) -> list[Element]:
        """Every element with these attributes; a ``_`` in a name stands for ``-``."""
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        return [
            element
            for element in self.elements
            if tag in ("", element.tag)
            and all(element.attributes.get(name) == value for name, value in wanted.items())
        ]

    def one(self, tag: str = "", **attributes: str) -> Element:
        """The only element with these attributes."""
        found = self.all(tag, **attributes)
        assert len(found) == 1, f"{len(found)} of {tag} {attributes} in:\n{self.source}"
        return found[0]

    def has(self, attribute: str) -> list[Element]:
        """Every element that has ``attribute`` at all."""
        return [element for element in self.elements if attribute in element]

    def field(self, name: str) -> Element:
        """The input or list of that name which a person sees."""
        return self.one(id=f"pe-{name}")

    def chosen(self, name: str) -> str:
        """The value of the chosen option of a list."""
        start = self.elements.index(self.field(name))
        options = [each for each in self.elements[start:] if each.tag == "option"]
        return next(each["value"] for each in options if "selected" in each)

    @property
    def text(self) -> str:
        """What stands on the page."""
        return self.one("main").text
