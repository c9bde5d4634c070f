"""`relaxed`: an equivariant layer or network that may depart from its symmetry."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from geomdl import groups, linear, steerable
from geomdl.fields import Field, Vector
from geomdl.registry import Example, register_layer
from geomdl.symmetrization.relaxed_conv import RelaxedConv
from geomdl.symmetrization.relaxed_departure import departure
from geomdl.symmetrization.relaxed_layer import BROKEN, Relaxed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LAYERS: tuple[type[nn.Module], ...] = (steerable.Conv, steerable.Linear, linear.Linear)


def relaxed(
    module: nn.Module,
    *,
    free: nn.Module | None = None,
    layers: tuple[type[nn.Module], ...] = LAYERS,
) -> nn.Module:
    """Give an equivariant layer, or every linear layer of a network, a free path beside it.

    y = strict(x) + free(x), with free = 0 at the start: the result computes what `module` does
    until it is trained. Layers that are shared stay so, with one free path. See `Relaxed`;
    `penalty` and `departures` measure what training makes of it, and `RelaxedConv` is the other
    way, filters that depend on the element.

    Args:
        module: a layer or network; it is copied.
        free: for a layer, or a network taken as a whole, its free path: any module of the same
            inputs and outputs.
        layers: classes of the layers of a network that are relaxed.

    Returns:
        `Relaxed`, or a copy of the network in which the layers are.

    Raises:
        TypeError: it is no module, or the layers are no classes.
        ValueError: it has no such layer, and no free path is given; a single layer for which no
            free path is known.

    Example:
        >>> import geomdl
        >>> D4 = geomdl.group("D4")
        >>> a, b = (
        ...     geomdl.Field(geomdl.Vector(), D4.regular),
        ...     geomdl.Field(geomdl.Vector(), D4.trivial),
        ... )
        >>> net = nn.Sequential(steerable.Linear(a, a), nn.ReLU(), steerable.Linear(a, b))
        >>> free = relaxed(net)
        >>> x = torch.randn(4, 8)
        >>> torch.equal(free(x), net(x)), [name for name in departures(free, x)]
        (True, ['0', '2'])

    Source: Finzi, Benton and Wilson 2021, arXiv:2112.01388.
    """
    if not isinstance(module, nn.Module):
        raise TypeError(f"module: expected an nn.Module, got {type(module).__name__}")
    if not isinstance(layers, tuple) or not all(isinstance(layer, type) for layer in layers):
        raise TypeError(f"layers: expected a tuple of classes, got {layers!r}")
    if free is not None or isinstance(module, layers) or not len(list(module.children())):
        return Relaxed(deepcopy(module), free)
    every = dict(module.named_modules(remove_duplicate=False))
    done = tuple(f"{name}." for name, child in every.items() if isinstance(child, Relaxed))
    inner = [
        name
        for name, child in every.items()
        if isinstance(child, layers) and not name.startswith(done)
    ]
    if not inner:
        names = ", ".join(sorted({layer.__name__ for layer in layers}))
        raise ValueError(
            f"module: expected a network with layers to relax ({names}), or free, got none in"
            f" {type(module).__name__}"
        )
    return relaxed_network(module, inner)


def _example() -> nn.Module:
    D4 = groups.group("D4")
    a, b = Field(Vector(), D4.regular), Field(Vector(), D4.standard)
    return relaxed(linear.EMLP(a, b, D4, 8, layers=1, products=8))


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(3, 8, generator=rng, dtype=torch.float64),)


@register_layer(
    "symmetrization/relaxed", example=Example(_example, _inputs, refuses={"equivariance": BROKEN})
)
def relaxed_network(module: nn.Module, layers: Sequence[str]) -> nn.Module:
    """Copy of a network in which the layers of these names are `Relaxed`, as `relaxed` makes it.

    Args:
        module: the network.
        layers: names of the layers, all those of one that is shared.

    Raises:
        ValueError: it has no layer of such a name.
    """
    module = deepcopy(module)
    modules = dict(module.named_modules(remove_duplicate=False))
    for name in layers:
        if name not in modules or not name:
            raise ValueError(f"layers: expected names of layers, got {name!r}")
    paths = {modules[name]: Relaxed(modules[name]) for name in layers}
    for name in layers:
        module.set_submodule(name, paths[modules[name]])
    return module


def departures(
    model: nn.Module, *inputs: Any, n: int = 2, rng: torch.Generator | None = None
) -> dict[str, Tensor]:
    """Departure of each relaxed layer of a network, at what it gets when the network is given x.

    Each layer is measured alone, its inputs held fixed: see `departure`. One that is called several
    times is measured at its last inputs. Running statistics stay as they are.

    Args:
        model: a network with `Relaxed` layers or `RelaxedConv` in it, or one of them.
        inputs: its arguments.
        n: elements for each layer.
        rng: what they are drawn from; by default a generator seeded with 0.

    Returns:
        by name of the layer, "" for the model itself; in order of the modules.

    Raises:
        ValueError: there is no relaxed layer, or one that is not called.
    """
    rng = torch.Generator().manual_seed(0) if rng is None else rng
    found = relaxed_layers(model)
    with statistics_kept(model):
        taken = _inputs_of(found, model, inputs)
        return {name: departure(m, *taken[m], n=n, rng=rng) for name, m in found.items()}


def relaxed_layers(model: nn.Module) -> dict[str, Relaxed | RelaxedConv]:
    """Relaxed layers by name, in order of the modules.

    Raises:
        ValueError: there is none.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model: expected an nn.Module, got {type(model).__name__}")
    found = {k: m for k, m in model.named_modules() if isinstance(m, (Relaxed, RelaxedConv))}
    if not found:
        raise ValueError(f"model: expected relaxed layers, got none in {type(model).__name__}")
    return found


@contextmanager
def statistics_kept(model: nn.Module) -> Iterator[None]:
    """Lay the running statistics of normalizations aside, and put them back."""
    kept = [
        (m, name, buffer)
        for m in model.modules()
        if m.training and getattr(m, "running_var", None) is not None
        for name, buffer in m.named_buffers(recurse=False)
    ]
    for m, name, buffer in kept:
        setattr(m, name, buffer.clone())
    try:
        yield
    finally:
        for m, name, buffer in kept:
            setattr(m, name, buffer)


def _inputs_of(
    found: Mapping[str, nn.Module], model: nn.Module, inputs: tuple[Any, ...]
) -> dict[nn.Module, tuple[Any, ...]]:
    """What some layers get when the network is given its inputs."""
    taken: dict[nn.Module, tuple[Any, ...]] = {}

    def keep(layer: nn.Module, args: tuple[Any, ...]) -> None:
        taken[layer] = tuple(a.detach() if isinstance(a, Tensor) else a for a in args)

    handles = [layer.register_forward_pre_hook(keep) for layer in found.values()]
    try:
        with torch.no_grad():
            model(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    missing = [name for name, layer in found.items() if layer not in taken]
    if missing:
        raise ValueError(
            f"model: expected every relaxed layer to be called, got none at {missing[0]}"
        )
    return taken


def penalty(
    model: nn.Module, *inputs: Any, n: int = 2, rng: torch.Generator | None = None
) -> Tensor:
    """Sum of the squared departures of the relaxed layers, to be added to a loss.

    In a loop of your own; `penalized` makes a loss of it for `geomdl.training.fit`.

    Args:
        model: see `departures`.
        inputs: its arguments.
        n: elements for each layer.
        rng: what they are drawn from: give one, so that elements change from step to step.
    """
    return torch.stack(
        [d.square() for d in departures(model, *inputs, n=n, rng=rng).values()]
    ).sum()


def plot_departures(
    model: nn.Module, *inputs: Any, n: int = 16, path: str | Path | None = None
) -> "Figure":
    """Draw the departure of each relaxed layer: how much of the symmetry the data did not ask for.

    Args:
        model: see `departures`.
        inputs: its arguments.
        n: elements for each layer.
        path: file to write as well; its ending names the format.

    Returns:
        the matplotlib figure, not shown.
    """
    from geomdl.symmetrization.relaxed_plot import plot

    with torch.no_grad():
        found = departures(model, *inputs, n=n)
    return plot({name or type(model).__name__: float(d) for name, d in found.items()}, path)
