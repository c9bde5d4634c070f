"""Local errors of an object by its name, with inputs made up: what `geomdl audit --lie` does."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch

from geomdl.auditing.analytic import Analytic, analytic_inputs
from geomdl.auditing.curves import names
from geomdl.auditing.lie import lie_derivative
from geomdl.auditing.lie_result import LieDerivative
from geomdl.auditing.made_up import SIZES, cannot_run, split_batch
from geomdl.auditing.objects import Load, made, typed_object
from geomdl.auditing.orbit import OrbitError, orbit_error
from geomdl.auditing.prepare import Randomize, owner
from geomdl.auditing.trees import is_type
from geomdl.fields import Field, Grid, fields_of
from geomdl.fields.motion import periods
from geomdl.groups import Group
from geomdl.groups import group as group_by_name


class LocalErrors(NamedTuple):
    """What was found: the Lie derivative, and errors along orbits of images."""

    lie: LieDerivative
    orbits: tuple[OrbitError, ...]

    @property
    def error(self) -> float:
        """Largest error a unit of t."""
        return self.lie.error


def lie_object(
    spec: str | Callable[..., Any],
    action: Sequence[str] | None = None,
    group: str | Group | None = None,
    shape: Sequence[int] | None = None,
    *,
    load: Load = None,
    seed: int = 0,
    randomize: Randomize = False,
    dtype: torch.dtype = torch.float64,
    progress: bool | None = None,
) -> LocalErrors:
    """Measure local errors, layer by layer, of what a text names.

    Under a Lie group, and without `action`, along its Lie algebra, inputs and types being those of
    `audit_object`. Else along actions on images, by default all of them; under the shifts of a
    periodic grid ("Z28x28") along those, and the images close up. Images are sums of bumps, which
    warps read well; errors along shifts, and around the clock, come beside.

    Args:
        spec: see `audit_object`.
        action: names of actions on images, see `lie_derivative`.
        group: see above.
        shape: of one input, (channels, *spatial), the size of the batch before it or not.
        load: see `audit_object`, and so are seed, randomize, dtype and progress.
        seed: see load.
        randomize: see load.
        dtype: see load.
        progress: see load.

    Raises:
        ValueError: the object, the action, the group and the shape do not fit each other.
    """
    f = made(spec, load, seed)
    wanted = group_by_name(group) if isinstance(group, str) else group
    options: dict[str, Any] = {"dtype": dtype, "seed": seed, "progress": progress}
    layered = owner(f) is not None
    try:
        if action is None and wanted is not None and wanted.lie_dim:
            _, source, target, inputs = typed_object(f, wanted, shape, seed, dtype)
            plain = [x.tensor if isinstance(x, Analytic) else x for x in inputs]
            found = lie_derivative(
                f, *plain, group=wanted, source=source, target=target, per_layer=layered,
                randomize=randomize, **options,
            )  # fmt: skip
            return LocalErrors(found, ())
        periodic = wanted is not None and periods(wanted) is not None
        x = _images(f, wanted, shape, seed, periodic)
        every = names(x.ndim - 2)
        chosen = list(action or (every if not periodic else ["translation"]))
        options["periodic"] = periodic
        found = lie_derivative(
            f, x, action=chosen, per_layer=layered, randomize=randomize, **options
        )
        along = [row.name for row in found.rows if row.name in ("translation_x", "rotation")]
        orbits = [
            orbit_error(f, x, action=name, per_layer=layered and name != "rotation", **options)
            for name in along
        ]
    except (ValueError, TypeError):
        raise
    except Exception as error:
        raise ValueError(cannot_run(error)) from error
    return LocalErrors(found, tuple(orbits))


def _images(
    f: Any, group: Group | None, shape: Sequence[int] | None, seed: int, periodic: bool
) -> torch.Tensor:
    """Random images of a shape, or of the Grid that the object declares."""
    source = getattr(f, "source", None)
    fields = fields_of(source) if is_type(source) else []
    grids = [(f.domain.d, f.rep.dim) for f in fields if isinstance(f.domain, Grid)]
    if shape is None:
        if not grids:
            raise ValueError("shape: the object declares no images, give the shape of one input")
        d, channels = grids[0]
        usual = (periods(group) if group is not None else None) or (SIZES.get(d, 6),) * d
        shape = [channels, *usual]
    batch, one = split_batch(shape, len(shape) - 2 if len(shape) > 3 else None)
    one = list(one or ())
    if not 2 <= len(one) <= 4:
        raise ValueError(f"shape: expected (channels, *spatial) of an image, got {tuple(shape)}")
    d = len(one) - 1
    field = Field(Grid(d, periodic), one[0] * group_by_name(f"R{d}").trivial)
    rng = torch.Generator().manual_seed(seed)
    return analytic_inputs(field, one[1:], rng, batch=batch).tensor
