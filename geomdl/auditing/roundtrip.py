"""Act and act back: what resampling alone loses, to be read beside an equivariance error."""

from typing import Any

from torch import Tensor

from geomdl.auditing.statistics import rms
from geomdl.fields import Field, Grid


def roundtrip(field: Field, g: Any, x: Tensor) -> float:
    """Relative change of a tensor that is acted on by g and by its inverse.

    ‖g⁻¹(g x) − x‖ / ‖x − mean x‖ over the pixels where the action can be trusted (`Field.mask`),
    the mean being taken channel by channel. A reference for the error of a network at g, and no
    bound: a network may blur what the interpolation gets wrong, or sharpen it.

    Args:
        field: type of the tensor.
        g: one element.
        x: the tensor.

    Returns:
        0 where the action is exact; also for a tensor that is constant there.

    Example:
        >>> import geomdl, torch
        >>> C8 = geomdl.group("C8")
        >>> field = geomdl.Field(geomdl.Grid(2), C8.trivial)
        >>> x = torch.zeros(1, 1, 9, 9)
        >>> x[..., 4, 4] = 1
        >>> roundtrip(field, torch.tensor(2), x)
        0.0
        >>> roundtrip(field, torch.tensor(1), x) > 0.1
        True
    """
    if not isinstance(field.domain, Grid) or field.exact(g, x):
        return 0.0
    mask = field.mask(x)
    inside = x * mask
    there = field.act(g, inside)
    back = field.act(field.group.inverse(g), there)
    values = inside[..., mask]
    centred = values - values.mean((0, -1), keepdim=True)
    spread = rms(centred)
    return rms((back - inside)[..., mask]) / spread if spread else 0.0
