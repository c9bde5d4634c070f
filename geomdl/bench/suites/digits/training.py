"""Building and training one network, and one step of its training for the clock."""

from collections.abc import Callable

import torch
from torch import nn

from geomdl.bench.suites.digits.networks import Network
from geomdl.bench.suites.digits.task import Samples, rotations

BATCH = 64
LEARNING_RATE = 3e-3


def train(
    network: Network, data: Samples, size: int, classes: int, *, seed: int, epochs: int
) -> tuple[nn.Module, list[float]]:
    """Train one network from its seed.

    Args:
        network: which.
        data: images and labels.
        size: pixels along a side.
        classes: number of classes.
        seed: of the weights, the order of the samples and the augmentation.
        epochs: passes over the data.

    Returns:
        The trained model, in evaluation mode, and the training loss of each epoch.
    """
    from geomdl.training import fit

    model = network.build(size, classes, seed)
    field = rotations()
    run = fit(
        model,
        data,
        epochs=epochs,
        batch_size=BATCH,
        lr=LEARNING_RATE,
        seed=seed,
        accelerator="cpu",
        augment=(field.group, field) if network.augmented else None,
        progress=False,
    )
    return run.model, [float(row["train_loss"]) for row in run.history]


def training_step(network: Network, data: Samples, size: int, classes: int) -> Callable[[], object]:
    """One step on one batch: augmentation (if any), forward, backward, AdamW.

    Args:
        network: which.
        data: images and labels, of which the first batch is used.
        size: pixels along a side.
        classes: number of classes.

    Returns:
        A callable that does the step.
    """
    model = network.build(size, classes, seed=0).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    images, labels = (part[:BATCH] for part in data)
    field, rng = rotations(), torch.Generator().manual_seed(0)

    def step() -> None:
        x = field.act(field.group.sample(len(images), rng), images) if network.augmented else images
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x), labels).backward()
        optimizer.step()

    return step
