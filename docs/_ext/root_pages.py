"""Pages whose text is a file of the repository's root: `<!-- root: CHANGELOG.md -->`."""

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
_MARK = re.compile(r"^<!-- root: ([\w/]+\.md) -->$", re.MULTILINE)
_LINK = re.compile(r"\]\(([A-Z]+)\.md\)")
_IMAGE = re.compile(r"(!\[[^\]]*\]\()(?!http)")


def text(name: str) -> str:
    """The file, its links to other such files leading to their pages, its pictures found."""
    source = (ROOT / name).read_text(encoding="utf-8")
    folder = (Path("..") / name).parent.as_posix()
    source = _IMAGE.sub(lambda m: f"{m[1]}{folder}/", source)  # relative to the file, as everywhere
    return _LINK.sub(lambda m: f"]({m[1].lower()}.md)", source)


def fill(app: Any, docname: str, source: list[str]) -> None:
    """Put the file in the place of its mark."""
    for name in _MARK.findall(source[0]):
        app.env.note_dependency(str(ROOT / name))
    source[0] = _MARK.sub(lambda m: text(m[1]), source[0])


def setup(app: Any) -> dict[str, bool]:
    """Hook into Sphinx."""
    app.connect("source-read", fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
