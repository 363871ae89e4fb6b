"""
The icons that our pages use, cut out of Bootstrap Icons: of 134 kB about 8 are left.

    python -m tests.support.icons

makes static/icons/ anew, after a page has begun to use another one.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
WHOLE = ROOT / "static" / "vendor" / "bootstrap-icons"
OURS = ROOT / "static" / "icons"
_RULE = re.compile(r'\.bi-([a-z0-9-]+)::before\{content:"\\([0-9a-f]+)"\}')
_SOURCES = {".py", ".html", ".js"}
_FOLDERS = ("mailsvc", "users", "mailings", "reports", "templates", "static/js")


def known(css: Path = WHOLE / "bootstrap-icons.min.css") -> dict[str, str]:
    """The name of each icon -> its code."""
    return dict(_RULE.findall(css.read_text()))


def used() -> list[str]:
    """Of the names, those that a template has in full or Python as a word."""
    names = known()
    return sorted({word for text in _texts() for word in _words(text)} & set(names))


def _texts() -> Iterator[str]:
    for folder in _FOLDERS:
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in _SOURCES:
                yield path.read_text()


def _words(text: str) -> Iterator[str]:
    yield from re.findall(r"\bbi-([a-z0-9-]+)", text)
    yield from re.findall(r"""["']([a-z0-9-]+)["']""", text)


def main() -> None:
    from fontTools import subset  # noqa: PLC0415 - only who makes them needs it

    names, wanted = known(), used()
    OURS.mkdir(exist_ok=True)
    options = subset.Options(flavor="woff2", layout_features=[], notdef_outline=True)
    font = subset.load_font(str(WHOLE / "fonts" / "bootstrap-icons.woff2"), options)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=[int(names[name], 16) for name in wanted])
    cutter.subset(font)
    subset.save_font(font, str(OURS / "icons.woff2"), options)
    whole = (WHOLE / "bootstrap-icons.min.css").read_text()
    head = whole[: _RULE.search(whole).start()]  # type: ignore[union-attr]
    head = re.sub(
        r"src:url.*?\}", 'src:url("icons.woff2") format("woff2")}', head, count=1
    )
    rules = [f'.bi-{name}::before{{content:"\\{names[name]}"}}' for name in wanted]
    (OURS / "icons.css").write_text("\n".join([head, *rules, ""]))
    size = (OURS / "icons.woff2").stat().st_size
    sys.stdout.write(f"{len(wanted)} icons, {size} bytes\n")


if __name__ == "__main__":
    main()
