"""Path norms: one forward pass of the network with its weights' absolute values."""

import copy
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn

from geomdl.generalization.bounds.checks import check_at_least, check_finite, check_model

Rule = Callable[..., Any]
_P: ContextVar[float] = ContextVar("p")


def path_norm(model: nn.Module, x: Tensor, p: float = 2.0) -> float:
    r"""Norm over paths of the products of their weights, (Σ_paths Π_{e ∈ path} |w_e|^p)^{1/p}.

    A path leads from an input, or from the constant 1 through a bias, to an output. The sum is one
    forward pass of ones with |w|^p for w, in float64: *exact* for ReLU networks of linear layers,
    convolutions, means, sums and concatenations; batch norm in evaluation mode is the affine map
    that it is. Through a maximum lead the paths of all that it compares. Unchanged where a unit's
    weights in are multiplied by c > 0 and those out by 1/c, as the function of a ReLU network is.
    Whatever else the input meets is refused, not guessed.

    Args:
        model: any ReLU network, steerable or not.
        x: a sample or more, for the shape; its values do not matter.
        p: at least 1; 2 is that of Neyshabur, 1 bounds the slope from max to max.

    Returns:
        The norm.

    Raises:
        ValueError: an operation without path norm, by name.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 1, bias=False), nn.ReLU(), nn.Linear(1, 1, bias=False))
        >>> _ = net[0].weight.data.copy_(torch.tensor([[3.0, -4.0]]))
        >>> _ = net[2].weight.data.fill_(2.0)
        >>> path_norm(net, torch.zeros(1, 2)), path_norm(net, torch.zeros(1, 2), p=1)
        (10.0, 14.0)

    Source: Neyshabur, Tomioka and Srebro 2015; Neyshabur et al. 2017 (as a measure); with maxima
    Gonon et al. 2023, arXiv:2310.01225.
    """
    check_model(model)
    check_finite("x", x)
    check_at_least(p, "p", 1.0)
    model = copy.deepcopy(model).double()
    ones = torch.ones_like(x[:1], dtype=torch.float64).as_subclass(_Paths)
    token = _P.set(p)
    try:
        with torch.no_grad():
            out = model(ones)
    finally:
        _P.reset(token)
    if not isinstance(out, _Paths):
        raise ValueError(
            "model: expected an output that depends on the input, got one that does not"
        )
    return float(out.as_subclass(Tensor).sum() ** (1 / p))


class _Paths(Tensor):
    """Sums over paths; what meets them is taken to the p-th power of its absolute value."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", str(func))
        if name == "__get__":  # shape, dtype, device, ndim
            return super().__torch_function__(func, types, args, kwargs)  # type: ignore[no-untyped-call]
        rule = _RULES.get(name.strip("_"))
        if rule is None:
            raise ValueError(f"model: expected a ReLU network, got {name}, which has no path norm")
        return rule(func, *args, **kwargs)


def _power(w: Any) -> Any:
    p: Any = _P.get()
    return abs(w) ** p if isinstance(w, Tensor | int | float) else w


def _raw(x: Any) -> Any:
    return x.as_subclass(Tensor) if isinstance(x, _Paths) else x


def _wrap(x: Any) -> Any:
    if isinstance(x, Tensor):
        return x.as_subclass(_Paths)
    return type(x)(_wrap(v) for v in x) if isinstance(x, tuple | list) else x


def _same(func: Any, *args: Any, **kwargs: Any) -> Any:
    """Views, copies and sums: every weight is 1."""
    plain = [[_raw(v) for v in a] if isinstance(a, tuple | list) else _raw(a) for a in args]
    return _wrap(func(*plain, **kwargs))


def _joined(func: Any, tensors: Any, *args: Any, **kwargs: Any) -> Any:
    """Features side by side; what does not depend on the input is a bias."""
    plain = [_raw(v) if isinstance(v, _Paths) else _power(v) for v in tensors]
    return _wrap(func(plain, *args, **kwargs))


def _passed(func: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
    """ReLU, and dropout out of training."""
    return x


def _asked(func: Any, *args: Any, **kwargs: Any) -> Any:
    """Sizes and kinds."""
    return func(*(_raw(a) for a in args), **kwargs)


def _linear(func: Any, x: Any, weight: Any, bias: Any = None, *rest: Any, **kwargs: Any) -> Any:
    """Linear maps and convolutions of x by plain weights."""
    if isinstance(weight, _Paths) or isinstance(bias, _Paths) or not isinstance(x, _Paths):
        raise ValueError(f"model: expected weights free of the input, got {func.__name__} of it")
    return _wrap(func(_raw(x), _power(weight), _power(bias), *rest, **kwargs))


def _product(func: Any, a: Any, b: Any) -> Any:
    """Products with what does not depend on the input."""
    if isinstance(a, _Paths) and isinstance(b, _Paths):
        raise ValueError(f"model: expected a ReLU network, got {func.__name__} of two features")
    both = [_raw(v) if isinstance(v, _Paths) else _power(v) for v in (a, b)]
    return _wrap(func(*both))


def _ratio(func: Any, a: Any, b: Any) -> Any:
    if isinstance(b, _Paths):
        raise ValueError("model: expected a ReLU network, got a division by features")
    return _wrap(_raw(a) / _power(b))


def _sum(func: Any, a: Any, b: Any, **kwargs: Any) -> Any:
    """Paths add, whatever the signs; what does not depend on the input is a bias."""
    if kwargs:
        raise ValueError(f"model: expected sums without options, got {func.__name__} with some")
    both = [_raw(v) if isinstance(v, _Paths) else _power(v) for v in (a, b)]
    return _wrap(both[0] + both[1])


def _mean(func: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
    """A mean of n has weights 1/n, here n^{-p}; as it is it divides by n once."""
    mean = func(_raw(x), *args, **kwargs)
    n = x.numel() / mean.numel()
    return _wrap(mean / n ** (_P.get() - 1))


def _pool(func: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
    """Means over windows: their weights, read off by a backward pass, to the p-th power."""
    image = torch.zeros_like(_raw(x)[:1, :1]).requires_grad_()
    with torch.enable_grad():
        out = func(image, *args, **kwargs)
        rows = [torch.autograd.grad(o, image, retain_graph=True)[0] for o in out.reshape(-1)]
    weight = torch.stack(rows).flatten(1) ** _P.get()
    spatial = x.as_subclass(Tensor).flatten(2) @ weight.T
    return _wrap(spatial.reshape(*x.shape[:2], *out.shape[2:]))


def _maximum(func: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
    """Maxima over axes: of each entry there is a path."""
    return _wrap(_raw(x).sum(*args, **kwargs))


def _maximum_pool(
    func: Any, x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Any:  # fmt: skip
    """Maxima over windows, axis by axis; what lies in each is read off from rows of one dot."""
    out, d = _raw(x), int(func.__name__[-2])
    for axis in range(-d, 0):
        each = (kernel_size, stride or kernel_size, padding, dilation)
        k, s, p, h = (v if isinstance(v, int) else v[axis % len(v)] for v in each)
        dots = torch.eye(out.shape[axis], dtype=out.dtype, device=out.device).unsqueeze(1)
        windows = torch.max_pool1d(dots, k, s, p, h, ceil_mode).squeeze(1)
        out = (out.movedim(axis, -1) @ windows).movedim(-1, axis)
    return _wrap(out)


def _batch_norm(
    func: Any, x: Any, mean: Any, var: Any, weight: Any = None, bias: Any = None,
    training: bool = False, momentum: float = 0.1, eps: float = 1e-5,
) -> Any:  # fmt: skip
    scale = (var + eps).rsqrt() * (1 if weight is None else weight)
    shift = -mean * scale + (0 if bias is None else bias)
    shape = (1, -1, *[1] * (x.dim() - 2))
    return _wrap(_raw(x) * _power(scale).view(shape) + _power(shift).view(shape))


def _padded(func: Any, x: Any, pad: Any, mode: str = "constant", value: Any = None) -> Any:
    if mode == "constant" and value:
        raise ValueError(f"model: expected padding by zeros, got {value}")
    return _wrap(func(_raw(x), pad, mode, value))


def _names(rule: Rule, names: str) -> dict[str, Rule]:
    return dict.fromkeys(names.split(), rule)


_RULES: dict[str, Rule] = {
    **_names(_same, "flatten view reshape permute transpose unsqueeze squeeze contiguous getitem"
                    " sum clone unflatten movedim expand split chunk unbind narrow t flip"
                    " roll index_select"),
    **_names(_joined, "cat concat concatenate stack"),
    **_names(_passed, "relu relu_ dropout dropout1d dropout2d dropout3d detach"),
    **_names(_asked, "dim size numel is_floating_point len is_contiguous stride is_complex"
                     " ndimension is_same_size has_names"),
    **_names(_linear, "linear conv1d conv2d conv3d conv_transpose1d conv_transpose2d"
                      " conv_transpose3d"),
    **_names(_product, "matmul mm bmm mul rmul rmatmul multiply"),
    **_names(_ratio, "div truediv true_divide"),
    **_names(_sum, "add radd iadd sub rsub isub"),
    **_names(_mean, "mean"),
    **_names(_pool, "avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d"
                    " adaptive_avg_pool3d"),
    **_names(_maximum_pool, "max_pool1d max_pool2d max_pool3d"),
    "amax": _maximum,
    "batch_norm": _batch_norm,
    "pad": _padded,
}  # fmt: skip

__all__ = ["path_norm"]
