"""What makes a network another function at each call: refused where a function is measured."""

import torch
from torch import nn
from torch.nn.utils.spectral_norm import SpectralNorm

__all__ = ["refuse_random"]

RATES = ("p", "drop_prob", "drop_rate")


def refuse_random(model: nn.Module, name: str = "model") -> None:
    """Refuse dropout and batch norm in training mode, and what draws in every mode.

    A Hessian, a kernel or a norm is that of one function. In training mode dropout draws another
    function at each call, and batch norm changes its running statistics and mixes the samples of
    a batch. Found are

    - dropout with p > 0: every class of torch and of geomdl, any module whose class is named after
      dropping or stochastic depth, and modules with a rate ``dropout`` > 0, such as attention and
      recurrent networks;
    - batch norm: torch's and geomdl's, and any module with a buffer ``running_…``;
    - ``nn.RReLU``, which draws its slopes, and the power iteration of torch's ``spectral_norm``,
      the parametrization and the older hook;
    - in evaluation mode too: modules that hold a ``torch.Generator``, as `geomdl.symmetrization`'s
      ``Sample`` does, and ``nn.FractionalMaxPool2d`` and ``3d``.

    A functional dropout within a ``forward`` (``F.dropout(x, 0.5)``) cannot be seen, unless its
    rate is the attribute ``dropout`` of the module.

    Args:
        model: any module.
        name: what the message calls it.

    Returns:
        nothing: the model is one function.

    Raises:
        ValueError: the first such submodule, by name.

    Example:
        >>> model = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5))
        >>> refuse_random(model)
        Traceback (most recent call last):
        ValueError: model: should be free of dropout in training mode, got Dropout(p=0.5) at '1';
        call model.eval() first
        >>> refuse_random(model.eval())
    """
    for path, module in model.named_modules():
        where = f" at {path!r}" if path else ""
        why = _draws(module)
        if why is not None:
            kind = type(module).__name__
            raise ValueError(f"{name}: should be one function, got {kind}{where}, which {why}")
        found = _random(module) if module.training else None
        if found is not None:
            what, got = found
            raise ValueError(
                f"{name}: should be free of {what} in training mode, got {got}{where};"
                f" call {name}.eval() first"
            )


def _draws(module: nn.Module) -> str | None:
    """Why it is random in every mode."""
    if any(isinstance(value, torch.Generator) for value in vars(module).values()):
        return "holds a generator from which a call may draw"
    pools = nn.FractionalMaxPool2d | nn.FractionalMaxPool3d
    fractional = isinstance(module, pools) and module._random_samples is None
    return "draws anew at each call" if fractional else None


def _random(module: nn.Module) -> tuple[str, str] | None:
    """What is random or changes in this module itself, and how it is called."""
    kind = type(module).__name__
    rates = {"dropout": getattr(module, "dropout", None)}
    if any(word in kind.lower() for word in ("drop", "stochasticdepth")):
        rates |= {key: getattr(module, key, None) for key in RATES}
    for key, rate in rates.items():
        if isinstance(rate, int | float) and rate > 0:
            return "dropout", f"{kind}({key}={rate:g})"
    normal = isinstance(module, nn.modules.batchnorm._BatchNorm)
    held = (key for key, value in module._buffers.items() if value is not None)
    if normal or any(key.startswith("running_") for key in held):
        return "batch norm", kind
    if isinstance(module, nn.RReLU):
        return "random slopes", kind
    hooks = module._forward_pre_hooks.values()
    iterates = isinstance(module, nn.utils.parametrizations._SpectralNorm)
    if iterates or any(isinstance(hook, SpectralNorm) for hook in hooks):
        return "a power iteration", "spectral_norm"
    return None
