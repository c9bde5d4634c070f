"""Weights of PyG's convolutions as those of our layers."""

from torch import Tensor, nn
from torch.nn.utils import parametrize

HOOKS = ("forward_pre_hooks", "forward_hooks", "backward_pre_hooks", "backward_hooks")


def check_plain(conv: nn.Module) -> None:
    """Refuse a module whose weights are not there yet, or that does more than its class says.

    Raises:
        ValueError: a weight is not initialised, or a part that is replaced has hooks or
            parametrizations.
    """
    if any(isinstance(p, nn.UninitializedParameter) for p in conv.parameters()):
        raise ValueError("in_channels: expected a number, got -1; call the model once before")
    for name, part in conv.named_modules():
        if _stays(name):
            continue
        found = [kind[1:] for kind, hooks in vars(part).items() if kind.endswith(HOOKS) and hooks]
        if parametrize.is_parametrized(part):
            found.append("parametrizations")
        if found:
            expected = "expected no hooks or parametrizations (convert before they are added)"
            raise ValueError(f"{name + ': ' if name else ''}{expected}, got {', '.join(found)}")


def filled(
    layer: nn.Module, conv: nn.Module, names: dict[str, str], reshaped: dict[Tensor, Tensor]
) -> nn.Module:
    """The layer with PyG's weights: the very tensors where shapes agree, so that ties stay.

    Args:
        layer: ours.
        conv: PyG's.
        names: of our weights -> of theirs.
        reshaped: their weights -> ours, of those whose shapes do not agree; is added to.

    Raises:
        ValueError: PyG's lacks weights, or has more.
    """
    state, taken = conv.state_dict(keep_vars=True), set()
    for name, own in [*layer.named_parameters(), *layer.named_buffers()]:
        if name.startswith("mlp."):
            continue
        value = state.get(names[name])
        if value is None:
            raise ValueError(f"{names[name]}: expected weights, got none")
        taken.add(value)
        if value.shape != own.shape:
            value = reshaped.setdefault(value, _like(value, own))
        path, _, last = name.rpartition(".")
        setattr(layer.get_submodule(path), last, value)
    more = [n for n, p in conv.named_parameters() if p not in taken and not _stays(n)]
    if more:
        raise ValueError(f"weights: expected those of PyG's, got {', '.join(more)} as well")
    for part in set(layer.modules()) - set(conv.modules()):
        part.training = conv.training
    return layer


def check_reshaped(model: nn.Module, reshaped: dict[Tensor, Tensor]) -> None:
    """Refuse weights that others use in the shape that they had before.

    Raises:
        ValueError: there are some.
    """
    for name, value in model.named_parameters():
        if value in reshaped:
            shapes = f"{tuple(value.shape)}, got one tied to {tuple(reshaped[value].shape)}"
            raise ValueError(f"{name}: expected a weight used only in shape {shapes}")


def _stays(name: str) -> bool:
    """Whether a part of PyG's is kept as it is: the perceptron of `GINConv`."""
    return name.split(".")[0] == "nn"


def _like(value: Tensor, own: Tensor) -> Tensor:
    """A weight, or a buffer, in the shape of another."""
    new = value.detach().reshape(own.shape)
    return nn.Parameter(new, value.requires_grad) if isinstance(value, nn.Parameter) else new
