"""Other libraries to measure beside ours, where they are installed and asked for."""

import importlib.util
from importlib.metadata import version

from geomdl.bench.registry import Context


def find_peer(context: Context, name: str) -> tuple[bool, str]:
    """Whether to measure a library beside ours, and what the settings of a run say of it.

    Args:
        context: of the run.
        name: of the library, as it is imported and as it is distributed.

    Example:
        >>> find_peer(Context(), "escnn")
        (False, 'not asked for')
    """
    if not context.peers:
        return False, "not asked for"
    if importlib.util.find_spec(name) is None:
        return False, f"{name} is not installed"
    return True, f"{name} {version(name)}"
