"""API pages: one for each package of geomdl, with everything that its `__all__` names.

Pages are written into `docs/api/` before Sphinx reads its sources; nothing is listed by hand.
"""

import inspect
import pkgutil
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from plain_text import escape

import geomdl

HERE = Path(__file__).parents[1]


def packages() -> list[str]:
    """Names of the packages of geomdl, sorted."""
    return sorted(m.name for m in pkgutil.iter_modules(geomdl.__path__) if m.ispkg)


def directive(value: object) -> str:
    """Autodoc directive that documents a value."""
    if isinstance(value, ModuleType):
        return "automodule"
    if inspect.isclass(value):
        return "autoexception" if issubclass(value, BaseException) else "autoclass"
    return "autofunction" if callable(value) and hasattr(value, "__name__") else "autodata"


def table(rows: Iterable[tuple[str, object]]) -> list[str]:
    """Table of links and the first lines of what they lead to."""
    lines = [".. list-table::", "   :widths: 35 65", ""]
    for link, value in rows:
        documented = inspect.isroutine(value) or inspect.isclass(value) or inspect.ismodule(value)
        said = (inspect.getdoc(value) or "").splitlines() if documented else []
        lines += [f"   * - {link}", f"     - {escape(said[0])}" if said else "     -"]
    return [*lines, ""]


def page(package: str) -> str:
    """Source of the page of one package."""
    module = import_module(f"geomdl.{package}")
    title = f"geomdl.{package}"
    names = list(module.__all__)
    plain = [n for n in names if not isinstance(getattr(module, n), ModuleType)]
    lines = [title, "=" * len(title), "", f".. automodule:: {title}", "   :no-members:", ""]
    lines += [f".. currentmodule:: {title}", ""]
    if plain:
        lines += table((f":py:obj:`{n} <{title}.{n}>`", getattr(module, n)) for n in plain)
    for name in names:
        kind = directive(getattr(module, name))
        full = f"{title}.{name}" if kind == "automodule" else name
        lines += ["", name, "-" * len(name), "", f".. {kind}:: {full}"]
        if kind in {"autoclass", "autoexception", "automodule"}:
            lines += ["   :members:"]
        if kind == "automodule":
            lines += ["", f".. currentmodule:: {title}"]
    return "\n".join(lines) + "\n"


def front() -> str:
    """Source of the page of the top level: where each of its names lives."""
    title = "geomdl"
    lines = [title, "=" * len(title), "", ".. automodule:: geomdl", "   :no-members:", ""]
    rows = []
    for name in geomdl.__all__:
        value = getattr(geomdl, name)
        if isinstance(value, ModuleType):
            link = f":doc:`geomdl.{name} <{name}>`"
        else:
            home = geomdl._HOME_OF[name]
            link = f":py:obj:`geomdl.{name} <geomdl.{home}.{name}>`"
        rows.append((link, value))
    return "\n".join([*lines, *table(rows)]) + "\n"


def index() -> str:
    """Source of the list of all packages."""
    lines = ["API", "===", "", "What each package exports. Everything else is private.", ""]
    lines += [".. toctree::", "   :maxdepth: 1", "", "   geomdl"]
    return "\n".join([*lines, *(f"   {name}" for name in packages())]) + "\n"


def pages() -> dict[str, str]:
    """Path below `docs/` -> source, for all pages."""
    found = {"api/index.rst": index(), "api/geomdl.rst": front()}
    return found | {f"api/{name}.rst": page(name) for name in packages()}


def homes() -> dict[str, str]:
    """Name as it is defined, or alone -> name as it is documented."""
    found = {}
    for package in packages():
        module = import_module(f"geomdl.{package}")
        for name in module.__all__:
            value = getattr(module, name)
            public = f"geomdl.{package}.{name}"
            if not isinstance(value, ModuleType):
                found[f"{getattr(value, '__module__', '')}.{name}"] = public
                if name[0].isupper():  # not `list`, which is Python's
                    found.setdefault(name, public)
    return found


def write(app: Any) -> None:
    """Write the pages that changed."""
    for name, source in pages().items():
        path = HERE / name
        path.parent.mkdir(exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != source:
            path.write_text(source, encoding="utf-8")


def resolve(app: Any, env: Any, node: Any, content: Any) -> Any:
    """Link a type to the page that documents it, wherever it is defined."""
    if node.get("refdomain") != "py":
        return None
    public = homes().get(node["reftarget"])
    if public is None:
        return None
    domain = env.get_domain("py")
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", public, node, content)


def setup(app: Any) -> dict[str, bool]:
    """Hook into Sphinx."""
    app.connect("builder-inited", write)
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
