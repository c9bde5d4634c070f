"""Docstrings are plain text with formulas: a lone `*` is a product, and `|G|` an order."""

import re
from typing import Any

_CODE = re.compile(r"(``.+?``|`[^`]+`)")
_EMPHASIS = re.compile(r"(?<![\w*\\(\[{])(\*{1,2})(?=\S)[^*]*[^\s*\\]\1(?![\w*])")


def escape(line: str) -> str:
    r"""Escape what is no markup in a line, code and *emphasis* left alone.

    Example:
        >>> escape("|G| a * b, *exact*, `|G|`, (batch, *shape)")
        '\\|G\\| a \\* b, *exact*, `|G|`, (batch, \\*shape)'
    """
    parts = _CODE.split(line)
    return "".join(part if i % 2 else _prose(part) for i, part in enumerate(parts))


def _prose(text: str) -> str:
    text = text.replace("|", r"\|")
    kept = [m.span() for m in _EMPHASIS.finditer(text)]
    return "".join(
        rf"\{c}" if c == "*" and not any(a <= i < b for a, b in kept) else c
        for i, c in enumerate(text)
    )


def escape_lines(lines: list[str]) -> list[str]:
    r"""Escape prose; examples and literal blocks stay as they are.

    Example:
        >>> escape_lines(["|G|", ">>> a | b", "|", "", "|H|"])
        ['\\|G\\|', '>>> a | b', '|', '', '\\|H\\|']
    """
    found, example, literal = [], False, -1
    for line in lines:
        indent = len(line) - len(line.lstrip())
        example = bool(line.strip()) and (example or line.lstrip().startswith(">>>"))
        if literal >= 0 and line.strip() and indent <= literal:
            literal = -1
        verbatim = example or literal >= 0
        found.append(line if verbatim else escape(line))
        if not verbatim and line.rstrip().endswith("::"):
            literal = indent
    return found


def process(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Before napoleon sees them."""
    lines[:] = escape_lines(lines)


def setup(app: Any) -> dict[str, bool]:
    """Hook into autodoc."""
    app.connect("autodoc-process-docstring", process, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
