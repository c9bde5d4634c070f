"""Norms of the linear maps that a network is a chain of."""

import copy
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from geomdl.generalization.bounds.checks import check_finite, check_model, check_rng
from geomdl.generalization.bounds.convolution import conv_operator_norm
from geomdl.training.linear_maps import OperatorNorm, dense, is_affine, operator_norm
from geomdl.translation import Conv

DENSE_LIMIT = 2**25  # numbers of a matrix: 256 MB


@dataclass(frozen=True)
class LayerNorms:
    """Norms of one linear layer A as a map of whole inputs: of a convolution, its whole matrix.

    Attributes:
        name: path of the module.
        spectral: ‖A‖, its operator norm.
        frobenius: ‖A‖_F.
        two_one: ‖Aᵀ‖_{2,1}, the sum over outputs of the norms of their weights.
        distance: ‖A - A₀‖_F from the reference.
        two_one_distance: ‖(A - A₀)ᵀ‖_{2,1}.
        parameters: that can be trained.
        passed_by: whether a path from the input to the output leads around this layer, as a skip
            does: then no product of norms bounds the network.
    """

    name: str
    spectral: OperatorNorm
    frobenius: float
    two_one: float
    distance: float
    two_one_distance: float
    parameters: int
    passed_by: bool = False


def linear_layers(model: nn.Module, x: Tensor) -> dict[str, tuple[nn.Module, tuple[int, ...]]]:
    """The linear layers that an input meets, in order, with the shape of one sample at each.

    A module with parameters that is affine in its one tensor, as it answers at two random points,
    is a layer (batch norm in evaluation mode is); what is not is opened, and refused if there is
    nothing inside. Modules without parameters are passed over: sums and means of at most norm 1
    and nonlinearities with slopes of at most 1, as the product of norms asks for.

    Args:
        model: of any modules; each layer is called once.
        x: a sample or more, shape (samples, ...).

    Returns:
        name -> (module, shape of its input for one sample).

    Raises:
        ValueError: a module with parameters that is neither affine nor made of such, or is called
            twice or never.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3))
        >>> {k: shape for k, (_, shape) in linear_layers(model, torch.zeros(1, 1, 4, 4)).items()}
        {'0': (1, 1, 4, 4), '3': (1, 8)}
    """
    check_model(model)
    check_finite("x", x)
    inputs: dict[str, list[tuple[int, ...]]] = {}
    order: list[str] = []

    def watch(name: str) -> object:
        def hook(module: nn.Module, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
            if len(args) == 1 and not kwargs and isinstance(args[0], Tensor):
                inputs.setdefault(name, []).append((1, *args[0].shape[1:]))
            else:
                inputs.setdefault(name, []).append(())
            order.append(name)

        return hook

    named = {n: m for n, m in model.named_modules() if any(True for _ in m.parameters())}
    handles = [m.register_forward_pre_hook(watch(n), with_kwargs=True) for n, m in named.items()]
    try:
        with torch.no_grad():
            model(x[:2])
    finally:
        for handle in handles:
            handle.remove()

    found: dict[str, tuple[nn.Module, tuple[int, ...]]] = {}

    def visit(name: str, module: nn.Module) -> None:
        dtype = next(module.parameters()).dtype
        calls = inputs.get(name, [])
        chain = isinstance(module, nn.Sequential | nn.ModuleList | nn.ModuleDict)
        if not chain and calls and calls[0] and is_affine(module, calls[0], dtype):
            if len(calls) > 1:
                raise ValueError(
                    f"model: expected one call of each layer, got {len(calls)} of {name!r}"
                )
            found[name] = (module, calls[0])
            return
        inside = [
            (f"{name}.{n}".lstrip("."), m) for n, m in module.named_children() if _has_parameters(m)
        ]
        own = [n for n, _ in module.named_parameters(recurse=False)]
        if own or not inside:
            what = "is never called" if not calls else "is not affine"
            raise ValueError(
                f"model: expected parameters in affine layers, got {name or 'model'!r}"
                f" ({type(module).__name__}), which {what}"
            )
        for path, child in inside:
            visit(path, child)

    if named:
        visit("", model)
    if not found:
        raise ValueError(f"model: expected linear layers, got none in {type(model).__name__}")
    return dict(sorted(found.items(), key=lambda item: order.index(item[0])))


def layer_norms(
    model: nn.Module, x: Tensor, initial: nn.Module | None = None, *, rng: torch.Generator
) -> list[LayerNorms]:
    r"""Norms of every linear layer, convolutions with their true operator norm.

    A convolution's matrix has a row for each output and pixel. Its Frobenius and (2,1) norms are
    *exact*: row norms are a convolution of the squared kernel with ones. Linear layers, and
    convolutions with circular padding, have exact spectral norms, others Lanczos' with its error.
    Layers of any other class (steerable, relaxed) become a matrix through autograd, up to 2²⁵
    numbers; `geomdl.steerable.to_plain` makes convolutions of steerable ones. Biases do not count.
    Everything in float64.

    Args:
        model: see `linear_layers`.
        x: a sample or more, for the shapes.
        initial: the same network with reference weights, such as the first ones; zero if None.
        rng: source of first vectors.

    Returns:
        One entry a layer, in order of calls.

    Raises:
        ValueError: see `linear_layers`; or `initial` is another network.

    Example:
        >>> model = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1))
        >>> [layer.name for layer in layer_norms(model, torch.ones(1, 3), rng=torch.Generator())]
        ['0', '2']
    """
    check_rng(rng)
    model = copy.deepcopy(model).double()
    layers = linear_layers(model, x.double())
    reference: dict[str, nn.Module] = {}
    if initial is not None:
        check_model(initial, "initial")
        initial = copy.deepcopy(initial).double()
        first = {name: p.shape for name, p in initial.named_parameters()}
        if first != {name: p.shape for name, p in model.named_parameters()}:
            raise ValueError("initial: expected the weights of model by name, got others")
        reference = dict(initial.named_modules())
    around = _ways_around(model, x[:1].double(), layers)
    found = []
    with torch.no_grad():
        for name, (module, shape) in layers.items():
            rows = _row_norms(module, None, shape)
            moved = rows if initial is None else _row_norms(module, reference[name], shape)
            found.append(
                LayerNorms(
                    name=name,
                    spectral=_spectral(module, shape, rng),
                    frobenius=float(rows.norm()),
                    two_one=float(rows.sum()),
                    distance=float(moved.norm()),
                    two_one_distance=float(moved.sum()),
                    parameters=sum(p.numel() for p in module.parameters()),
                    passed_by=name in around,
                )
            )
    return found


def _ways_around(model: nn.Module, x: Tensor, layers: Iterable[str]) -> set[str]:
    """Layers without whose output, cut from the graph, the network still depends on its input."""
    model = copy.deepcopy(model).requires_grad_(False)
    modules, found = dict(model.named_modules()), set()
    with torch.enable_grad():
        for name in layers:
            handle = modules[name].register_forward_hook(lambda _, args, out: out.detach())
            out = model(x.detach().requires_grad_() + 0)  # no leaf, which might not be changed
            handle.remove()
            if isinstance(out, Tensor) and out.requires_grad:
                found.add(name)
    return found


def _has_parameters(module: nn.Module) -> bool:
    return any(True for _ in module.parameters())


def _spectral(module: nn.Module, shape: tuple[int, ...], rng: torch.Generator) -> OperatorNorm:
    if _kind(module) is nn.Linear:
        return OperatorNorm(float(torch.linalg.matrix_norm(module.weight, ord=2)), 0.0, 0)
    if isinstance(module, nn.modules.batchnorm._BatchNorm):
        return OperatorNorm(float(_scales(module).abs().max()), 0.0, 0)
    how = _convolution(module)
    if how is not None:
        return conv_operator_norm(_weight(module), shape[2:], rng=rng, **how)
    return operator_norm(module, shape, rng=rng)


def _kind(module: nn.Module) -> type[nn.Module]:
    """Its class, of a parametrised module the one without: its attribute is the weight it uses."""
    kind = type(module)
    return kind.__bases__[0] if parametrize.is_parametrized(module) else kind


def _convolution(module: nn.Module) -> dict[str, Any] | None:
    """How a plain convolution moves its window; None for what is none."""
    if _kind(module) in (nn.Conv1d, nn.Conv2d, nn.Conv3d):  # a subclass may use other weights
        if isinstance(module.padding, str) or module.padding_mode not in ("zeros", "circular"):
            return None
        keys = ("stride", "padding", "dilation", "groups", "padding_mode")
        return {key: getattr(module, key) for key in keys}
    if type(module) is Conv and module.kernel_size % 2:
        half = module.kernel_size // 2
        return {"stride": module.stride, "padding": half, "padding_mode": module.padding}
    return None


def _row_norms(module: nn.Module, reference: nn.Module | None, shape: tuple[int, ...]) -> Tensor:
    """Norms of the rows of A - A₀, one for each output."""
    norm = isinstance(module, nn.modules.batchnorm._BatchNorm)
    how = _convolution(module)
    if norm:
        moved = _scales(module) if reference is None else _scales(module) - _scales(reference)
        scales: Tensor = moved.abs().repeat_interleave(math.prod(shape[2:]))
        return scales
    if not (_kind(module) is nn.Linear or how is not None):
        return _dense_rows(module, reference, shape)
    moved = _weight(module) if reference is None else _weight(module) - _weight(reference)
    if how is None:
        norms: Tensor = torch.linalg.vector_norm(moved, dim=1)
        return norms.repeat(math.prod(shape[:-1]))
    span = (how.get("dilation", 1), moved.shape[2:])
    if how["padding_mode"] == "circular" and _wraps(*span, shape[2:]):
        return _dense_rows(module, reference, shape)
    around = how.pop("padding_mode") == "circular"
    if around:  # ones, where it wraps too
        pads = how.pop("padding")
        pads = [pads] * len(shape[2:]) if isinstance(pads, int) else pads
        shape = (*shape[:2], *(n + 2 * p for n, p in zip(shape[2:], pads, strict=True)))
    conv = (F.conv1d, F.conv2d, F.conv3d)[len(shape) - 3]
    out: Tensor = conv(torch.ones(shape, dtype=torch.float64), moved.square(), **how)
    return out.reshape(-1).clamp_min(0).sqrt()


def _weight(module: nn.Module) -> Tensor:
    weight = module.weight
    assert isinstance(weight, Tensor)
    return weight.detach()


def _scales(module: nn.Module) -> Tensor:
    """Diagonal of batch norm in evaluation mode, one entry a channel."""
    assert isinstance(module, nn.modules.batchnorm._BatchNorm)
    if module.running_var is None:
        raise ValueError("model: expected batch norm with running statistics, got one without")
    scale = (module.running_var + module.eps).rsqrt()
    return scale if module.weight is None else scale * module.weight.detach()


def _wraps(dilation: int | Sequence[int], kernel: Sequence[int], sizes: Sequence[int]) -> bool:
    """Whether two taps of a window may meet the same pixel around the ends."""
    holes = [dilation] * len(kernel) if isinstance(dilation, int) else dilation
    return any(h * (k - 1) >= n for h, k, n in zip(holes, kernel, sizes, strict=True))


def _dense_rows(module: nn.Module, reference: nn.Module | None, shape: tuple[int, ...]) -> Tensor:
    size = module(torch.zeros(shape, dtype=torch.float64)).numel() * math.prod(shape)
    if size > DENSE_LIMIT:
        raise ValueError(
            f"model: expected {type(module).__name__} as a matrix of at most {DENSE_LIMIT} numbers,"
            f" got {size}"
        )
    matrix = dense(module, shape)
    if reference is not None:
        matrix = matrix - dense(reference, shape)
    norms: Tensor = torch.linalg.vector_norm(matrix, dim=1)
    return norms


__all__ = ["DENSE_LIMIT", "LayerNorms", "layer_norms", "linear_layers"]
