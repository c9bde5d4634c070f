"""Modules that break one law each, and look innocent otherwise."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from geomdl.registry import Example, Registry
from tests.laws.toys import REGULAR, Circulant, circulant, draw, draw_two

registry = Registry()


@dataclass(frozen=True)
class Saboteur:
    """A module, the law that it breaks, and part of what the law must say."""

    law: str
    message: str
    example: Example


SABOTEURS: dict[str, Saboteur] = {}
_count = itertools.count()


def breaks(law: str, message: str, inputs: Any = draw, **options: Any) -> Callable[[Any], Any]:
    """Register a class as a saboteur of a law."""

    def register(cls: Any) -> Any:
        example = Example(cls, inputs, **options)
        SABOTEURS[cls.__name__] = Saboteur(law, message, example)
        return registry.register_layer(f"sabotage/{cls.__name__}", example=example)(cls)

    return register


@breaks("equivariance", "with random weights")
class PositionDependent(Circulant):
    """A bias for each component."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(4))


@breaks("equivariance", "after training")
class Drifting(Circulant):
    """Equivariant until training mode has moved one component's statistics."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(4))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.mean += 0.1 * (x.detach().mean(0) - self.mean)
        return super().forward(x) - self.mean


@breaks("equivariance", "with random weights")
class WrongWay(Circulant):
    """Turns the wrong way: right for the identity and for half turns."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flip(-1))


@breaks("dependence", "input 0 changes no output")
class Constant(Circulant):
    """Equivariant, and the same for every input."""

    def forward(self, x: Tensor) -> Tensor:
        return 0 * x + self.weight.sum()


@breaks("dependence", "input 1 changes no output", draw_two)
class Deaf(Circulant):
    """Ignores its second input."""

    source = {"a": REGULAR, "b": REGULAR}  # noqa: RUF012

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return super().forward(a + 0 * b)


@breaks("dependence", "some output never changes")
class HalfConstant(Circulant):
    """The second of two outputs is constant."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return super().forward(x), torch.ones_like(x)


@breaks("batch_independence", "sample 0 alone differs from sample 0 of 3")
class Crowded(Circulant):
    """Subtracts the mean over the batch."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x - x.mean(0))


@breaks("dtypes", "torch.float64 went in, torch.float32 came out")
class Single(Circulant):
    """Always answers in float32."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).float()


@breaks("dtypes", "torch.bfloat16 went in, torch.float32 came out")
class Promoted(Circulant):
    """Keeps float64 and float32 alone."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * torch.ones(1)


@breaks("dtypes", "torch.float32: relative error")
class Coarse(Circulant):
    """Computes in bfloat16 what is asked in float32."""

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        return y.bfloat16().to(y.dtype) if y.dtype == torch.float32 else y


class _Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return 2 * gradients[0]


@breaks("gradcheck", ": gradients differ")
class WrongGradient(Circulant):
    """A backward pass twice too large."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(_Doubled.apply(x))


@breaks("gradcheck", ": gradients differ")
class HiddenSingle(Circulant):
    """float64 that has passed through float32."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.float().to(x.dtype))


class _Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return 2 * ctx.saved_tensors[0] * gradients[0]


@breaks("gradcheck", "second gradients differ", forces=True)
class OnceDifferentiable(Circulant):
    """Right gradients, no gradients of gradients."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(_Square.apply(x))


@breaks("compile", "Data-dependent")
class Branching(Circulant):
    """Python decides by the data."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) if x.sum() > 0 else -super().forward(-x)


@breaks("compile", "compiled and eager outputs differ")
class Chameleon(Circulant):
    """Another function under the compiler."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(2 * x if torch.compiler.is_compiling() else x)


@breaks("export", "exported and eager outputs differ")
class Smuggler(Circulant):
    """Another function when exported."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(2 * x if torch.compiler.is_exporting() else x)


@breaks("export", "Could not guard on data-dependent")
class BranchingExport(Branching):
    """Python decides by the data."""


@breaks("save_load", "outputs differ")
class Forgetful(Circulant):
    """A number of its own that is neither argument, parameter nor buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = next(_count) + 2.0

    def forward(self, x: Tensor) -> Tensor:
        return self.factor * super().forward(x)


@breaks("save_load", "frame is not what it was")
class Lossy(Circulant):
    """A random buffer that is not saved."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("frame", torch.rand(()), persistent=False)


@breaks("determinism", "two builds under one seed differ")
class Unrepeatable(Circulant):
    """Initial weights from beyond the seed."""

    def __init__(self) -> None:
        super().__init__()
        nn.init.constant_(self.weight, next(_count))


@breaks("determinism", "draws from the global generator")
class Noisy(Circulant):
    """Noise in evaluation mode."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x + torch.randn_like(x))


@breaks("determinism", "changes the state")
class Counting(Circulant):
    """A buffer moves in evaluation mode."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return super().forward(x)


@breaks("determinism", "Inference tensors cannot be saved for backward")
class Poisoned(Circulant):
    """Keeps what it has worked out at the first call, whoever asked."""

    def forward(self, x: Tensor) -> Tensor:
        if not hasattr(self, "kept"):
            self.kept = torch.ones(4, dtype=x.dtype) * 2
        return super().forward(x) * self.kept


@breaks("empty_batch", "IndexError")
class Crashing(Circulant):
    """Divides by the largest entry of the batch."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) / x.amax(0).amax(0).clamp(min=1)


@breaks("empty_batch", "expected shape (0, 4), got (1, 4)")
class Generous(Circulant):
    """Makes a sample of none."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) if len(x) else x.new_zeros(1, 4)


@breaks("empty_batch", "an empty batch gives gradients")
class Regularised(Circulant):
    """Sees a gradient where there is no sample."""

    def forward(self, x: Tensor) -> Tensor:
        return _Leaky.apply(super().forward(x), self.bias)


class _Leaky(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, bias: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        return gradients[0], gradients[0].new_ones(())


@breaks("nan_isolation", "and yet not all of its output is")
class Hiding(Circulant):
    """Turns NaN into zero."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.nan_to_num())


@breaks("nan_isolation", "and others change by nan")
class Contagious(Circulant):
    """Adds nothing of the others; of a NaN, too much."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x + 0 * x.sum(0))


@breaks("nan_isolation", "and others change by")
class Shy(Circulant):
    """Drops the whole batch where a NaN is seen."""

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        return torch.where(x.isnan().any(), y * 0, y)


@breaks("deepcopy", "the copy does not run on its own weights")
class Nostalgic(Circulant):
    """A closure over the original's weights."""

    def __init__(self) -> None:
        super().__init__()
        weight = self.weight
        self.run = lambda x: circulant(weight, x)

    def forward(self, x: Tensor) -> Tensor:
        return self.run(x)


@breaks("deepcopy", "weight is shared")
class Clinging(Circulant):
    """A copy that keeps the parameters."""

    def __deepcopy__(self, memo: dict[int, Any]) -> "Clinging":
        twin = Clinging()
        twin.__dict__.update({k: v for k, v in self.__dict__.items() if k != "_parameters"})
        twin._parameters = dict(self._parameters)
        return twin
