"""`penalized`: a loss for `geomdl.training.fit` that holds relaxed layers back."""

from collections.abc import Callable
from typing import Any
from weakref import finalize, ref

import torch
from torch import Tensor, nn

from geomdl.fields.numbers import at_least, is_finite
from geomdl.symmetrization.relaxed_departure import departure
from geomdl.symmetrization.relaxing import relaxed_layers, statistics_kept

Loss = Callable[[Any, Any], Tensor]


class Penalized(nn.Module):
    """loss(output, target) + weight · Σ departure² + prior · Σ prior, over the relaxed layers.

    The departure of a layer is measured at what it got when the model was called last, as
    `departures` does, with n elements and n + 2 more evaluations of the layer. Where no gradients
    are taken (validation) it is the loss alone. Elements are drawn from torch's global random
    state, as dropout is: `fit` seeds it, and restores it where a run is resumed.

    Args:
        loss: function of (output, target).
        model: network with `Relaxed` layers or `RelaxedConv` in it; it is not changed, but for
            hooks that are gone when this is.
        weight: of the squared departures.
        prior: of the negative logarithms of normal priors of deviation 1 on the free weights.
        n: elements for each layer.

    Raises:
        TypeError: the loss is not callable.
        ValueError: there is no relaxed layer; a weight is negative or not finite.
    """

    def __init__(
        self, loss: Loss, model: nn.Module, weight: float = 1.0, prior: float = 0.0, n: int = 2
    ) -> None:
        super().__init__()
        if not callable(loss):
            raise TypeError(f"loss: expected a function, got {type(loss).__name__}")
        for name, value in (("weight", weight), ("prior", prior)):
            if not (is_finite(value) and value >= 0):
                raise ValueError(f"{name}: expected a number of at least 0, got {value!r}")
        at_least("n", n, 1)
        self.loss, self.weight, self.prior, self.n = loss, weight, prior, n
        self._model = (model,)  # no child: it has parameters of its own
        self._layers = tuple(relaxed_layers(model).items())
        self._taken: dict[Any, tuple[Any, ...]] = {}
        self._open = True
        me = ref(self)

        def keep(layer: nn.Module, args: tuple[Any, ...]) -> None:
            mine = me()
            if mine is not None:
                mine._keep(layer, args)

        for _, layer in self._layers:
            finalize(self, layer.register_forward_pre_hook(keep).remove)

    def extra_repr(self) -> str:
        """Loss and weights."""
        loss = getattr(self.loss, "__qualname__", type(self.loss).__qualname__)
        return f"{loss}, weight={self.weight}, prior={self.prior}, n={self.n}"

    def forward(self, output: Any, target: Any) -> Tensor:
        """Loss of a batch.

        Raises:
            ValueError: gradients are taken, and a relaxed layer was not called before.
        """
        value = self.loss(output, target)
        if not torch.is_grad_enabled():
            return value
        if self.weight:
            value = value + self.weight * self._departures()
        if self.prior:
            value = value + self.prior * torch.stack([m.prior() for _, m in self._layers]).sum()
        return value

    def _keep(self, layer: nn.Module, args: tuple[Any, ...]) -> None:
        if self._open and torch.is_grad_enabled() and any(layer is m for _, m in self._layers):
            self._taken[layer] = tuple(a.detach() if isinstance(a, Tensor) else a for a in args)

    def _departures(self) -> Tensor:
        rng = torch.Generator().manual_seed(int(torch.randint(2**62, ())))
        total = []
        self._open = False  # measuring calls the layers as well
        try:
            with statistics_kept(self._model[0]):
                for name, layer in self._layers:
                    if layer not in self._taken:
                        raise ValueError(
                            f"model: expected a call of every relaxed layer before, got none at"
                            f" {name or type(layer).__name__}"
                        )
                    found = departure(layer, *self._taken[layer], n=self.n, rng=rng)
                    total.append(found.square())
        finally:
            self._open = True
            self._taken.clear()
        return torch.stack(total).sum()


def penalized(
    loss: Loss, model: nn.Module, weight: float = 1.0, *, prior: float = 0.0, n: int = 2
) -> Penalized:
    """A loss for `geomdl.training.fit` that holds the relaxed layers of a model back.

    loss(output, target) + weight · Σ departure² + prior · Σ prior: the squared departures of the
    layers in units of the audit, and normal priors on their free weights. See `Penalized`.

    Args:
        loss: function of (output, target).
        model: the network that is trained, with relaxed layers.
        weight: of the squared departures; 0 leaves them out.
        prior: of the priors; 0 leaves them out.
        n: elements for each layer.

    Example:
        >>> import geomdl
        >>> from geomdl.symmetrization import relaxed
        >>> v = geomdl.Field(geomdl.Vector(), 2 * geomdl.group("SO3").standard)
        >>> model = relaxed(geomdl.linear.Linear(v, v))
        >>> x = torch.randn(32, 6, generator=torch.Generator().manual_seed(0))
        >>> held = penalized(nn.functional.mse_loss, model, 10.0)
        >>> run = geomdl.training.fit(model, (x, x.relu()), epochs=2, loss=held)
        >>> run.stopped
        'epochs'

    Source: Finzi, Benton and Wilson 2021, arXiv:2112.01388, for the priors.
    """
    return Penalized(loss, model, weight, prior, n)
