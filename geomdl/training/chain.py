"""A network as a chain of linear layers, and what the symmetries of its hidden fields do to it."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from .callbacks import quiet
from .orbits import Orbits, orbits_of

__all__ = ["Chain", "Link", "is_layer"]

DENSE = nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d


@dataclass
class Link:
    """A linear layer, and the hidden field that follows it.

    Attributes:
        name: of the layer.
        module: it.
        vectors: modules after it with weights for each channel or field, such as norms.
        orbits: of the channels that come out.
        pooled: whether the next layer sees one channel for each orbit.
    """

    name: str
    module: Any
    vectors: list[Any] = field(default_factory=list)
    orbits: Orbits | None = None
    pooled: bool = False

    def weight(self) -> Tensor:
        """Filter (out, in, taps), float64, on the CPU."""
        if _expands(self.module):
            full = self.module.filters.expand()
        else:
            full = self.module.matrix() if _is_map(self.module) else self.module.weight
        value: Tensor = full.detach().double().cpu()
        return value.reshape(value.shape[0], value.shape[1], -1)

    def bias(self) -> Tensor | None:
        """Bias (out,), float64, on the CPU."""
        if self.module.bias is None:
            return None
        full = self.module.bias.expand() if _expands(self.module) else self.module.bias
        if _is_map(self.module):
            full = self.module.constants(full).squeeze(-1)
        value: Tensor = full.detach().double().cpu()
        return value

    def write(self, weight: Tensor, bias: Tensor | None) -> None:
        """Put a filter and a bias into the layer."""
        if _expands(self.module):
            _solve(self.module.filters, weight, self.name)
            if bias is not None:
                _solve(self.module.bias, bias, self.name)
            return
        if _is_map(self.module):
            _project(self.module.operator, self.module.weight, weight[..., 0], self.name)
            if bias is not None:
                _project(self.module.constants, self.module.bias, bias[:, None], self.name)
            return
        with torch.no_grad():
            self.module.weight.copy_(weight.view_as(self.module.weight))
            if bias is not None:
                self.module.bias.copy_(bias)


@dataclass
class Chain:
    """The linear layers of a network in the order in which they run.

    Attributes:
        links: at least one.
    """

    links: list[Link]

    @classmethod
    def of(cls, model: nn.Module, inputs: Sequence[Any]) -> "Chain":
        """Watch a network run.

        Args:
            model: whose every weight is in a linear layer, a convolution, a layer of geomdl with
                equivariant filters, or a norm, each called once.
            inputs: of one call.

        Raises:
            ValueError: another kind of layer with weights, one called twice or not at all, or a
                hidden field that is no sum of permutation representations.
        """
        calls = _calls(model, inputs)
        links: list[Link] = []
        for name, module, before, after in calls:
            if is_layer(module):
                if getattr(module, "groups", 1) != 1:
                    raise ValueError(f"model: {name} should have groups=1, got {module.groups}")
                if links and links[-1].orbits is None:
                    links[-1].orbits = _orbits(links[-1])
                links.append(Link(name, module))
                links[-1].orbits = _orbits(links[-1])
            elif any(True for _ in module.parameters()):
                if not links or not _is_vector(module):
                    kind = type(module).__name__
                    raise ValueError(
                        f"model: should be a chain of linear layers, convolutions and norms, got"
                        f" {kind} at {name!r}"
                    )
                links[-1].vectors.append(module)
            elif links and before is not None and after is not None:
                orbits = links[-1].orbits
                assert orbits is not None
                n, count = len(orbits.orbit), orbits.count
                if before == n and after == count != n:
                    links[-1].pooled = True
        if len(links) < 2:
            raise ValueError(f"model: should have at least 2 linear layers, got {len(links)}")
        return cls(links)

    @property
    def hidden(self) -> list[Orbits]:
        """Orbits of the hidden fields, one fewer than links."""
        return [link.orbits for link in self.links[:-1] if link.orbits is not None]

    def inner(self, number: int, weight: Tensor) -> Tensor:
        """The input axis of the next link's filter as (channels or orbits, copies)."""
        link = self.links[number]
        assert link.orbits is not None
        n = link.orbits.count if link.pooled else len(link.orbits.orbit)
        if not link.pooled and weight.shape[1] % n and weight.shape[1] % link.orbits.count == 0:
            n, link.pooled = link.orbits.count, True  # pooled where no module shows it
        if weight.shape[1] % n:
            raise ValueError(
                f"model: {self.links[number + 1].name} should take the {n} channels of {link.name},"
                f" got {weight.shape[1]}"
            )
        return weight.view(weight.shape[0], n, -1, weight.shape[2])

    def moved(self, permutations: Sequence[Tensor]) -> list[tuple[Tensor, Tensor | None]]:
        """Filters and biases after channel i of a hidden field has become channel π(i).

        Args:
            permutations: one for each hidden field; they commute with its group.
        """
        found = []
        for number, link in enumerate(self.links):
            weight, bias = link.weight(), link.bias()
            if number:
                orbits, p = self.links[number - 1].orbits, permutations[number - 1]
                split = self.inner(number - 1, weight)
                assert orbits is not None
                p = orbits.of_orbits(p) if self.links[number - 1].pooled else p
                weight = split[:, p].reshape(weight.shape)
            if number < len(permutations):
                p = permutations[number]
                weight, bias = weight[p], None if bias is None else bias[p]
            found.append((weight, bias))
        return found

    def move(self, permutations: Sequence[Tensor]) -> None:
        """Put the moved weights into the network, in place, and all vectors with them."""
        moved = self.moved(permutations)
        for number, (link, (weight, bias)) in enumerate(zip(self.links, moved, strict=True)):
            link.write(weight, bias)
            if number < len(permutations):
                assert link.orbits is not None
                for module in link.vectors:
                    _move_vector(module, link.orbits, permutations[number])


def _expands(module: nn.Module) -> bool:
    """Whether it is a layer of geomdl with equivariant filters in a basis."""
    return hasattr(getattr(module, "filters", None), "expand")


def _is_map(module: nn.Module) -> bool:
    """Whether it is a layer of geomdl with one equivariant matrix in an orthonormal basis."""
    return hasattr(module, "operator") and hasattr(module, "constants")


def is_layer(module: nn.Module) -> bool:
    """Whether it is linear, with a filter (out, in, taps): torch's layers and geomdl's."""
    if isinstance(module, DENSE) or _expands(module) or _is_map(module):
        return True
    weight = getattr(module, "weight", None)
    filters = hasattr(module, "kernel_size") and isinstance(weight, Tensor) and weight.dim() > 2
    return filters and not isinstance(module, nn.modules.conv._ConvTransposeNd)


def _is_vector(module: nn.Module) -> bool:
    """Whether its weights are those of channels or fields, one by one."""
    return "norm" in type(module).__name__.lower() or isinstance(module, nn.PReLU)


def _calls(
    model: nn.Module, inputs: Sequence[Any]
) -> list[tuple[str, nn.Module, int | None, int | None]]:
    """Layers in the order of their calls, with the channels that go in and come out."""
    found: list[tuple[str, nn.Module, int | None, int | None]] = []
    handles, inside = [], list[str]()
    for name, module in model.named_modules():
        if any(name == top or name.startswith(top + ".") for top in inside):
            continue
        own = any(True for _ in module.parameters(recurse=False))
        if own or _expands(module) or not any(True for _ in module.children()):
            inside.append(name)
            handles.append(module.register_forward_hook(_record(name, found)))
    try:
        with torch.no_grad(), quiet(model):
            model(*inputs)
    except RuntimeError as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"inputs: the model refuses them: {reason}") from error
    finally:
        for handle in handles:
            handle.remove()
    seen = [name for name, module, _, _ in found if any(True for _ in module.parameters())]
    for name in seen:
        if seen.count(name) > 1:
            raise ValueError(f"model: each layer should be called once, {name!r} was called twice")
    held = {id(p) for _, module, _, _ in found for p in module.parameters()}
    for name, p in model.named_parameters():
        if id(p) not in held:
            raise ValueError(f"model: every weight should be in a layer that is called, not {name}")
    return found


def _record(name: str, found: list[Any]) -> Callable[[nn.Module, Any, Any], None]:
    def width(value: Any) -> int | None:
        value = value[0] if isinstance(value, tuple) and value else value
        return value.shape[1] if isinstance(value, Tensor) and value.dim() > 1 else None

    def hook(module: nn.Module, given: Any, output: Any) -> None:
        found.append((name, module, width(given), width(output)))

    return hook


def _orbits(link: Link) -> Orbits:
    """Of the channels that come out, under the group of the layer's target."""
    rep = getattr(getattr(link.module, "target", None), "rep", None)
    if rep is None or not (_expands(link.module) or _is_map(link.module)):
        return orbits_of(torch.zeros(0, link.module.weight.shape[0], dtype=torch.int64))
    if not rep.is_permutation:
        if link.weight().shape[0] != rep.dim:
            raise ValueError(f"model: {link.name} should have the channels of its target {rep}")
        raise ValueError(
            f"model: hidden fields should be sums of permutation representations, got {rep.name}"
            f" after {link.name}"
        )
    return orbits_of(rep.permutation(rep.group.generators).reshape(-1, rep.dim))


def _move_vector(module: nn.Module, orbits: Orbits, permutation: Tensor) -> None:
    """Weights and statistics of channels or fields."""
    n, fields = len(orbits.orbit), orbits.of_orbits(permutation)
    tensors = [*module.parameters(), *module.buffers()]
    with torch.no_grad():
        for t in tensors:
            if t.dim() and len(t) == n:
                t.copy_(t[permutation])
            elif t.dim() and len(t) == orbits.count:
                t.copy_(t[fields])
            elif t.numel() > 1:
                raise ValueError(
                    f"model: {type(module).__name__} should have weights for {n} channels or"
                    f" {orbits.count} fields, got shape {tuple(t.shape)}"
                )


def _project(operator: Any, held: Tensor, wanted: Tensor, name: str) -> None:
    """Coefficients of a matrix in an orthonormal basis, written into a weight."""
    with torch.enable_grad():
        zero = torch.zeros(held.shape, dtype=torch.float64, device=held.device, requires_grad=True)
        found = torch.autograd.grad(operator(zero), zero, wanted.to(held.device))[0]
    left = float((operator(found).cpu() - wanted).norm()) / max(float(wanted.norm()), 1e-300)
    if not left <= 1e-8:
        raise ValueError(
            f"model: moved weights should be weights of {name}, they miss by {left:.1e}"
        )
    with torch.no_grad():
        held.copy_(found)


def _solve(expansion: Any, wanted: Tensor, name: str) -> None:
    """Weights whose expanded filters are the wanted ones: least squares by conjugate gradients."""
    exact = deepcopy(expansion).double().cpu()
    shape = exact.expand().shape
    target = wanted.reshape(shape)
    weights = [w.detach() for w in exact.weights]
    sizes = [w.numel() for w in weights]

    def split(v: Tensor) -> list[Tensor]:
        pairs = zip(v.split(sizes), weights, strict=True)
        return [piece.view_as(w) for piece, w in pairs]

    def spread(v: Tensor) -> Tensor:
        out: Tensor = exact.spread(split(v))
        return out

    def collect(f: Tensor) -> Tensor:
        with torch.enable_grad():
            v = torch.zeros(sum(sizes), dtype=torch.float64, requires_grad=True)
            return torch.autograd.grad(spread(v), v, f)[0]

    x = torch.cat([w.reshape(-1) for w in weights])
    r = collect(target - spread(x).detach())
    p, square = r, float(r @ r)
    least = 1e-30 * float(collect(target).square().sum())
    for _ in range(2 * len(x)):
        if square <= least:
            break
        image = spread(p).detach()
        step = square / float(image.square().sum())
        x, r = x + step * p, r - step * collect(image)
        after = float(r @ r)
        p, square = r + (after / square) * p, after
    left = float((spread(x) - target).norm()) / max(float(target.norm()), 1e-300)
    rounding = 100 * torch.finfo(expansion.weights[0].dtype).eps  # of filters that were expanded
    if not left <= max(1e-8, rounding):
        raise ValueError(
            f"model: moved filters should be filters of {name}, they miss by {left:.1e}"
        )
    with torch.no_grad():
        for block, piece in zip(expansion.blocks, split(x), strict=True):
            block.weight.copy_(piece)
