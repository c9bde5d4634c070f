"""Hessian, Gauss–Newton and empirical Fisher matrices as operators, which are never formed."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from .metrics import Measure
from .objective import Objective, plain_attention

__all__ = ["KINDS", "Curvature", "Kind"]

Kind = Literal["hessian", "ggn", "empirical_fisher"]
KINDS = ("hessian", "ggn", "empirical_fisher")

DENSE = 2**28  # bytes of the largest matrix that `dense` forms


class Curvature:
    r"""A P × P curvature matrix of the mean loss L over data, as an operator on vectors.

    - "hessian": H = ∇² L, by reverse over reverse mode;
    - "ggn": G = Σ_i J_iᵀ (∇²_f l_i) J_i / n with J_i = ∂f(x_i)/∂θ, the generalised Gauss–Newton
      matrix, positive semi-definite for a convex loss. For cross entropy this is the Fisher
      matrix of the model, for the squared error too up to a factor. It takes ``loss`` as a
      function of the output alone;
    - "empirical_fisher": F = Σ_i g_i g_iᵀ / n with g_i = ∇l_i, the second moment of gradients of
      single samples: the loss must be the mean of what it is on each sample by itself, which is
      looked at on the first batch.

    No forward mode is used, so layers with their own derivatives work. With one batch the graph is
    kept until a weight changes, and a product costs one backward pass (two for the others).
    *Exact* to the rounding of the type that the model computes in; sums over batches and results
    are in float64.

    Args:
        model: any module without dropout and batch norm in training mode. Weights that do not
            require gradients are constants.
        data: as for `fit`, or a sequence of batches; read once and held.
        loss: function of (output, target), mean over the batch; by default that of `fit`. A sum
            will do for "hessian" and "ggn" on one batch, of which it gives the sum.
        kind: which matrix.
        batch_size: largest number of samples at once, which bounds the memory.
        dtype: type to compute in, on a copy of the model; ``torch.float64`` for a float32 model
            that should be measured without rounding. None: in the model itself, as it is when a
            product is taken.

    Attributes:
        objective: the loss, with ``value()`` and ``gradient()``.
        dim: P.
        shape: (P, P).

    Raises:
        ValueError: an unknown kind, complex weights, a loss that is no scalar or not finite or a
            sum over samples where it should be a mean, dropout or batch norm in training mode, an
            output that is no tensor for "ggn" and "empirical_fisher".

    Example:
        >>> model = nn.Linear(2, 1, bias=False)
        >>> x = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
        >>> H = Curvature(model, (x, torch.zeros(2, 1)))
        >>> H @ torch.tensor([1.0, 1.0])
        tensor([1., 4.], dtype=torch.float64)
        >>> H.dense()
        tensor([[1., 0.],
                [0., 4.]], dtype=torch.float64)

    Source: Pearlmutter 1994 (products with the Hessian); Schraudolph 2002 (with Gauss–Newton);
    Kunstner et al. 2019, arXiv:1905.12558 (what the empirical Fisher matrix is not).
    """

    def __init__(
        self,
        model: nn.Module,
        data: Any,
        loss: Measure | None = None,
        *,
        kind: Kind = "hessian",
        batch_size: int = 512,
        dtype: torch.dtype | None = None,
    ) -> None:
        if kind not in KINDS:
            raise ValueError(f"kind: should be one of {', '.join(KINDS)}, got {kind!r}")
        self.objective = Objective(model, data, loss, batch_size=batch_size, dtype=dtype)
        self.kind, self.dim = kind, self.objective.dim
        self.shape = (self.dim, self.dim)
        self.products = 0
        self._kept: tuple[list[Tensor], _Hessian | _Outputs] | None = None

    @property
    def device(self) -> torch.device:
        """Where vectors live."""
        return self.objective.parameters[0].device

    def __matmul__(self, vector: Tensor) -> Tensor:
        """Product with a vector (P,) or with the columns of a matrix (P, k), in float64.

        Raises:
            TypeError: no tensor.
            ValueError: another shape, or a product that is not finite.
        """
        _check_tensor(vector)
        if vector.dim() == 2:
            columns = [self._product(column) for column in vector.unbind(1)]
            return torch.stack(columns, 1) if columns else vector.double()
        return self._product(vector)

    def _product(self, vector: Tensor) -> Tensor:
        pieces = self.objective.split(vector)
        total = torch.zeros(self.dim, dtype=torch.float64, device=self.device)
        for number, batch in enumerate(self.objective.batches):
            with torch.enable_grad(), plain_attention():
                found = self._linear(number).times(self.objective, pieces)
            total += self.objective.share(batch) * self.objective.flat(found)
        if not bool(total.isfinite().all()):
            raise ValueError(f"{self.kind}: product should be finite, got nan or inf")
        self.products += 1
        return total

    def _linear(self, number: int) -> "_Hessian | _Outputs":
        """What products on one batch need; kept where there is one batch only."""
        state = self.objective.state
        if self._kept is not None and _same(self._kept[0], state):
            return self._kept[1]
        self._kept = None
        found: _Hessian | _Outputs
        if self.kind == "hessian":
            found = _Hessian(self.objective.batch_gradient(number, create_graph=True))
        else:
            found = _outputs(self.objective, number, self.kind)
            if self.kind == "empirical_fisher" and number == self.products == 0:
                _require_mean(self.objective, found.output.detach())
        if len(self.objective.batches) == 1:
            self._kept = ([t.clone() for t in state], found)
        return found

    def dense(self) -> Tensor:
        """The matrix, (P, P) float64, by P products.

        Raises:
            ValueError: more than 256 MB.
        """
        if 8 * self.dim**2 > DENSE:
            raise ValueError(f"dense: should have at most 5792 weights, got {self.dim}")
        return self @ torch.eye(self.dim, dtype=torch.float64, device=self.device)

    def quadratic(self, vector: Tensor) -> float:
        """vᵀ A v / vᵀ v, the curvature along a direction.

        Raises:
            ValueError: a vector that is 0 or not finite.
        """
        _check_tensor(vector)
        v = vector.double()
        if not 0 < float(v.norm()) < torch.inf:
            raise ValueError(f"vector: should be finite and other than 0, got norm {v.norm():g}")
        return float(v @ (self @ v) / (v @ v))


def _check_tensor(vector: Tensor) -> None:
    if not isinstance(vector, Tensor):
        raise TypeError(f"vector: should be a tensor, got {type(vector).__name__}")


class _Hessian(NamedTuple):
    """The gradient on a batch, with its graph."""

    gradient: tuple[Tensor, ...]

    def times(self, objective: Objective, pieces: list[Tensor]) -> tuple[Tensor, ...]:
        """H v: the gradient of v · ∇L."""
        live = [(g, v) for g, v in zip(self.gradient, pieces, strict=True) if g.requires_grad]
        return _pulled([g for g, _ in live], objective.parameters, [v for _, v in live])


class _Outputs(NamedTuple):
    """The outputs on a batch, u ↦ Jᵀ u as a graph, and the gradient of the loss in the outputs."""

    output: Tensor
    dummy: Tensor
    transposed: tuple[Tensor, ...]
    leaf: Tensor
    slope: Tensor
    empirical: bool

    def times(self, objective: Objective, pieces: list[Tensor]) -> tuple[Tensor, ...]:
        """Jᵀ B J v with B = ∇²_f l, or B = r rᵀ for each sample."""
        live = [(t, v) for t, v in zip(self.transposed, pieces, strict=True) if t.requires_grad]
        (moved,) = _pulled([t for t, _ in live], [self.dummy], [v for _, v in live])  # J v
        if self.empirical:
            n, rows = len(moved), tuple(range(1, moved.dim()))
            r = n * self.slope.detach()  # of the single samples
            along = (r * moved).sum(rows, keepdim=True) if rows else r * moved
            bent = r * along / n
        elif self.slope.requires_grad:
            (bent,) = _pulled([self.slope], [self.leaf], [moved])
        else:
            bent = torch.zeros_like(moved)
        return _pulled([self.output], objective.parameters, [bent])


def _outputs(objective: Objective, number: int, kind: str) -> _Outputs:
    batch = objective.batches[number]
    objective.batch_loss(number)  # refuses what is no scalar or not finite
    output = objective.output(batch)
    if not isinstance(output, Tensor):
        raise ValueError(
            f"model: output should be a tensor for {kind}, got {type(output).__name__}"
        )
    if kind == "empirical_fisher" and (output.dim() == 0 or len(output) != batch.size):
        raise ValueError(
            f"model: output should have a row for each of the {batch.size} samples, got shape"
            f" {tuple(output.shape)}"
        )
    leaf = output.detach().requires_grad_()
    value = objective.loss(leaf, batch.target)
    (slope,) = torch.autograd.grad(value, leaf, create_graph=True)
    dummy = torch.zeros_like(output, requires_grad=True)
    transposed = torch.autograd.grad(
        output,
        objective.parameters,
        dummy,
        create_graph=True,
        allow_unused=True,
        materialize_grads=True,
    )
    return _Outputs(output, dummy, transposed, leaf, slope, kind == "empirical_fisher")


def _require_mean(objective: Objective, output: Tensor) -> None:
    """The loss on the first batch is the mean of the losses on its samples."""
    target, loss = objective.batches[0].target, objective.loss
    with torch.no_grad():
        whole = float(loss(output, target))
        each = [float(loss(output[i : i + 1], target[i : i + 1])) for i in range(len(output))]
    mean, rounding = sum(each) / len(each), 4 * torch.finfo(output.dtype).eps
    if not abs(whole - mean) <= max(1e-4, rounding) * max(abs(e) for e in each):
        raise ValueError(
            "loss: should be the mean of what it is on each sample for empirical_fisher, got"
            f" {whole:.4g} and a mean of {mean:.4g}"
        )


def _same(kept: list[Tensor], state: list[Tensor]) -> bool:
    """Compared by value: counts of writes miss what ``weight.data`` writes."""
    return all(torch.equal(a, b) for a, b in zip(kept, state, strict=True))


def _pulled(
    outputs: Sequence[Tensor], inputs: Sequence[Tensor], vectors: Sequence[Tensor]
) -> tuple[Tensor, ...]:
    """Σ vᵀ ∂output/∂input for each input; the graph stays."""
    if not outputs:
        return tuple(torch.zeros_like(x) for x in inputs)
    return torch.autograd.grad(
        outputs, inputs, vectors, retain_graph=True, allow_unused=True, materialize_grads=True
    )
