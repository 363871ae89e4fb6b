"""HTML that users write: made harmless, and as plain text. The door to nh3. Pure."""

import re
from html.parser import HTMLParser

import nh3

# Mail is laid out by tables and inline styles; everything that could act is left out.
_STYLES = {
    *("background-color", "border", "border-collapse", "border-radius", "color"),
    *("display", "font-family", "font-size", "font-style", "font-weight", "height"),
    *("letter-spacing", "line-height", "margin", "margin-bottom", "margin-left"),
    *("margin-right", "margin-top", "max-width", "padding", "padding-bottom"),
    *("padding-left", "padding-right", "padding-top", "text-align"),
    *("text-decoration", "vertical-align", "width"),
}
_ATTRIBUTES = {
    **nh3.ALLOWED_ATTRIBUTES,
    "*": nh3.ALLOWED_ATTRIBUTES.get("*", set()) | {"style", "align"},
}
_SCHEMES = {"http", "https", "mailto", "tel"}

_NEW_LINE = {"br", "tr", "li", "dt", "dd"}
_NEW_PARAGRAPH = {"p", "div", "table", "ul", "ol", "dl", "blockquote", "pre", "hr"} | {
    f"h{level}" for level in range(1, 7)
}
_NOT_SHOWN = {"head", "script", "style", "title"}


def clean(markup: str) -> str:
    """The same HTML without scripts, forms, handlers and foreign objects."""
    return nh3.clean(
        markup,
        attributes=_ATTRIBUTES,
        url_schemes=_SCHEMES,
        filter_style_properties=_STYLES,
        clean_content_tags={"script", "style", "title"},
        link_rel=None,
    )


def has_far_pictures(markup: str) -> bool:
    """Whether a picture in it lies on a host. `markup` is clean."""
    return re.search(r"<img [^>]*src=.https?:", markup) is not None


def text_of(markup: str) -> str:
    """What a reader without HTML should read: paragraphs, and links in brackets."""
    reader = _TextReader()
    reader.feed(markup)
    reader.close()
    text = "".join(reader.pieces)
    text = re.sub(r"[ \t]*\n[ \t]*", "\n", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


class _TextReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._hidden = 0
        self._link = ""
        self._linked_from = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._break(tag)
        if tag in _NOT_SHOWN:
            self._hidden += 1
        elif tag == "li":
            self.pieces.append("- ")
        elif tag == "a":
            self._link = dict(attrs).get("href") or ""
            self._linked_from = len(self.pieces)

    def handle_endtag(self, tag: str) -> None:
        if tag in _NOT_SHOWN:
            self._hidden = max(0, self._hidden - 1)
        elif tag == "a":
            self._end_link()
        elif tag not in _NEW_LINE:
            self._break(tag)

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.pieces.append(re.sub(r"\s+", " ", data))

    def _break(self, tag: str) -> None:
        if tag in _NEW_PARAGRAPH:
            self.pieces.append("\n\n")
        elif tag in _NEW_LINE:
            self.pieces.append("\n")

    def _end_link(self) -> None:
        shown = "".join(self.pieces[self._linked_from :]).strip()
        if self._link and self._link.removeprefix("mailto:") != shown:
            self.pieces.append(f" ({self._link})")
        self._link = ""
