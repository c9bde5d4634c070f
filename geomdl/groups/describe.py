"""Short names of elements, for certificates and plots."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from geomdl.groups.group import Group


def describe(group: Group, g: Any) -> str:
    """Name of one element: a power of the rotation, a permutation's cycles, an angle and axis."""
    from geomdl.groups.planar import Cyclic, Dihedral
    from geomdl.groups.symmetric import Symmetric
    from geomdl.groups.translations import PeriodicTranslations, Translations

    if isinstance(group, Cyclic):
        return _rotation(360 * int(g) / group.n)
    if isinstance(group, Dihedral):
        name = _rotation(360 * int(g[0]) / group.n)
        return name if not int(g[1]) else "flip" if name == "1" else f"{name}·flip"
    if isinstance(group, Symmetric):
        return _cycles(g.tolist())
    if isinstance(group, PeriodicTranslations):
        return "shift(" + ", ".join(str(int(t)) for t in g) + ")"
    if isinstance(group, Translations):
        return "shift(" + ", ".join(f"{t:.3g}" for t in g.tolist()) + ")"
    return _matrix(group.standard_matrix(g))


def _rotation(degrees: float) -> str:
    return "1" if degrees % 360 == 0 else f"{degrees % 360:.4g}°"


def _cycles(images: list[int]) -> str:
    seen: set[int] = set()
    out = ""
    for start in range(len(images)):
        cycle, i = [], start
        while i not in seen:
            seen.add(i)
            cycle.append(i)
            i = images[i]
        if len(cycle) > 1:
            out += "(" + " ".join(map(str, cycle)) + ")"
    return out or "1"


def _matrix(m: Tensor) -> str:
    n = m.shape[-1]
    if torch.allclose(m, torch.eye(n, dtype=m.dtype, device=m.device), atol=1e-9):
        return "1"
    if n == 2 and torch.allclose(m @ m.T, torch.eye(2, dtype=m.dtype), atol=1e-6):
        det = float(torch.linalg.det(m))
        angle = math.degrees(math.atan2(float(m[1, 0]) * det, float(m[0, 0]) * det))
        name = _rotation(round(angle, 6))
        return name if det > 0 else "flip" if name == "1" else f"{name}·flip"
    if n == 3 and torch.allclose(m @ m.T, torch.eye(3, dtype=m.dtype), atol=1e-6):
        return _space(m)
    return "[" + "; ".join(" ".join(f"{x:.3g}" for x in row) for row in m.tolist()) + "]"


def _space(m: Tensor) -> str:
    det = float(torch.linalg.det(m))
    turn = m * (1 if det > 0 else -1)
    cosine = min(1.0, max(-1.0, (float(turn.diagonal().sum()) - 1) / 2))
    values, vectors = torch.linalg.eigh((turn + turn.T) / 2)
    axis = vectors[:, int(values.argmax())]
    skew = torch.stack([turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]])
    angle = math.degrees(math.acos(cosine))
    if float(skew @ axis) < 0:
        axis = -axis
    name = f"{angle:.4g}° about ({', '.join(f'{x + 0.0:.2g}' for x in axis.tolist())})"
    if angle < 1e-6:
        return "1" if det > 0 else "inversion"
    return name if det > 0 else f"inversion·{name}"
