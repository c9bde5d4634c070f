r"""
Infinitely wide networks, and what symmetry does to them
========================================================

**The question.** A network of a thousand neurons has a million numbers in it, drawn at random and
then moved a little. Can one say what it will answer *before* training it, and which functions it
finds easy? And what does the symmetry that we build into it change in that answer?

For a network that is wide enough, all of this has a formula. We watch it come true as the width
grows, use it to predict training, find out what such a network cannot learn, and then turn images.
"""

# %%
# The mathematics
# ---------------
#
# Let all weights be independent standard normal numbers, with factors :math:`1/\sqrt{m}` in the
# network. As the width m grows, the central limit theorem makes the outputs a **Gaussian process**.
# Training moves the outputs by the **tangent kernel**, which tends to a constant:
#
# .. math:: \mathbb{E}\, f(x) f(x') \to K(x, x'), \qquad
#           \sum_\theta \partial_\theta f(x)\, \partial_\theta f(x') \to \Theta(x, x').
#
# Gradient descent on the squared loss then is a linear equation, and its solution
#
# .. math:: f_t = f_0 + (1 - e^{-\eta \Theta t}) (y - f_0).
#
# Both kernels are computed layer by layer, since a layer only needs the covariance of what comes
# in. (Neal 1996; Jacot, Gabriel and Hongler 2018, arXiv:1806.07572.)

import math
import os

import matplotlib.pyplot as plt
import torch
from torch import Tensor
from torch.nn import functional as F

import geomdl
from geomdl.generalization import (
    KernelRidge,
    circle_spectrum,
    gradient_flow,
    infinite_ntk,
    learning_curve,
)
from geomdl.generalization.infinite import (
    Conv,
    Dense,
    GlobalAveragePool,
    GroupConv,
    Nonlinearity,
)

FAST = os.environ.get("GEOMDL_FAST") == "1"  # a small budget: everything runs, in seconds
rng = torch.Generator().manual_seed(0)
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "0.6"

# %%
# Width makes functions Gaussian
# ------------------------------
#
# A perceptron of one hidden layer, on the circle. We draw it many times, narrow and wide, and look
# at the functions before any training.

network = [Dense(b_std=0.5), Nonlinearity("relu"), Dense(1.0)]
angle = torch.linspace(-math.pi, math.pi, 121, dtype=torch.float64)


def circle(angle: Tensor) -> Tensor:
    """Points of the plane, of length √2: each coordinate has mean square one."""
    return 2**0.5 * torch.stack([angle.cos(), angle.sin()], 1)


def draw(m: int) -> tuple[Tensor, Tensor, Tensor]:
    """Weights of a network of width m."""
    shapes = ((m, 2), (m,), (m,))
    return tuple(torch.randn(*s, generator=rng, dtype=torch.float64) for s in shapes)


def evaluate(weights: tuple[Tensor, Tensor, Tensor], x: Tensor) -> Tensor:
    """What `network` says, at finite width: fan-ins are 2 and m."""
    w, b, a = weights
    return torch.relu(2**0.5 * x @ w.T / 2**0.5 + 0.5 * b) @ a / len(a) ** 0.5


prior = infinite_ntk(network, circle(angle)).nngp
spread = prior.diagonal().sqrt()
figure_width, axes = plt.subplots(1, 3, figsize=(9, 2.8), sharey=True, layout="constrained")
for ax, m in zip(axes, (2, 20, 2000), strict=True):
    ax.fill_between(angle, -2 * spread, 2 * spread, color=BLUE, alpha=0.12, lw=0)
    for _ in range(12):
        ax.plot(angle, evaluate(draw(m), circle(angle)), color=ORANGE, lw=1)
    ax.set(title=f"width {m}", xlabel="angle")
axes[0].set_ylabel("output, untrained")

# %%
# Two neurons draw a few straight pieces, now and then a steep one. Two thousand draw smooth random
# functions, nearly all of them within the band, which is no fit: it is twice the square root of
# the diagonal of K. How near is the other kernel, the one of training?

points = circle(angle[:-1:12])
exact = infinite_ntk(network, points)
widths, gaps = (8, 32, 128, 512, 2048), []
for m in widths:
    distances = []
    for _ in range(5 if FAST else 20):
        weights = tuple(w.requires_grad_() for w in draw(m))
        rows = [
            torch.autograd.grad(o, weights, retain_graph=True) for o in evaluate(weights, points)
        ]
        jacobian = torch.stack([torch.cat([g.flatten() for g in row]) for row in rows])
        # gradients by the weights themselves, as they stand in the network
        distances.append(float((jacobian @ jacobian.T - exact.ntk).norm() / exact.ntk.norm()))
    gaps.append(sum(distances) / len(distances))
    print(f"width {m:5}: the kernel is off by {100 * gaps[-1]:5.1f} %")

figure_rate, ax = plt.subplots(figsize=(4.6, 3.2), layout="constrained")
ax.loglog(widths, gaps, "o", color=ORANGE, label="random networks")
ax.loglog(widths, [gaps[-1] * (widths[-1] / m) ** 0.5 for m in widths], color=BLUE, label="1/√m")
ax.set(xlabel="width m", ylabel="relative distance of the kernels")
ax.legend(frameon=False)

# %%
# One over the root of the width, as the central limit theorem wants. (``geomdl verify ntk-width``
# checks the constant, too.)
#
# Training, predicted
# -------------------
#
# Six points of a target. One network of width 2000 is trained by plain gradient descent. Beside it
# stands the formula, started from the same untrained outputs: it has not seen the weights.

m, eta, times = 2000, 0.05, (20, 200, 2000 if FAST else 4000)
seen = torch.tensor([-2.6, -1.7, -0.6, 0.3, 1.4, 2.4], dtype=torch.float64)
target = (2 * seen).sin() + 0.5 * seen.cos()
weights = tuple(w.requires_grad_() for w in draw(m))
with torch.no_grad():
    before_seen, before = evaluate(weights, circle(seen)), evaluate(weights, circle(angle))
theta = infinite_ntk(network, circle(seen)).ntk
cross = infinite_ntk(network, circle(angle), circle(seen)).ntk
flow = gradient_flow(
    theta, target, before_seen, eta, torch.tensor(times, dtype=torch.float64), cross, before
)

figure_training, axes = plt.subplots(1, 3, figsize=(9, 2.8), sharey=True, layout="constrained")
for step in range(1, times[-1] + 1):
    loss = 0.5 * (evaluate(weights, circle(seen)) - target).square().sum()
    with torch.no_grad():
        for w, g in zip(weights, torch.autograd.grad(loss, weights), strict=True):
            w -= eta * g
    if step in times:
        k = times.index(step)
        with torch.no_grad():
            axes[k].plot(angle, evaluate(weights, circle(angle)), color=ORANGE, lw=3, alpha=0.5)
        axes[k].plot(angle, flow.test[k], color=BLUE, lw=1.2)
        axes[k].plot(seen, target, "k.", ms=8)
        axes[k].set(title=f"{step} steps", xlabel="angle")
axes[0].set_ylabel("orange: network, blue: formula")

# %%
# The thin line is a prediction, not a fit. The end of training is kernel regression without a
# ridge, so that the machinery of kernels applies: `KernelRidge` is it, with the variance of the
# Gaussian process and the error of leaving samples out in closed form.
#
# What is easy, and what is impossible
# ------------------------------------
#
# On the circle a kernel that depends on the angle alone is diagonal in the Fourier basis, and a
# frequency is learned at the speed of its eigenvalue. Leave out the biases:


def profile(bias: float):
    """The tangent kernel as a function of the cosine of the angle."""
    layers = [Dense(b_std=bias), Nonlinearity("relu"), Dense(1.0)]
    first = torch.tensor([[2**0.5, 0.0]], dtype=torch.float64)

    def kernel(u: Tensor) -> Tensor:
        return infinite_ntk(layers, first, circle(u.clamp(-1, 1).acos())).ntk[0]

    return kernel


figure_spectrum, ax = plt.subplots(figsize=(6, 3), layout="constrained")
for shift, (bias, colour) in enumerate(((0.0, ORANGE), (0.5, BLUE))):
    values = circle_spectrum(profile(bias), 12).eigenvalues
    ax.bar([k + 0.4 * shift - 0.2 for k in range(13)], values.clamp(min=1e-6).tolist(), 0.38,
           color=colour, label=f"biases of size {bias}")  # fmt: skip
ax.set(yscale="log", ylim=(1e-4, 3), xlabel="frequency k", ylabel="eigenvalue")
ax.legend(frameon=False)

where = 2 * math.pi * torch.rand(40, generator=rng, dtype=torch.float64)
for k in (2, 3, 4):
    for bias in (0.0, 0.5):
        layers = [Dense(b_std=bias), Nonlinearity("relu"), Dense(1.0)]
        machine = KernelRidge(lambda a, b, net=layers: infinite_ntk(net, a, b).ntk, 1e-6)
        found = machine.fit(circle(where), (k * where).cos()).mean(circle(angle))
        error = float((found - (k * angle).cos()).square().mean())
        print(f"cos {k}θ, biases {bias}: mean square error {error:.1e} (the target has 0.5)")
        if bias == 0 and k == 3:
            assert error > 0.2

# %%
# Without biases a ReLU network is a linear function plus an even one, whatever its width. So three
# waves around the circle are out of its reach, though four are easy: the kernel says so by a zero.
#
# Symmetry averages the kernel
# ----------------------------
#
# Now images. A plain convolutional network and a group-convolutional one over quarter turns, both
# infinitely wide: the covariances of the second run over pairs of pixels *and* of turns.

act = Nonlinearity("relu")
plain = [Conv(3, b_std=0.1), act, Conv(3, b_std=0.1), act, GlobalAveragePool(), Dense(1.0)]
turning = [
    *(GroupConv("C4", 3, b_std=0.1), act, GroupConv("C4", 3, b_std=0.1), act),
    *(GlobalAveragePool(), Dense(1.0)),
]
digits = geomdl.data.load("digits", size=None)
chosen = torch.randperm(len(digits["labels"]), generator=rng)[: 40 if FAST else 160]
images = F.avg_pool2d(digits["images"][chosen].double(), 2)  # 4 × 4 pixels: pairs are many
images = 4 * images / images.flatten(1).norm(dim=1)[:, None, None, None]
turns = torch.randint(4, (len(images),), generator=rng)  # each digit lies any way
images = torch.stack([x.rot90(int(r), (-2, -1)) for x, r in zip(images, turns, strict=True)])

few = images[:6]
equivariant = infinite_ntk(turning, few).ntk
orbit = [infinite_ntk(plain, few, few.rot90(r, (-2, -1))).ntk for r in range(4)]
difference = float((equivariant - sum(orbit) / 4).abs().max())
print(f"group-convolutional kernel against the mean over four turns: {difference:.0e}")
assert difference < 1e-12

figure_orbit, axes = plt.subplots(1, 3, figsize=(8.6, 2.9), layout="constrained")
pictures = {"plain": orbit[0], "mean over turns": sum(orbit) / 4, "group": equivariant}
for ax, (name, kernel) in zip(axes, pictures.items(), strict=True):
    image = ax.imshow(
        kernel.numpy(), cmap="viridis", vmin=float(orbit[0].min()), vmax=float(orbit[0].max())
    )
    ax.set(title=name, xticks=[], yticks=[])
figure_orbit.colorbar(image, ax=axes, shrink=0.8)

# %%
# Equal to the last digit, and it is a theorem (Misof, Kessel and Gerken 2025, arXiv:2406.06504):
#
# .. math:: \Theta_G(x, x') = \frac{1}{|G|} \sum_{g \in G} \Theta_1(x, g\, x').
#
# It needs filters of symmetric shape, and pooling over positions *and* group. By linear algebra it
# follows that training the plain network on all turned images gives, in the mean over
# initialisations, what the group-convolutional network learns from the images alone. Architecture
# and augmentation agree at infinite width, at 1/16 of the size of the matrix:

x, y = images[:5], F.one_hot(digits["labels"][chosen[:5]], 10).double()
new = images[5:15]
every = torch.cat([x.rot90(r, (-2, -1)) for r in range(4)])
augmented = KernelRidge(lambda a, b: infinite_ntk(plain, a, b).ntk, 1e-3).fit(every, y.repeat(4, 1))
built_in = KernelRidge(lambda a, b: infinite_ntk(turning, a, b).ntk, 1e-3 / 4).fit(x, y)
difference = float((augmented.mean(new) - built_in.mean(new)).abs().max())
print(f"augmentation of the plain one against the group-convolutional one: {difference:.0e}")
assert difference < 1e-8

# %%
# The gain, predicted without training
# ------------------------------------
#
# How much data does the symmetry save? The error of kernel regression follows from the eigenvalues
# of the kernel and the coefficients of the target (Simon et al. 2021, arXiv:2110.03922). We take
# the digits here as the whole world, with samples drawn from it, and compare.

quarter = [infinite_ntk(plain, images, images.rot90(r, (-2, -1))).ntk for r in range(4)]
kernels = {"plain": quarter[0], "group": sum(quarter) / 4}
labels = F.one_hot(digits["labels"][chosen], 10).double() - 0.1
N, ridge = len(images), 1e-2
sizes = [s for s in (5, 10, 20, 40) if s <= N // 4]  # few of the world: nothing is known by heart
figure_curve, ax = plt.subplots(figsize=(5.4, 3.6), layout="constrained")
for (name, kernel), colour in zip(kernels.items(), (ORANGE, GREEN), strict=True):
    kernel = (kernel + kernel.T) / 2 / kernel.diagonal().mean()
    values, modes = torch.linalg.eigh(kernel / N)
    weight = (modes.T @ labels).square().sum(1).div(N).sqrt()
    curve = learning_curve(values.clamp(min=0), weight, list(range(4, sizes[-1] + 1)), ridge)
    ax.plot(curve.n, curve.test, color=colour, label=name)
    for n in sizes:
        errors = []
        for _ in range(20):
            at = torch.randint(N, (n,), generator=rng)
            system = kernel[at][:, at] + ridge * torch.eye(n)
            fit = kernel[:, at] @ torch.linalg.solve(system, labels[at])
            errors.append((fit - labels).square().sum(1).mean())
        sample = torch.stack(errors)
        bar = 2 * float(sample.std()) / 20**0.5
        ax.errorbar(n, float(sample.mean()), yerr=bar, fmt="o", color=colour, ms=4)
ax.set(xscale="log", xlabel="samples n", ylabel="mean square error")
ax.legend(frameon=False, title="lines: predicted")

# %%
# The lines saw no training set. Where the symmetry is true of the data, averaging the kernel moves
# weight from modes that the target does not have to those that it has, and the curve to the left.
#
# Exercises
# ---------
#
# 1. Replace ReLU by ``"erf"``. What becomes of the eigenvalues on the circle, and why?
# 2. Put `Flatten` in place of `GlobalAveragePool` in both networks. Does the theorem still hold?
# 3. Train a network of width 20 beside the formula. Where do they part first?
# 4. Add `Residual` layers to the perceptron. How does K on the diagonal grow with depth?
# 5. Turn the digits upright again. Which of the two kernels learns faster now?
# 6. `GraphConv` makes kernels of graphs. Find two graphs that are not isomorphic whose kernels are
#    equal, with the help of tutorial 05.
#
# **Read on.** Lee et al., *Wide neural networks of any depth evolve as linear models*, 2019,
# arXiv:1902.06720; Arora et al., *On exact computation with an infinitely wide neural net*, 2019,
# arXiv:1904.11955; Bietti and Mairal, *On the inductive bias of neural tangent kernels*, 2019,
# arXiv:1905.12173; Mei, Misiakiewicz and Montanari, *Learning with invariances in random features
# and kernel models*, 2021, arXiv:2102.13219.
