"""Ways to give a network a symmetry: how each is made, trained, tested and timed."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from geomdl.auditing import audit
from geomdl.bench.timing import Timing, compare
from geomdl.fields import Field
from geomdl.symmetrization import Augment, Symmetrized, symmetrize

BATCH, LEARNING_RATE = 32, 3e-3
AUDITED = 6  # samples
Samples = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Task:
    """Upright samples to learn from, and turned ones for the test.

    Attributes:
        train: inputs in float32 and labels.
        test: the same in float64.
        turned: the test inputs, moved once or several times by something else than the code that
            makes networks equivariant.
        source: type of the inputs, under the group.
        target: type of the outputs: invariant scores of the classes.
    """

    train: Samples
    test: Samples
    turned: tuple[Tensor, ...]
    source: Field
    target: Field

    @property
    def classes(self) -> int:
        """Number of classes."""
        return self.target.channels


@dataclass(frozen=True)
class Method:
    """One way to a network that answers the same to a sample and to the turned sample.

    Attributes:
        name: as in the table.
        network: makes the network from the task and a generator of weights.
        augmented: trained on samples that are turned at random.
        mode: of `geomdl.symmetrize`, if it is applied.
        options: of the mode.
        after: method whose trained network is symmetrized as it is; None if this one is trained.
        exact: claims that the answer to a turned sample is that to the upright one.
    """

    name: str
    network: Callable[[Task, torch.Generator], nn.Module]
    augmented: bool = False
    mode: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    after: str | None = None
    exact: bool = False

    def build(self, task: Task, seed: int, others: Mapping[str, nn.Module]) -> nn.Module:
        """The module before its training.

        Args:
            task: says the sizes.
            seed: of the weights.
            others: trained modules by the names of their methods.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            if self.after is None:
                f = self.network(task, torch.Generator().manual_seed(seed))
            else:
                f = others[self.after]
            if self.mode is None:
                return f
            types = {"source": task.source, "target": task.target}
            return symmetrize(f, task.source.group, self.mode, **types, **self.options)


def train(module: nn.Module, method: Method, task: Task, seed: int, epochs: int) -> nn.Module:
    """The module trained on the upright samples, or as it is where it was trained before."""
    from geomdl.training import fit

    if method.after is not None:
        return module.eval()
    augment = Augment(task.source.group, task.source) if method.augmented else None
    return fit(
        module, task.train, epochs=epochs, batch_size=BATCH, lr=LEARNING_RATE, clip=10.0, seed=seed,
        accelerator="cpu", progress=False, augment=augment,
    ).model  # fmt: skip


def examine(module: nn.Module, task: Task) -> dict[str, float]:
    """What one trained module does, in float64.

    Args:
        module: with weights in float32; it is not changed.
        task: with upright and turned test samples.

    Returns:
        upright, turned: accuracies. same: share of answers to turned samples that are those to the
        upright ones. error: greatest equivariance error, by `geomdl.audit`.
    """
    precise = copy.deepcopy(module).double().eval()
    inputs, labels = task.test
    upright = answers(precise, inputs)
    turned = torch.stack([answers(precise, x) for x in task.turned])
    found = audit(
        precise, inputs[:AUDITED], group=task.source.group, source=task.source, target=task.target,
        progress=False,
    )  # fmt: skip
    return {
        "upright": share(upright == labels),
        "turned": share(turned == labels),
        "same": share(turned == upright),
        "error": found.error,
    }


def share(true: Tensor) -> float:
    """Of the entries of a mask."""
    return float(true.double().mean())


def answers(module: nn.Module, inputs: Tensor) -> Tensor:
    """Classes of highest score."""
    with torch.no_grad():
        return torch.cat([module(x).argmax(-1) for x in inputs.split(BATCH)])


def evaluations(module: nn.Module, inputs: Tensor) -> float:
    """How often the network inside is evaluated for each sample, counted."""
    if not isinstance(module, Symmetrized):
        return 1.0
    seen: list[int] = []
    handle = module.f.register_forward_pre_hook(lambda _, args: seen.append(len(args[0])))
    try:
        answers(module, inputs)
    finally:
        handle.remove()
    return sum(seen) / len(inputs)


def forward_times(
    modules: Mapping[str, nn.Module], inputs: Tensor, *, rounds: int, limit: float
) -> Timing:
    """Seconds of a forward pass without gradients, against the first of the modules."""
    calls = {
        name: lambda module=module: answers(module, inputs) for name, module in modules.items()
    }
    return compare(calls, rounds=rounds, limit=limit)
