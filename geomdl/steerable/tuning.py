"""Choosing by measurement how each convolution computes."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any, get_args

import torch
from torch import Tensor, nn

from geomdl.steerable.calibration import state_kept
from geomdl.steerable.checks import is_whole
from geomdl.steerable.conv import Conv, Form
from geomdl.steerable.remembered import Remembered

_ROUNDS = 7


@dataclass(frozen=True)
class Choice:
    """What is known of the forms of one layer.

    Attributes:
        name: of the layer in the model.
        form: the faster one, which the layer has from now on.
        multiplications: form -> number for one image.
        seconds: form -> median time of one call; without "fourier" where that has more
            multiplications and was not tried.
    """

    name: str
    form: Form
    multiplications: dict[Form, int]
    seconds: dict[Form, float]


class Choices(tuple[Choice, ...]):
    """A choice for each layer that has one; as text, a table of them."""

    def __str__(self) -> str:
        """Multiplications and milliseconds of each form, and the form chosen, for each layer."""
        if not self:
            return "no layer has more than one form"
        width = max(len("layer"), *(len(c.name) for c in self))
        heads = [f"{form + ' ' + unit:>17}" for form in get_args(Form) for unit in ("10⁶", "ms")]
        lines = [f"{'layer':{width}}{''.join(heads)}  chosen"]
        for c in self:
            cells = []
            for form in get_args(Form):
                time_ = f"{1e3 * c.seconds[form]:17.2f}" if form in c.seconds else f"{'—':>17}"
                cells += [f"{c.multiplications[form] / 1e6:17.1f}", time_]
            lines.append(f"{c.name:{width}}{''.join(cells)}  {c.form}")
        return "\n".join(lines)


def tune(model: nn.Module, *inputs: Any, rounds: int = _ROUNDS) -> Choices:
    """Set `Conv.form` of every convolution to the one that is faster here, by measurement.

    Each `Conv` that has a choice, and is reached by a call of the model, is timed with what it gets
    there: in training mode forward and backward, with filters expanded anew as after a step of the
    optimiser; in evaluation mode forward alone. The forms take turns. Weights, gradients,
    buffers and PyTorch's random state stay as they are, and after an error the forms too; results
    change by rounding. Hooks on weights are called. The best
    form depends on the machine, the size of images, the batch and the number of threads, so tune
    where and as the model will run. A layer that is called several times is timed at the first.

    Args:
        model: any module with such layers.
        inputs: one batch, as for a call of the model.
        rounds: of timing.

    Returns:
        the times and choices, in order of execution.

    Raises:
        ValueError: ``rounds`` is not positive.

    Example:
        >>> import geomdl
        >>> from geomdl import Field, Grid
        >>> D8 = geomdl.group("D8")
        >>> field = Field(Grid(2), 2 * D8.regular)
        >>> conv = Conv(field, field, 3, padding=1).eval()
        >>> choices = tune(conv, torch.zeros(1, 32, 7, 7))
        >>> conv.form == choices[0].form
        True
    """
    if not is_whole(rounds, 1):
        raise ValueError(f"rounds: should be a positive integer, got {rounds!r}")
    layers = {
        name: layer
        for name, layer in model.named_modules()
        if isinstance(layer, Conv) and layer.has_fourier_form
    }
    before = {name: layer.form for name, layer in layers.items()}
    found: dict[str, Choice] = {}

    def hook(name: str, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if name not in found:
            x = args[0] if args else kwargs["x"]
            found[name] = _choose(name, layers[name], x, rounds)

    handles = [
        layer.register_forward_pre_hook(partial(hook, name), with_kwargs=True)
        for name, layer in layers.items()
    ]
    try:
        with state_kept(model), torch.random.fork_rng(), torch.no_grad():
            model(*inputs)
    except BaseException:
        for name, layer in layers.items():
            layer.form = before[name]
        raise
    finally:
        for handle in handles:
            handle.remove()
    return Choices(found.values())


def _choose(name: str, layer: Conv, x: Tensor, rounds: int) -> Choice:
    """Time one layer in both forms, in turns, and set the faster."""
    counts = layer.multiplications(x.shape[2:])
    tried: list[Form] = ["dense"]
    if counts["fourier"] <= counts["dense"] and not torch._C._is_any_autocast_enabled():
        tried.append("fourier")
    steps = {form: _step(layer, form, x.detach()) for form in tried}
    seconds: dict[Form, list[float]] = {form: [] for form in steps}
    for i in range(rounds + 1):
        for form, step in steps.items():
            begin = time.perf_counter()
            step()
            if x.device.type != "cpu":
                torch.accelerator.synchronize(x.device)
            if i:  # the first makes constants
                seconds[form].append(time.perf_counter() - begin)
    times = {form: median(values) for form, values in seconds.items()}
    layer.form = min(times, key=lambda form: times[form])
    return Choice(name or type(layer).__name__, layer.form, counts, times)


def _step(layer: Conv, form: Form, x: Tensor) -> Callable[[], object]:
    """One call in a form, and its derivatives in training."""
    training = layer.training
    weights = [w for w in layer.parameters() if w.requires_grad]
    with torch.inference_mode(mode=False):
        x = x.clone().requires_grad_(training)

    def step() -> None:
        layer.form = form
        if training:
            layer._remembered = Remembered()  # as after a step of the optimiser
        with torch.inference_mode(mode=False), torch.set_grad_enabled(training):
            y = layer.forward(x)  # not the hooks
            if training:
                torch.autograd.grad(y, [x, *weights], y.detach(), allow_unused=True)

    return step
