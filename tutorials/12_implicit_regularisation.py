r"""
Which solution does descent choose?
===================================

**The question.** A network has more weights than there are data. So there are many settings, a
whole continuum, with zero training loss; some of them say nonsense about new data. The loss does
not prefer any of them. Yet descent ends at one, and mostly at a good one. Which, and why?

The answer is in the *path*: where it starts, in which coordinates it is steepest, and what it can
never leave. We look at five small problems in which the choice is known in closed form, the last of
them with a symmetry. Each is also a claim that ``geomdl verify`` checks.
"""

# %%
# The mathematics, in one line
# ----------------------------
#
# Gradient descent on weights :math:`w` of a map :math:`\beta = \phi(w)` moves :math:`\beta` by
#
# .. math:: \dot\beta = - D\phi\, D\phi^\top\, \nabla L(\beta),
#
# and :math:`D\phi\, D\phi^\top`, which depends on where one is, bends the path. A linear model has
# the identity there, a product of weights gives large steps to what is large already.

import math
import os
from collections.abc import Callable

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import Tensor

import geomdl
from geomdl.claims.implicit import widest_margin
from geomdl.claims.linear_networks import mode_dynamics
from geomdl.claims.sparsity import least_potential

FAST = os.environ.get("GEOMDL_FAST") == "1"  # a small budget: everything runs, in seconds
torch.set_default_dtype(torch.float64)
rng = torch.Generator().manual_seed(0)
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#999999"


def descend(
    loss: Callable[..., Tensor], weights: list[Tensor], lr: float, steps: int, every: int = 1
) -> list[list[Tensor]]:
    """Plain gradient descent; the weights at every so many steps, and at the end."""
    seen = []
    for k in range(steps + 1):
        if k % every == 0 or k == steps:
            seen.append([w.detach().clone() for w in weights])
        leaves = [w.detach().requires_grad_() for w in weights]
        slopes = torch.autograd.grad(loss(*leaves), leaves)
        weights = [w.detach() - lr * g for w, g in zip(leaves, slopes, strict=True)]
    return seen


# %%
# The nearest one
# ---------------
#
# One equation for two unknowns, :math:`\beta_1 + 2 \beta_2 = 2`: the solutions are a line. The
# gradient is always a multiple of :math:`(1, 2)`, so that descent goes straight to the *nearest*
# point, :math:`\theta_\infty = \theta_0 + X^+(y - X\theta_0)`. Adam divides each coordinate by the
# size of its gradient, walks along a diagonal, and ends somewhere else. Write the unknowns as
# :math:`\beta = u^2 - v^2`, and the path bends along the axes, the more so the smaller it starts.

x, y = torch.tensor([[1.0, 2.0]]), torch.tensor([2.0])


def plain(beta: Tensor) -> Tensor:
    return (x @ beta - y).square().sum() / 2


def squared(u: Tensor, v: Tensor) -> Tensor:
    return plain(u.square() - v.square())


figure_plane, both = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained", sharey=True)
for axes in both:
    axes.plot([-0.4, 2.2], [1.2, -0.1], color=GREY, lw=5, alpha=0.5, label="zero loss")
    axes.axhline(0, color="0.88", zorder=0)
    axes.axvline(0, color="0.88", zorder=0)
    axes.set(aspect="equal", xlabel=r"$\beta_1$", xlim=(-0.5, 2.1), ylim=(-0.5, 1.5))
for start in ((0.0, 0.0), (0.9, -0.3), (1.6, 1.2)):
    path = torch.stack([w[0] for w in descend(plain, [torch.tensor(start)], 0.05, 200)])
    both[0].plot(path[:, 0], path[:, 1], color=BLUE, label="descent" if start[0] == 0 else None)
    w = torch.tensor(start, requires_grad=True)
    adam, steps = torch.optim.Adam([w], lr=0.02), []
    for _ in range(400):
        steps.append(w.detach().clone())
        adam.zero_grad()
        plain(w).backward()
        adam.step()
    other = torch.stack(steps)
    both[0].plot(other[:, 0], other[:, 1], color=ORANGE, ls="--",
                 label="Adam" if start[0] == 0 else None)  # fmt: skip
    nearest = torch.tensor(start) + torch.linalg.pinv(x) @ (y - x @ torch.tensor(start))
    both[0].plot(*nearest, "ko", ms=5)
    assert torch.allclose(path[-1], nearest, atol=1e-10)
for alpha, colour in ((0.003, ORANGE), (0.1, GREEN), (1.5, BLUE)):
    half = [torch.full((2,), alpha), torch.full((2,), alpha)]
    ends = descend(squared, half, 0.04 / (1 + alpha**2), 1000, 5)
    path = torch.stack([u.square() - v.square() for u, v in ends])
    both[1].plot(path[:, 0], path[:, 1], color=colour, label=f"start at α = {alpha:g}")
    both[1].plot(*least_potential(x, y, alpha), "ko", ms=5)
both[0].set(ylabel=r"$\beta_2$", title="linear in the weights")
both[1].set(title=r"$\beta = u^2 - v^2$")
for axes in both:
    axes.legend(frameon=False, fontsize=8)

# %%
# Black dots are predictions: on the left the nearest point, on the right the least of Woodworth's
# potential :math:`\sum_i q(\beta_i/\alpha^2)`. Nobody put a penalty into the loss; yet from a small
# start the end is on an axis, a *sparse* solution, and from a large one it is the nearest to zero.
#
# Sparse or dense, by the size of the first weights
# -------------------------------------------------
#
# Does it matter? Thirty measurements of eighty numbers, of which four are not zero. The same model,
# the same data, the same zero loss, and only the first weights differ in size.

n, d, kept = (15, 40, 2) if FAST else (30, 80, 4)
truth = torch.zeros(d)
truth[:kept] = torch.tensor([1.0, -0.8, 0.6, -1.2])[:kept]
data = torch.randn(n, d, generator=rng) / math.sqrt(n)
answers = data @ truth
alphas = torch.logspace(-2.5, 0.5, 7)[:, None]


def fits(u: Tensor, v: Tensor) -> Tensor:
    """Of all scales at once; the rates are made for the larger weights."""
    residual = (u.square() - v.square()) @ data.T - answers
    return (residual.square().sum(1) / (1 + alphas[:, 0].square())).sum() / 4


first = [alphas.expand(-1, d).clone(), alphas.expand(-1, d).clone()]
(u, v) = descend(fits, first, 0.05, 1500 if FAST else 20000, every=10**6)[-1]
found = u.square() - v.square()
error = (found - truth).norm(dim=1) / truth.norm()
grid = torch.logspace(-2.5, 0.5, 13 if FAST else 25)
curve = [float((least_potential(data, answers, float(a)) - truth).norm() / truth.norm())
         for a in grid]  # fmt: skip

figure_sparse, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
left.semilogx(grid, curve, color=BLUE, lw=2, label="least potential")
left.semilogx(alphas[:, 0], error, "o", color=ORANGE, label="descent")
left.axhline(float((torch.linalg.pinv(data) @ answers - truth).norm() / truth.norm()), ls="--",
             color=GREY, label="least norm")  # fmt: skip
left.set(xlabel="size α of the first weights", ylabel="relative error", ylim=(0, 1))
left.legend(frameon=False)
right.plot(found[-1], "o", color=BLUE, ms=3, label=f"α = {float(alphas[-1]):.2g}")
right.plot(found[0], "o", color=ORANGE, ms=4, label=f"α = {float(alphas[0]):.2g}")
right.plot(truth, "k+", ms=9, label="truth")
right.set(xlabel="coefficient", title="the same data, fitted twice")
right.legend(frameon=False, fontsize=8)
print(f"error from a small start {float(error[0]):.3f}, from a large one {float(error[-1]):.3f}")
assert error[0] < 0.1 < 0.5 < error[-1]

# %%
# Small first weights find the truth where large ones find what the pseudo-inverse finds. Large
# weights hardly move, and a network that hardly moves is linear: that is the *kernel regime* of
# very wide networks. Small ones move far, and choose: the *rich* regime.
#
# Wide margins, and the patience they need
# ----------------------------------------
#
# In classification the loss has no minimum at all: on separable data the weights run away. Their
# *direction* converges, to the separating line of largest margin, as :math:`1/\log t`. Ten times
# as long is hardly any better. Steps that grow as the loss falls buy an exponent.

points = torch.randn(40, 2, generator=rng)
labels = torch.where(points @ torch.tensor([1.0, 0.6]) > 0, 1.0, -1.0)
points = points + 0.5 * labels[:, None] * torch.tensor([0.86, 0.51])
signed = points * labels[:, None]
best, _ = widest_margin(signed)

w, clock, track = torch.zeros(2), -math.inf, []
step = 1 / float(signed.square().sum(1).max())
while clock < (40 if FAST else 300):
    margins = signed @ w
    log_loss = torch.logsumexp(-margins, 0) if w.norm() > 30 else (
        torch.nn.functional.softplus(-margins).sum().log()
    )  # fmt: skip
    rate = step * torch.exp(torch.nn.functional.logsigmoid(-margins) - log_loss)
    clock = float(np.logaddexp(clock, math.log(step) - float(log_loss)))  # log of Σ steps
    w = w + signed.T @ rate
    track.append((clock, float((w / w.norm() - best / best.norm()).norm()), w.clone()))
times, gaps = (torch.tensor([row[i] for row in track]) for i in (0, 1))

figure_margin, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for sign, colour in ((1, BLUE), (-1, ORANGE)):
    left.scatter(*points[labels == sign].T, s=14, color=colour)
for direction, colour, name in (
    (track[0][2], GREY, "after a step"), (track[len(track) // 4][2], GREEN, "later"),
    (track[-1][2], "k", "at last")):  # fmt: skip
    across = torch.stack([-direction[1], direction[0]]) / direction.norm() * 3
    left.plot([-across[0], across[0]], [-across[1], across[1]], color=colour, label=name)
left.set(aspect="equal", xlim=(-3, 3), ylim=(-2.5, 2.5))
left.legend(frameon=False, fontsize=8)
later = times > 1
right.loglog(times[later], gaps[later], color=ORANGE, lw=2, label="descent")
right.loglog(times[later], float(gaps[-1] * times[-1]) / times[later], color=BLUE, ls="--",
             label="1/log t")  # fmt: skip
right.set(xlabel="log t", ylabel="distance from the best direction")
right.legend(frameon=False)
reached = f"{float(gaps[-1]):.4f} after {len(track)} growing steps"
print(f"{reached}, or {times[-1] / math.log(10):.0f} decades of plain ones")

# %%
# One thing after the other
# -------------------------
#
# Four living things, and what is true of them. A linear network of two layers, from tiny weights,
# is to learn the table. Its end is no surprise, but look at the way: the loss is a staircase. Each
# step is a singular mode of the table, *learned in order of its strength*, along the logistic curve
# :math:`a(t) = s / (1 + (s/a_0 - 1) e^{-2st})`. Between the steps it waits at a saddle.

things = ["canary", "salmon", "oak", "rose"]
facts = {
    "grows": (1, 1, 1, 1), "moves": (1, 1, 0, 0), "has skin": (1, 1, 0, 0),
    "has roots": (0, 0, 1, 1), "has leaves": (0, 0, 1, 1), "flies": (1, 0, 0, 0),
    "sings": (1, 0, 0, 0), "has wings": (1, 0, 0, 0), "swims": (0, 1, 0, 0),
    "has bark": (0, 0, 1, 0),
}  # fmt: skip
table = torch.tensor(list(facts.values()), dtype=torch.float64)
modes, strengths, sides = torch.linalg.svd(table, full_matrices=False)
hidden, small, rate, count = 16, 1e-3, 0.01, 1400
layers = [
    small * torch.randn(hidden, 4, generator=rng),
    small * torch.randn(10, hidden, generator=rng),
]


def misses(first: Tensor, second: Tensor) -> Tensor:
    return (table - second @ first).square().sum() / 2


history = descend(misses, layers, rate, count, every=5)
when = torch.arange(len(history)) * 5 * rate
learned = torch.stack([(modes.T @ b @ a @ sides.T).diagonal() for a, b in history])
loss = torch.stack([misses(a, b) for a, b in history])
begun = ((layers[0] @ sides.T + layers[1].T @ modes) / 2).square().sum(0)  # the part that grows

figure_stairs, (left, right) = plt.subplots(
    1, 2, figsize=(9.5, 3.6), layout="constrained", width_ratios=[1.5, 1]
)
names = ("that they live", "animal or plant", "bird or fish", "oak or rose")
for i, colour in enumerate((BLUE, ORANGE, GREEN, "#CC79A7")):
    left.plot(when, learned[:, i], color=colour, lw=3, alpha=0.5, label=names[i])
    left.plot(when, mode_dynamics(when, float(strengths[i]), float(begun[i])), "k--", lw=1)
left.plot(when, loss / loss[0] * strengths[0], color=GREY, lw=1, label="loss, scaled")
left.set(xlabel="time", ylabel="strength of the mode", title="dashed: predicted")
left.legend(frameon=False, fontsize=8)
right.imshow(sides.numpy(), cmap="RdBu_r", vmin=-1, vmax=1)
right.set_xticks(range(4), things, rotation=45)
right.set_yticks(range(4), names)
right.grid(visible=False)
right.set_title("the modes", fontsize=10)

# %%
# First that they all grow, then that there are animals and plants, at last that an oak has bark. A
# child does it in this order, and nobody told the network what a plant is. Stopped early, it has
# learned the *coarse* truth: early stopping limits the rank.
#
# Why are the curves so simple? The layers stay balanced: the flow conserves
# :math:`W_2^\top W_2 - W_1 W_1^\top`. It is Noether's theorem, for the loss does not change when a
# matrix goes from one layer to the other.

balance = [float((b.T @ b - a @ a.T).norm()) for a, b in (history[0], history[-1])]
print(f"|W2'W2 - W1W1'| was {balance[0]:.1e} at the start, is {balance[1]:.1e} at the end")
print(f"the weights have grown to {float(history[-1][0].norm()):.1f}")

# %%
# What symmetry does: sparse in frequency
# ---------------------------------------
#
# A signal on a circle of 32 points, and a number to read off it: a sum over two of its frequencies.
# Eighteen examples, 32 unknowns. Two linear networks of two layers: one is dense, the other has two
# circular convolutions. Both can say every linear map, and only these. What do they choose?
#
# A convolution is a product in Fourier space, :math:`\hat\beta_k = \hat w_k \hat v_k`. So it is the
# story of the squared weights again, in *frequencies*: from a small start it is the solution with
# the least :math:`\sum_k |\hat\beta_k|`. The layer was chosen for its equivariance; its descent
# comes with a taste, and the taste is in the representations of the group.

size, examples = 32, 18
places = torch.arange(size) * (2 * math.pi / size)
target = 0.5 * torch.cos(3 * places + 0.4) + 0.3 * torch.cos(7 * places - 1.1)
signals = torch.randn(examples, size, generator=rng) / math.sqrt(size)
values = signals @ target


def dense(first: Tensor, second: Tensor) -> Tensor:
    return second @ first


def convolved(first: Tensor, second: Tensor) -> Tensor:
    return torch.fft.irfft(torch.fft.rfft(first) * torch.fft.rfft(second), n=size)


def start(alpha: float, *shapes: int) -> Tensor:
    return alpha * torch.randn(*shapes, generator=rng) / math.sqrt(shapes[-1])


steps = 2500 if FAST else 10000
read: dict[str, Tensor] = {}
for name, phi, weights, lr in (
    ("dense, small start", dense, [start(0.01, size, size), start(0.01, size)], 0.1),
    ("convolutions, large start", convolved, [3 * torch.eye(size)[0], torch.zeros(size)], 0.05),
    ("convolutions, small start", convolved, [start(0.01, size), start(0.01, size)], 0.05),
):

    def fit(first: Tensor, second: Tensor, phi: Callable[..., Tensor] = phi) -> Tensor:
        return (signals @ phi(first, second) - values).square().sum() / 2

    end = descend(fit, weights, lr, steps, every=10**6)[-1]
    read[name] = phi(*end)
    off = float((read[name] - target).norm() / target.norm())
    print(f"{name:<26} training loss {float(fit(*end)):.0e}, relative error {off:.3f}")

figure_fourier, axes = plt.subplots(figsize=(8, 3.2), layout="constrained")
for i, (name, colour) in enumerate(zip(read, (GREY, BLUE, ORANGE), strict=True)):
    heights = torch.fft.rfft(read[name]).abs()
    where = np.arange(len(heights)) + 0.27 * i - 0.27
    axes.bar(where, heights.numpy(), 0.26, color=colour, label=name)
axes.plot(torch.fft.rfft(target).abs(), "k_", ms=16, label="truth")
axes.set(xlabel="frequency", ylabel=r"$|\hat\beta|$")
axes.legend(frameon=False)

# %%
# For other groups it is the same with matrices in the place of numbers: the Fourier coefficient of
# an irrep is a matrix, and the network prefers those of low rank (Lawrence et al.). On class
# functions the matrices are multiples of the identity, and the claim
# ``group-convolution-potential`` has the end in closed form for the groups D8 and S4.
#
# What symmetry does: a valley with walls
# ---------------------------------------
#
# Last, a network that has nothing built in. Let it *start* at equivariant weights, and descend on
# data with all their transforms. The loss does not change under the group, neither does its
# gradient, so that no step can leave the equivariant weights: it trains like the network that has
# them built in, to the last digit. And if the transforms are missing, or the start is anywhere?

D4 = geomdl.group("D4")
inner, outer = 4 * D4.standard, 2 * D4.regular
bases = [geomdl.intertwiners(inner, outer), geomdl.intertwiners(outer, D4.trivial)]
few = torch.randn(6, inner.dim, generator=rng)
wanted = torch.randn(6, 1, generator=rng)
orbit = torch.einsum("gij,nj->gni", inner(D4.elements), few)
equivariant = [torch.tensordot(torch.randn(len(q), generator=rng) / 2, q, 1) for q in bases]
anywhere = [torch.randn(q.shape[1:], generator=rng) / math.sqrt(q.shape[2]) for q in bases]


def outside(weights: list[Tensor]) -> float:
    """Distance from the equivariant maps."""
    inside = [torch.einsum("b,bji->ji", torch.einsum("bji,ji->b", q, w), q)
              for q, w in zip(bases, weights, strict=True)]  # fmt: skip
    return sum(float((w - i).square().sum()) for w, i in zip(weights, inside, strict=True)) ** 0.5


figure_valley, axes = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
for name, weights, seen, colour in (
    ("equivariant start, all transforms", equivariant, orbit, BLUE),
    ("equivariant start, data as they are", equivariant, few[None], GREEN),
    ("any start, all transforms", anywhere, orbit, ORANGE)):  # fmt: skip

    def gap(first: Tensor, second: Tensor, seen: Tensor = seen) -> Tensor:
        return (torch.relu(seen @ first.T) @ second.T - wanted).square().mean()

    run = descend(gap, weights, 0.05, 300 if FAST else 1500, every=10)
    away = [max(outside(w), 1e-17) for w in run]
    axes.semilogy(torch.arange(len(away)) * 10, away, color=colour, lw=2, label=name)
    print(f"{name:<36} loss {float(gap(*run[-1])):.4f}, distance {away[-1]:.0e}")
    if "all" in name and colour == BLUE:
        assert away[-1] < 1e-12
torch.set_default_dtype(torch.float32)  # as it was
axes.set(xlabel="step", ylabel="distance from equivariant maps", ylim=(1e-18, 1e2))
axes.legend(frameon=False, fontsize=8, loc="center right")

# %%
# Blue stays at rounding. Green leaves at once: an equivariant start alone keeps nothing. Orange has
# the invariant loss and no reason to come home: augmentation *allows* symmetry, it does not
# *choose* it. If you want it, build it in, or start in it.
#
# To see all this checked: ``geomdl verify "implicit regularisation" "linear networks"``.
#
# Exercises
# ---------
#
# 1. Begin Adam in the first picture with another rate. Does its end depend on it? And descent's?
# 2. Replace :math:`u^2 - v^2` by :math:`u^3 - v^3`. Is the end sparser, from the same start?
# 3. Show that the log of time is the right clock: how many plain steps make the direction ten times
#    better?
# 4. Learn the table with three layers. How do the waits between the steps of the loss change?
# 5. Shift the signals on the circle at random while training. What does the dense network choose?
# 6. Add noise of size :math:`10^{-8}` to the equivariant start. Does the distance grow? When?
#
# **Read on.** Soudry et al., *The implicit bias of gradient descent on separable data*, 2018,
# arXiv:1710.10345; Woodworth et al., *Kernel and rich regimes in overparametrized models*, 2020,
# arXiv:2002.09277; Saxe, McClelland and Ganguli, *Exact solutions to the nonlinear dynamics of
# learning in deep linear neural networks*, 2014, arXiv:1312.6120; Gunasekar et al., *Implicit bias
# of gradient descent on linear convolutional networks*, 2018, arXiv:1806.00468; Lawrence et al.,
# *Implicit bias of linear equivariant networks*, 2022, arXiv:2110.06084; Nordenfors, Ohlsson and
# Flinth, *Optimization dynamics of equivariant and augmented neural networks*, 2024,
# arXiv:2303.13458.
