"""The tensors of a module and what belongs to them: ties, dtypes, frozen parameters, the mode."""

from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn

from geomdl.registry.config import dtype_name, dtype_of


def capture(module: nn.Module) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Parameters and buffers of a module, and a JSON-able dict of what tensors do not say.

    Args:
        module: any module whose state is tensors.

    Returns:
        Tensors by name (a tied one once, detached, contiguous, on the CPU; complex ones with a
        last axis of real and imaginary part), and the state: ``complex`` dtypes, ``tied`` names,
        dtypes of ``derived`` (non-persistent) buffers, ``frozen`` parameters, ``training`` mode
        and the submodules in the other mode.

    Raises:
        ValueError: a piece of state is no plain tensor.
    """
    whole = module.state_dict(keep_vars=True)
    tensors: dict[str, Tensor] = {}
    tied = ties(whole)
    split: dict[str, str] = {}
    for name, value in whole.items():
        if not isinstance(value, Tensor) or value.layout != torch.strided or value.is_meta:
            raise ValueError(f"model: state {name!r} should be a dense tensor with values")
        if name in tied:
            continue
        plain = value.detach()
        if value.is_complex():
            plain, split[name] = torch.view_as_real(plain.resolve_conj()), dtype_name(value.dtype)
        tensors[name] = plain.cpu().contiguous()
    buffers = module.named_buffers(remove_duplicate=False)
    parameters = module.named_parameters(remove_duplicate=False)
    return tensors, {
        "complex": split,
        "tied": tied,
        "derived": {name: dtype_name(b.dtype) for name, b in buffers if name not in whole},
        "frozen": [name for name, p in parameters if not p.requires_grad],
        "training": module.training,
        "other_mode": [n for n, m in module.named_modules() if m.training != module.training],
    }


def restore(module: nn.Module, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
    """Give a freshly built module what `capture` took, bit for bit.

    Args:
        module: built from the same configuration.
        tensors: by name, as from `capture`; changed in place.
        state: as from `capture`.

    Raises:
        ValueError: names, shapes, kinds or ties are not those of the module.
    """
    for name, dtype in state["complex"].items():
        if name not in tensors or tensors[name].shape[-1:] != (2,):
            raise ValueError(f"state {name!r} should end in real and imaginary parts")
        tensors[name] = torch.view_as_complex(tensors[name]).to(dtype_of(dtype))
    own = module.state_dict(keep_vars=True)
    for name, other in state["tied"].items():
        if other not in tensors or name not in own:
            raise ValueError(f"state {name!r} is tied to {other!r}, which is not there")
        tensors[name] = tensors[other]
    _check(own, tensors)
    check_ties(own, state["tied"])
    _cast(module, tensors, state["derived"])
    _tie(module, state["tied"])
    whole: OrderedDict[str, Tensor] = OrderedDict(tensors)
    if "version" in state:  # of an older file
        names = [name for name, _ in module.named_modules(remove_duplicate=False)]
        whole._metadata = {name: {"version": state["version"]} for name in names}  # type: ignore[attr-defined]
    module.load_state_dict(whole, strict=True)
    _mark(module, state)


def ties(whole: dict[str, Tensor]) -> dict[str, str]:
    """Later name -> first name of what is one tensor in ``state_dict(keep_vars=True)``."""
    first: dict[int, str] = {}
    named = {name: first.setdefault(id(value), name) for name, value in whole.items()}
    return {name: other for name, other in named.items() if name != other}


def check_ties(own: dict[str, Tensor], tied: dict[str, str]) -> None:
    """Refuse values that differ where a freshly built module has one tensor.

    Args:
        own: ``state_dict(keep_vars=True)`` of the module.
        tied: the ties of the values that it is to take.

    Raises:
        ValueError: names that are one tensor in the module are two among the values.
    """
    for name, other in ties(own).items():
        if tied.get(name, name) != tied.get(other, other):
            raise ValueError(f"state {name!r} should be one tensor with {other!r}, got two")


def _check(own: dict[str, Tensor], tensors: dict[str, Tensor]) -> None:
    for name in sorted(own.keys() | tensors.keys()):
        if name not in tensors:
            raise ValueError(f"state {name!r} of the model is missing")
        if name not in own:
            raise ValueError(f"state {name!r} is not one of the model's")
        ours, theirs = own[name], tensors[name]
        if ours.shape != theirs.shape:
            raise ValueError(
                f"state {name!r}: expected shape {tuple(ours.shape)}, got {tuple(theirs.shape)}"
            )
        if _kind(ours) != _kind(theirs):
            raise ValueError(f"state {name!r}: expected {_kind(ours)}, got {_kind(theirs)}")


def _kind(tensor: Tensor) -> str:
    if tensor.is_complex():
        return "complex numbers"
    if tensor.is_floating_point():
        return "floating-point numbers"
    return "booleans" if tensor.dtype == torch.bool else "integers"


def _cast(module: nn.Module, tensors: dict[str, Tensor], derived: dict[str, str]) -> None:
    """Bring every tensor to its dtype, as ``Module.to`` would: modules may heed it."""
    wanted = {name: tensor.dtype for name, tensor in tensors.items()}
    wanted |= {name: dtype_of(dtype) for name, dtype in derived.items()}
    present = [
        *module.named_parameters(remove_duplicate=False),
        *module.named_buffers(remove_duplicate=False),
    ]  # held, so that no new tensor takes the id of an old one
    dtypes = {id(tensor): wanted.get(name) for name, tensor in present}
    module._apply(lambda tensor: tensor.to(dtypes.get(id(tensor)) or tensor.dtype))


def _tie(module: nn.Module, tied: dict[str, str]) -> None:
    """Make one tensor of names that are one in the file."""
    own = module.state_dict(keep_vars=True)
    for name, other in tied.items():
        if own[name] is not own[other]:
            path, _, leaf = name.rpartition(".")
            setattr(module.get_submodule(path), leaf, own[other])


def _mark(module: nn.Module, state: dict[str, Any]) -> None:
    frozen, other_mode = set(state["frozen"]), set(state["other_mode"])
    for name, parameter in module.named_parameters(remove_duplicate=False):
        parameter.requires_grad_(name not in frozen)
    for name, child in module.named_modules():
        child.training = state["training"] != (name in other_mode)
