r"""
Where does descent end, and what does it look like there?
=========================================================

**The question.** A network has tens of thousands of weights, and training finds values for which
the loss is nearly zero. Everybody draws it as a valley with a ball in it. Is there a valley? How
steep are its walls, why does the ball not come to rest, who chose this valley among all others, and
are two valleys that two seeds found really two?

We measure each of these, with an error, and at the end we move one network onto another with a
group.
"""

# %%
# The mathematics, in three formulas
# ----------------------------------
#
# Near a minimum the loss is a quadratic form with the **Hessian** H, and a step of gradient descent
# of size :math:`\eta` multiplies what is left along an eigenvector by :math:`1 - \eta\lambda`. So
# descent is stable where
#
# .. math:: \lambda_{\max}(H) < 2 / \eta .
#
# Stochastic gradients have a covariance :math:`\Sigma` and never come to rest. For least squares
# with normal inputs, label noise :math:`\sigma` and batches of B samples the distance settles at
#
# .. math:: \mathrm{E}\,|\theta - \theta_*|^2
#           = \frac{\eta\,\sigma^2 d / B}{2 - \eta - \eta (d+1)/B} .
#
# And a minimum is never alone: every permutation of hidden units gives another. In an equivariant
# network whole *fields* are permuted, and each may besides be moved by an element of the group:
# with c regular fields of G a layer has :math:`|G|^c\, c!` copies of every minimum.

import math
import os
from itertools import pairwise

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import geomdl
from geomdl import steerable
from geomdl.training import (
    Tracker,
    align,
    barrier,
    bezier,
    descend,
    edge_of_stability,
    evaluate,
    fit,
    gradient_noise,
    hessian_spectrum,
    landscape,
    noise_scale,
    sharpness,
    symmetric_copy,
)

FAST = os.environ.get("GEOMDL_FAST") == "1"  # a small budget: everything runs, in seconds
COLORS = ("#0072B2", "#D55E00", "#009E73")


def half_square(output: Tensor, target: Tensor) -> Tensor:
    """Half the mean squared error: its gradient is that of the formulas."""
    return 0.5 * (output - target).square().mean()


# %%
# The ball does not come to rest
# ------------------------------
#
# Ten weights, a linear model, labels with noise. `descend` is gradient descent as in the textbook:
# one step size, no schedule. A `Tracker` is a callback that measures along the way (it also works
# in `fit`, and ``live=True`` redraws its picture in a notebook while the network trains).

rng = torch.Generator().manual_seed(0)
d, sigma, batch = 10, 0.5, 8
inputs = torch.randn(4096, d, generator=rng, dtype=torch.float64)
noise = torch.randn(4096, 1, generator=rng, dtype=torch.float64)
labels = inputs.sum(1, keepdim=True) + sigma * noise
best = torch.linalg.lstsq(inputs, labels).solution.mT

figure_floor, axes = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
for lr, color in zip((0.2, 0.05, 0.0125), COLORS, strict=True):
    linear = nn.Linear(d, 1, bias=False, dtype=torch.float64)
    nn.init.zeros_(linear.weight)
    away = Tracker(
        lambda m: {"distance": float((m.model.weight.detach() - best).square().sum())}, every=5
    )
    descend(linear, (inputs, labels), half_square, lr=lr, steps=500 if FAST else 3000,
            batch_size=batch, callbacks=away)  # fmt: skip
    floor = lr * sigma**2 * d / batch / (2 - lr - lr * (d + 1) / batch)
    axes.semilogy(away.column("step"), away.column("distance"), color=color, lw=1, alpha=0.8,
                  label=f"step size {lr:g}")  # fmt: skip
    axes.axhline(floor, color=color, ls="--", lw=1.2)
    later = away.column("distance")[60:]
    print(f"step {lr:<6g} floor {floor:.4f}, measured {sum(later) / len(later):.4f}")
axes.set(xlabel="step", ylabel="squared distance from the minimum")
axes.legend(frameon=False)

# %%
# Each curve falls, the faster the larger the step, and then stays at its dashed line: the floor is
# proportional to the step size and to 1/B. Lowering the step size *after* arrival is what every
# schedule does. (The smallest step has hardly arrived when the small budget ends.)
#
# How large should a batch be? Where the noise of a step equals its signal: **tr Σ / |G|²** samples.
# Far away the gradient is loud; near the minimum there is little but noise, and larger batches pay.

linear = nn.Linear(d, 1, bias=False, dtype=torch.float64)
nn.init.zeros_(linear.weight)
along = Tracker(noise_scale((inputs, labels), half_square, batches=128), every=4)
print("at the start:", gradient_noise(linear, (inputs, labels), half_square, batches=128))
descend(linear, (inputs, labels), half_square, lr=0.1, steps=32, callbacks=along)

figure_noise, axes = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
axes.errorbar(along.column("step"), along.column("noise scale"), yerr=along.column("error"),
              fmt="o-", color=COLORS[0], capsize=3)  # fmt: skip
axes.set(xlabel="step", ylabel="noise scale, in samples", yscale="log")

# %%
# The error bars are standard errors. At the very minimum the gradient cannot be told from its
# noise: there `gradient_noise` refuses to give a number, and the tracker leaves a gap.
#
# The bottom: a plain with nine canyons
# -------------------------------------
#
# Now a network: digits of 7 × 7 pixels, 24 hidden units, 1450 weights. Nobody writes down a Hessian
# of 1450 × 1450 entries, but it can be *multiplied*, by differentiating twice. Lanczos' method
# makes a spectrum out of such products.

digits = geomdl.data.load("digits")
train, test = geomdl.data.split(digits, (0.3, 0.3) if FAST else (0.7, 0.3), seed=0)


def tiny(data: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Images of 7 × 7 pixels, flat, and their labels."""
    return F.avg_pool2d(data["images"], 4).flatten(1), data["labels"]


def perceptron(seed: int, width: int = 24) -> nn.Sequential:
    """One hidden layer."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(49, width), nn.ReLU(), nn.Linear(width, 10))


def trained(seed: int, width: int = 24) -> nn.Sequential:
    """The same, taught to read."""
    network = perceptron(seed, width)
    fit(network, tiny(train), epochs=15 if FAST else 40, lr=1e-2, seed=seed, progress=False)
    return network


network = trained(0)
print(f"{100 * evaluate(network, tiny(test)):.1f} % right")
probes, steps = (3, 30) if FAST else (8, 80)
before = hessian_spectrum(perceptron(0), tiny(train), probes=probes, steps=steps, top=12)
after = hessian_spectrum(network, tiny(train), probes=probes, steps=steps, top=12)
print("before:", before)
print("after: ", after)
figure_spectrum = after.plot()

# %%
# Nearly all of the 1450 eigenvalues are about zero: the bottom is a plain. A few stand far out.
# Count them:

assert after.top is not None
values = [float(value) for value in after.top.values]
print(", ".join(f"{value:.2f}" for value in values))
gaps = [a / b for a, b in pairwise(values) if b > 0]
print(f"largest ratio of neighbours after number {1 + gaps.index(max(gaps))}")

# %%
# One fewer than there are classes: moving the logits of ten classes against one another is what the
# loss feels. A random direction meets almost only the plain; so the celebrated pictures of random
# planes show a bowl that is mostly the *average* curvature. Its axes are in lengths of the filters
# (each filter of the direction is as long as that of the weights, so that rescaling a ReLU network
# does not change the picture). Beside it the plane of the gradient's favourite: the eigenvector of
# the largest eigenvalue.

few = tuple(t[:300] for t in tiny(train))
plane = landscape(network, few, points=11 if FAST else 25)
figure_plane = plane.plot()

# %%

sharp = sharpness(network, tiny(train))
lines = {
    "random direction": plane.directions[0] / plane.directions[0].norm(),
    "sharpest direction": sharp.direction,
}
figure_lines, axes = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
for (name, direction), color in zip(lines.items(), COLORS, strict=False):
    line = landscape(network, few, directions=[direction], span=2.0, points=31)
    axes.plot(line.steps, line.losses, color=color, label=name)
axes.set(xlabel="step of this length", ylabel="loss")
axes.legend(frameon=False)
print(f"λ_max = {float(sharp):.3f}, an eigenvalue within {sharp.error:.1e} of it")

# %%
# Who chose this valley? The step size
# ------------------------------------
#
# A steeper valley than :math:`2/\eta` throws the ball out. What then? It does not diverge; it goes
# where the walls are *just* low enough. Full-batch descent on 32 points of a cosine, from one
# start, with two step sizes; the tracker takes the largest eigenvalue of the Hessian on the way.

t = torch.linspace(-1, 1, 32)[:, None]
wave = torch.cos(2 * math.pi * t)
figure_edge, axes = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
for lr, color in zip((0.2, 0.4), COLORS, strict=False):
    torch.manual_seed(0)
    deep = nn.Sequential(
        nn.Linear(1, 20), nn.Tanh(), nn.Linear(20, 20), nn.Tanh(), nn.Linear(20, 1)
    )
    edge = Tracker(edge_of_stability((t, wave), half_square, tol=1e-2), every=100 if FAST else 20)
    descend(deep, (t, wave), half_square, lr=lr, steps=1000 if FAST else 3000, callbacks=edge)
    axes.plot(edge.column("step"), edge.column("sharpness"), color=color, label=f"step size {lr:g}")
    axes.axhline(edge.column("threshold")[0], color=color, ls="--", lw=1.2)
    if lr == 0.4:
        settled = edge.column("sharpness")[-5:]
        assert all(abs(s - 5) < 1 for s in settled)
axes.set(xlabel="step", ylabel="sharpness λ_max", ylim=(0, None))
axes.legend(frameon=False)

# %%
# The sharpness climbs until it meets the dashed line 2/η and stays about it, at the **edge of
# stability**, while the loss goes on falling; once that is small, it may sink a little. So the step
# size chooses the valley: the larger one ends where walls are half as steep. The rule for momentum
# is 2(1 + β)/η; for Adam, which divides by √v̂, the same tracker looks at the preconditioned
# Hessian, within ``fit(…, callbacks=[…])``.
#
# Two valleys, or one seen twice?
# -------------------------------
#
# Two seeds, two networks, both right. On the straight line between their weights the loss rises: a
# barrier. But hidden unit 3 of the one may well be unit 17 of the other. `align` permutes the units
# of the second, without changing what it computes, to bring it close to the first.

wide = [trained(seed, 128) for seed in (0, 1)]
met = align(wide[0], wide[1], tiny(test)[0][:8], restarts=2)
print(
    f"distance {met.before:.1f}, after alignment {met.after:.1f}; outputs differ by {met.error:.0e}"
)
figure_barrier, axes = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
for (name, other), color in zip(
    {"as trained": wide[1], "units permuted": met.model}.items(), COLORS, strict=False
):
    found = barrier(wide[0], other, tiny(train), points=9 if FAST else 21)
    print(f"{name:<16} barrier {found.height:.3f} (grid {found.error:.0e})")
    axes.plot(found.at, found.losses, ".-", color=color, label=name)
round_it = bezier(*wide, tiny(train), steps=150 if FAST else 500, points=9 if FAST else 21)
print(f"{'on a curve':<16} barrier {round_it.height:.3f}")
axes.plot(round_it.at, round_it.losses, ".-", color=COLORS[2], label="as trained, on a curve")
axes.set(xlabel="t, from the first network to the second", ylabel="loss")
axes.legend(frameon=False)

# %%
# Most of the barrier was a matter of names. And a mountain on the straight way is no proof that two
# valleys are two: `bezier` bends the line between the networks, *as they were trained*, until it
# runs below.
#
# The same with a symmetry
# ------------------------
#
# A network that cannot see quarter turns: its hidden layers are regular fields of :math:`C_4`, four
# channels for each filter, one for each turn. Permuting single channels would break the weights'
# pattern. What may be done to a layer without a trace must commute with the group: put fields in
# another order, and *turn each field by an element of its own* (begin to count the four channels
# elsewhere). Let us hide a network from itself by such a symmetry, and look for it.

C4 = geomdl.group("C4")
plane_of = geomdl.Grid(2)
image, first, second = (
    geomdl.Field(plane_of, rep) for rep in (C4.trivial, 8 * C4.regular, 16 * C4.regular)
)


def turning(seed: int) -> nn.Sequential:
    """A convolutional network whose answer does not change under quarter turns; trained."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        steerable.Conv(image, first, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2),
        steerable.Conv(first, second, 3), nn.ReLU(),
        steerable.GroupPool(second), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10),
    )  # fmt: skip
    fit(model, middle(train), epochs=7 if FAST else 20, lr=1e-2, seed=seed, progress=False)
    return model


def middle(data: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Images of 14 × 14 pixels."""
    return F.avg_pool2d(data["images"], 2), data["labels"]


seen = tuple(v[: 100 if FAST else 400] for v in middle(train))
some = seen[0][:4]
one = turning(0)
hidden = symmetric_copy(one, some, rng=torch.Generator().manual_seed(1))
certificate = geomdl.audit(hidden, some, group=C4, source=image, progress=False,
                           target=geomdl.Field(geomdl.Vector(), 10 * C4.trivial))  # fmt: skip
print(f"the copy is as invariant as the network, error {certificate.error:.0e}")

figure_group, axes = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
ways = {
    "as it is": hidden,
    "fields permuted": align(one, hidden, some, symmetry="permutation").model,
    "fields permuted and turned": align(one, hidden, some).model,
}
heights = {}
for (name, other), color in zip(ways.items(), COLORS, strict=True):
    found = barrier(one, other, seen, points=7 if FAST else 15)
    heights[name] = found.height
    print(f"{name:<28} barrier {found.height:.2g}")
    axes.plot(found.at, found.losses, ".-", color=color, label=f"{name}: {found.height:.2g}")
axes.set(xlabel="share of the hidden copy", ylabel="loss")
axes.set_ylim(top=1.6 * axes.get_ylim()[1])
axes.legend(frameon=False, title="barrier", loc="upper left")
assert heights["fields permuted and turned"] < 1e-4 < 0.05 < heights["fields permuted"]

# %%
# Permutations alone leave a mountain between a network and itself. With the group it is gone: the
# line is flat to rounding, since it has no length. And two that were *trained* apart?

two = turning(1)
pairs = {
    "as trained": two,
    "fields permuted": align(one, two, some, symmetry="permutation").model,
    "permuted and turned": align(one, two, some, restarts=2).model,
}
for name, other in pairs.items():
    print(f"{name:<20} barrier {barrier(one, other, seen, points=9).height:.2f}")

# %%
# Here alignment takes some of the barrier, and most remains: sixteen fields are few (the perceptron
# had 128 units), and minima that were found apart differ by more than a symmetry. What alignment
# tells apart is exactly this: what was a matter of names, and what was not.
#
# Exercises
# ---------
#
# 1. In the first picture double the batch and the step size together. Which floor, and which speed?
# 2. Train on five of the ten digits. How many eigenvalues stand out?
# 3. Take ``kind="ggn"`` in `hessian_spectrum`. What becomes of the negative eigenvalues, and why?
# 4. Let `descend` go on with momentum 0.5. Where is the edge now?
# 5. Show that a permutation of the channels of c regular fields commutes with the group only if it
#    permutes fields and translates each from the right, so that there are :math:`|G|^c\, c!`.
# 6. Align networks of 8, 32, 128 and 512 units. How does the barrier fall with the width?
#
# **Read on.** Cohen, Kaur, Li, Kolter and Talwalkar, *Gradient descent on neural networks typically
# occurs at the edge of stability*, 2021, arXiv:2103.00065; Ghorbani, Krishnan and Xiao, *An
# investigation into neural net optimization via Hessian eigenvalue density*, 2019,
# arXiv:1901.10159; Li et al., *Visualizing the loss landscape of neural nets*, 2018,
# arXiv:1712.09913; McCandlish et al., *An empirical model of large-batch training*, 2018,
# arXiv:1812.06162; Ainsworth, Hayase and Srinivasa, *Git Re-Basin*, 2023, arXiv:2209.04836.
