r"""
What can a network say?
=======================

**The question.** One hidden layer approximates every continuous function, says the theorem of 1989.
So why are networks deep? And if a symmetry is built in, what has been given away?

Before anything is learned there is the set of functions that a network *can* be. We look at it from
three sides: how many neurons a function costs, how many pieces it can have, and which answers a
symmetric network will never give, whatever it is trained on.
"""

# %%
# The mathematics, in three formulas
# ----------------------------------
#
# A function with Fourier transform :math:`\hat f` is a mean of cosines. Draw n of them: the error
# of the mean falls like :math:`1/\sqrt n` **in every dimension** (Maurey; Barron for sigmoids),
#
# .. math:: \mathbb{E}\,\|f_n - f\|^2 = \frac{\operatorname{Var}}{n}, \qquad
#           \|f_n - f\|^2 \le \frac{(2 r C_f)^2}{n}, \quad
#           C_f = \int |\omega|\,|\hat f(\omega)|\,d\omega.
#
# **Depth** composes: the tent :math:`g(x) = 1 - |2x - 1|` put into itself k times has :math:`2^k`
# teeth. And **symmetry** forbids: if :math:`hx = x`, an equivariant f has
#
# .. math:: f(x) = f(hx) = \rho(h)\, f(x).

import math
import os
from collections.abc import Callable
from itertools import pairwise

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn

import geomdl
from geomdl.expressivity import (
    Gaussian,
    completeness,
    curie,
    equivariant_dimensions,
    free_knots,
    greedy,
    lipschitz_exact,
    lipschitz_lower,
    lipschitz_upper,
    maurey_network,
    maurey_variance,
    montufar_lower,
    montufar_network,
    random_features,
    regions_in_plane,
    regions_on_line,
    sawtooth,
    square_network,
    zaslavsky,
)
from geomdl.linear import EMLP, Linear
from geomdl.training import fit

FAST = os.environ.get("GEOMDL_FAST") == "1"  # a small budget: everything runs, in seconds
BLUE, RED, YELLOW, PINK, GREY = "#0072B2", "#D55E00", "#E69F00", "#CC79A7", "#999999"
rng = torch.Generator().manual_seed(0)

# %%
# A rate without a dimension
# --------------------------
#
# The bell :math:`e^{-|x|^2/2}` in 2, 20 and 100 dimensions. A grid of ten points to the side would
# have :math:`10^{100}` nodes in the last. Neurons do not care: dots are networks drawn at random,
# lines the formula.

figure_barron, axes = plt.subplots(figsize=(5.6, 3.6), layout="constrained")
sizes = [8, 32, 128, 512]
for d, colour in ((2, BLUE), (20, RED), (100, YELLOW)):
    bell = Gaussian(d)
    x = 0.3 * torch.randn(500, d, generator=rng, dtype=torch.float64)
    variance = float(maurey_variance(bell, x).mean())
    dots = []
    for n in sizes:
        draws = [maurey_network(bell, n, rng)(x).detach() - bell(x) for _ in range(40)]
        dots.append(float(torch.stack(draws).square().mean().sqrt()))
    axes.loglog(sizes, [math.sqrt(variance / n) for n in sizes], color=colour, lw=2)
    axes.loglog(sizes, dots, "o", color=colour, label=f"{d} dimensions")
axes.set(xlabel="neurons n", ylabel="root mean square error", title="drawn at random")
axes.legend(frameon=False)

# %%
# Random is not the best that one can do with n neurons. Below are the same cosines in ten
# dimensions, chosen otherwise: with the best *outer* weights (random features), or one after the
# other, each the best there is (greedy). Greedy keeps the constant of the random draw, but with
# certainty: its bound is the dashed line.

bell = Gaussian(10)
x = 0.4 * torch.randn(400, 10, generator=rng, dtype=torch.float64)
signs, frequencies = bell.sample(600, rng)
atoms = torch.cos(frequencies @ x.T)
target = atoms.mean(0)  # what 600 draws make of the bell, exactly in the hull
n = 64
counts = torch.arange(1, n + 1)
mean = torch.stack([(atoms[torch.randperm(600, generator=rng)[:k]].mean(0) - target).square().mean()
                    for k in range(1, n + 1)])  # fmt: skip
found = {"mean of draws": (mean, GREY)}
found["random features"] = (random_features(target, atoms, n, rng).errors[1:], YELLOW)
relaxed = greedy(target, atoms, n)
found["greedy, convex"] = (relaxed.errors[1:], BLUE)
found["greedy, orthogonal"] = (greedy(target, atoms, n, "orthogonal").errors[1:], RED)
figure_chosen, axes = plt.subplots(figsize=(5.6, 3.6), layout="constrained")
for name, (errors, colour) in found.items():
    axes.loglog(counts, errors.sqrt(), color=colour, label=name)
axes.loglog(counts, relaxed.bounds[1:].sqrt(), "--", color=BLUE, lw=1)
axes.set(xlabel="neurons n", ylabel="root mean square error", title="chosen", ylim=(6e-3, 1))
axes.legend(frameon=False, fontsize=8)
assert bool((relaxed.errors <= relaxed.bounds + 1e-12).all())

# %%
# So why depth?
# -------------
#
# Because this rate is for functions whose frequencies are tame. Take teeth: with two neurons more
# their number *doubles* if the neurons stand one layer deeper, and grows by two if they stand
# beside the others. Yarotsky turns teeth into the parabola: its interpolation at
# :math:`2^m` places needs 3m neurons, and the error is :math:`4^{-m-1}` to the last bit. A single
# layer of N neurons makes N + 1 pieces, and those are worth :math:`1/8(N+1)^2` at best.

zero, one = torch.zeros(1), torch.ones(1)
figure_depth, axes = plt.subplots(1, 3, figsize=(10, 3.1), layout="constrained")
grid = torch.linspace(0, 1, 1025, dtype=torch.float64).unsqueeze(1)
for k, colour in ((1, GREY), (3, YELLOW), (5, BLUE)):
    saw = sawtooth(k)
    assert regions_on_line(saw, zero, one).pieces == 2**k
    axes[0].plot(grid, saw(grid).detach(), color=colour, lw=1.2, label=f"{k} layers")
axes[0].set(title="teeth", ylim=(0, 1.45))
axes[0].legend(frameon=False, loc="upper center", ncols=3, fontsize=8)
axes[1].plot(grid, grid**2, color="k", lw=1, label="x²")
for m, colour in ((1, GREY), (2, YELLOW)):
    axes[1].plot(grid, square_network(m)(grid).detach(), color=colour, label=f"{m} layers")
axes[1].set(title="a parabola of teeth")
axes[1].legend(frameon=False)
depths = range(1, 8)
exact = [float((square_network(m)(grid).detach() - grid**2).abs().max()) for m in depths]
best = [free_knots(grid[:, 0], grid[:, 0] ** 2, 3 * m + 1).error for m in depths]
axes[2].semilogy([3 * m for m in depths], exact, "o-", color=BLUE, label="deep")
axes[2].semilogy([3 * m for m in depths], best, "s-", color=RED, label="one layer, the best")
axes[2].set(title="largest error for x²", xlabel="neurons")
axes[2].legend(frameon=False)
assert exact == [2.0 ** (-2 * m - 2) for m in depths]

# %%
# Paper, folded
# -------------
#
# In the plane a neuron of the first layer draws a line; one of the second draws a line on the sheet
# that the first layer has *folded*, so unfolded it is broken at every crease. `regions_in_plane`
# follows all of this exactly, polygon by polygon, for any module that bends by ReLUs or maxima.
# Twelve neurons, three ways:

square = torch.tensor([[0.0, 0], [1, 0], [1, 1], [0, 1]], dtype=torch.float64)


def random_network(*widths: int) -> nn.Sequential:
    """Gaussian weights; biases such that creases pass through the unit square."""
    layers: list[nn.Module] = []
    for a, b in pairwise(widths):
        layer = nn.Linear(a, b).double()
        with torch.no_grad():
            layer.weight.copy_(torch.randn(b, a, generator=rng) * math.sqrt(2 / a))
            middle = torch.rand(b, a, generator=rng).double()
            layer.bias.copy_(-(layer.weight * middle).sum(1))
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


sheets = {
    "one layer, random": random_network(2, 12, 1),
    "three layers, random": random_network(2, 4, 4, 4, 1),
    "three layers, folding": montufar_network((4, 4, 4), 2, rng),
}
figure_folds, axes = plt.subplots(1, 3, figsize=(9.6, 3.4), layout="constrained")
for ax, (name, sheet) in zip(axes, sheets.items(), strict=True):
    pieces = regions_in_plane(sheet, square)
    pieces.plot(ax, color="map", linewidths=0.3, cmap="Pastel1")
    ax.set_title(f"{name}: {len(pieces)}", fontsize=9)
    ax.set_axis_off()
print("hyperplanes at best:", zaslavsky(12, 2), " folds:", montufar_lower((4, 4, 4), 2))
assert len(pieces) == montufar_lower((4, 4, 4), 2)

# %%
# A fourth way: what training makes of it. Two rings, to be told apart, dark where the slope is
# large. The creases close up around the inner ring, where the answer changes; their number stays
# that of a random network, far below what folding can do.

angle = 2 * math.pi * torch.rand(400, generator=rng)
ring = torch.randint(0, 2, (400,), generator=rng)
radius = 0.15 + 0.2 * ring + 0.03 * torch.randn(400, generator=rng)
rings = torch.stack([0.5 + radius * angle.cos(), 0.5 + radius * angle.sin()], 1)
torch.manual_seed(0)
learner = nn.Sequential(nn.Linear(2, 6), nn.ReLU(), nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 2))
with torch.no_grad():  # creases through the data, not through a corner
    learner[0].weight *= 4
    learner[0].bias.copy_(-(learner[0].weight * torch.rand(6, 2, generator=rng)).sum(1))
fit(learner, (rings, ring), epochs=20 if FAST else 150, lr=2e-2, seed=0, progress=False)
pieces = regions_in_plane(learner, square)
figure_rings, axes = plt.subplots(figsize=(3.8, 4), layout="constrained")
pieces.plot(axes, color="slope", linewidths=0.3, cmap="Blues")
axes.scatter(*rings.T, c=[(YELLOW, RED)[int(r)] for r in ring], s=3)
axes.set(xlim=(0, 1), ylim=(0, 1))
axes.set_title(f"two layers, trained: {len(pieces)}", fontsize=9)
axes.set_axis_off()

# %%
# Exponentially many pieces are *possible*; weights drawn at random do not find them (Hanin and
# Rolnick). On a segment whose ends are seen from zero under an angle :math:`\theta`, a wide random
# network breaks :math:`\theta/\pi` times for each neuron, at any depth.

start, end = torch.tensor([1.0, 0.0]).double(), torch.tensor([0.0, 1.0]).double()
width, draws = (48, 3) if FAST else (128, 8)
for depth in (1, 2, 4):
    count = 0.0
    for _ in range(draws):
        net = random_network(2, *[width] * depth, 1)
        for layer in net[::2]:
            nn.init.zeros_(layer.bias)
        count += (len(regions_on_line(net, start, end)) - 1) / draws
    print(f"{depth} layers, {depth * width} neurons: {count:.0f} breaks, half a neuron each:",
          f"{depth * width / 2:.0f}")  # fmt: skip

# %%
# How steep?
# ----------
#
# On each piece the network is a matrix, so the Lipschitz constant is the largest of their norms.
# Bounds that need no pieces are easy to have from above, and far off.

pairs = lipschitz_lower(learner, rings[:32], steps=50, rng=rng).value
steepest = lipschitz_exact(pieces).value
print(f"steepest pair {pairs:.2f}, exact in the square {steepest:.2f},",
      f"product of norms {lipschitz_upper(learner, 2):.2f}")  # fmt: skip

# %%
# A symmetric sheet
# -----------------
#
# Now let :math:`D_4`, the turns and mirrors of the square, act on the plane, and take a network
# that is invariant. Then the group permutes the regions: one eighth of the sheet tells everything.

D4 = geomdl.group("D4")
V = D4.standard
layers = [Linear(V, 4 * D4.regular), nn.ReLU(), Linear(4 * D4.regular, 3 * D4.regular), nn.ReLU(),
          Linear(3 * D4.regular, D4.trivial)]  # fmt: skip
invariant = nn.Sequential(*layers).double()
with torch.no_grad():
    for parameter in invariant.parameters():
        spread = 1.0 if parameter.ndim > 1 else 0.4
        parameter.copy_(spread * torch.randn(parameter.shape, generator=rng))
sheet = regions_in_plane(invariant, 2 * square - 1)
eighth = regions_in_plane(invariant, torch.tensor([[0.0, 0], [1, 0], [1, 1]]))
figure_symmetric, ax = plt.subplots(figsize=(4, 4), layout="constrained")
sheet.plot(ax, linewidths=0.3, cmap="twilight")
ax.fill([0, 1, 1], [0, 0, 1], fill=False, edgecolor=RED, lw=2)
ax.set_title(f"{len(sheet)} regions, {len(eighth)} meet the triangle", fontsize=10)
ax.set_axis_off()
for g in D4.elements:
    image = sheet.find(sheet.centres @ V(g).T)
    assert torch.allclose(sheet.areas[image], sheet.areas)
assert math.isclose(lipschitz_exact(sheet).value, lipschitz_exact(eighth).value, rel_tol=1e-9)

# %%
# What it will never say
# ----------------------
#
# Symmetry is also a prison. Four equal charges at the corners of a square are given; say where the
# corners should move, so that the square becomes a *rectangle*. No equivariant network can: an
# answer that prefers one axis would have to be its own image under the quarter turn. `curie` finds
# the stabilizer, the answers in reach, and the error that no training removes.

corner = torch.tensor([[1.0, 1.0]], dtype=torch.float64)
H = geomdl.Field(geomdl.Vector(), V).stabilizer(corner)
C = D4.trivial.restrict(H).induce(H)  # one number at each corner
moves = C @ V  # an arrow at each
corners = torch.zeros(4, 2, dtype=torch.float64)
for g in D4.elements:
    corners[int(C.permutation(g)[0])] = corner[0] @ V(g).T
charges = torch.ones(1, 4, dtype=torch.float64)
wish = (corners * torch.tensor([0.5, -0.1])).flatten()  # wider, and a little lower
law = curie(geomdl.Field(geomdl.Vector(), C), charges, moves)
print(f"{len(law.fixed)} of {moves.dim} directions in reach, error at least",
      f"{float(law.distance(wish)):.4f}")  # fmt: skip


def taught(model: nn.Module, x: Tensor, steps: int) -> list[float]:
    """Fit one input to the wish; errors on the way."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    track = []
    for _ in range(steps):
        loss = (model(x)[0] - wish).square().sum()
        track.append(float(loss.detach().sqrt()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return track


steps = 60 if FAST else 200
prisoner = EMLP(C, moves, channels=24, layers=1, products=64, rng=rng).double()
stuck = taught(prisoner, charges, steps)
assert stuck[-1] >= float(law.distance(wish)) - 1e-9

# %%
# Smidt's way out: give the network a second input p, a *symmetry breaker*, zero so far, in all
# irreps. The network cannot break the symmetry, but the **gradient of the loss** in p does: beside
# the trivial irrep, which breaks nothing, it is not zero in exactly the one that is missing, for it
# has the symmetry of the data *and* the wish.

kinds = D4.irreps()
p_rep = geomdl.groups.direct_sum([(kind, 1) for kind in kinds])
free = EMLP(C + p_rep, moves, channels=24, layers=1, products=256, rng=rng).double()
breaker = torch.zeros(1, p_rep.dim, dtype=torch.float64, requires_grad=True)
loss = (free(torch.cat([charges, breaker], 1))[0] - wish).square().sum()
(gradient,) = torch.autograd.grad(loss, breaker)
parts = gradient[0].split([kind.dim for kind in kinds])
names = [str(kind.label) for kind in kinds]
sizes_of = {name: float(part.norm()) for name, part in zip(names, parts, strict=True)}
print({name: f"{size:.1e}" for name, size in sizes_of.items()})
breaks = [name for name, size in sizes_of.items() if size > 1e-9 and name != "(0, 0)"]
assert len(breaks) == 1  # one irrep, of dimension one
push = -gradient.clone()
push[:, 0] = 0  # the trivial irrep comes first
escaped = taught(free, torch.cat([charges, push / push.norm()], 1), steps)
assert escaped[-1] < 0.5 * float(law.distance(wish))

figure_curie, (left, middle, right) = plt.subplots(
    1, 3, figsize=(10.5, 3.3), layout="constrained", width_ratios=[1, 1.2, 1.2]
)
order = torch.atan2(corners[:, 1], corners[:, 0]).argsort()
loop = [*order.tolist(), int(order[0])]
answers = {"given": (torch.zeros(8), GREY), "wished": (wish, RED),
           "nearest in reach": (law.project(wish), BLUE)}  # fmt: skip
for name, (shift, colour) in answers.items():
    left.plot(*(corners + shift.reshape(4, 2))[loop].T, "o-", color=colour, label=name, ms=4)
left.set_aspect("equal")
left.set(xlim=(-1.8, 1.8), ylim=(-1.3, 2.3))
left.legend(frameon=False, fontsize=8, loc="upper center", ncols=3, columnspacing=0.8)
left.set_axis_off()
middle.bar(range(len(kinds) - 1), list(sizes_of.values())[1:], color=PINK)
middle.set_xticks(range(len(kinds) - 1), names[1:])
middle.set(title="gradient in the breaker, by irrep")
right.plot(stuck, color=BLUE, label="equivariant")
right.plot(escaped, color=RED, label="with the breaker")
right.axhline(float(law.distance(wish)), color=GREY, ls="--", label="Curie's bound")
right.set(xlabel="steps", title="error", ylim=(0, None))
right.legend(frameon=False, fontsize=8)

# %%
# What it can say
# ---------------
#
# Within the prison, is every answer in reach? Not of every stack of layers. Develop a network at
# zero: the part of degree k is an equivariant polynomial, and characters count how many of those
# there are. `completeness` measures how many random networks *span*. From a number and a vector
# to a vector, linear layers and gates reach :math:`s^{k-1} v` and nothing else; products reach all.

O3 = geomdl.group("O3")
source, vector = O3.trivial + O3.standard, O3.standard
degrees = (1, 2, 3) if FAST else (1, 2, 3, 4)


def architecture(products: int) -> Callable[[torch.Generator], nn.Module]:
    """Random networks of one kind."""
    hidden = 4 * O3.trivial + 2 * vector
    return lambda rng: EMLP(source, vector, channels=hidden, layers=2, products=products, rng=rng)


dimensions = equivariant_dimensions(source, vector, degrees[-1])
figure_complete, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.bar(degrees, dimensions[1:], color="none", edgecolor="k", lw=1.5, label="there are")
for shift, (name, products), colour in ((-0.2, ("gates", 0), YELLOW),
                                        (0.2, ("gates and products", 64), BLUE)):  # fmt: skip
    reached = [completeness(architecture(products), k, networks=dimensions[k] + 1, rng=rng)
               for k in degrees]  # fmt: skip
    heights = [one.reached for one in reached]
    ax.bar([k + shift for k in degrees], heights, width=0.3, color=colour, label=name)
    print(f"{name}: {heights} of {dimensions[1:]}")
assert all(one.complete for one in reached)
ax.set_xticks(degrees)
ax.set(xlabel="degree", ylabel="independent equivariants", ylim=(0, max(dimensions) + 1))
ax.legend(frameon=False, loc="upper left", ncols=3, fontsize=8)

# %%
# That is the bargain of the whole subject. A symmetric network says less, by exactly what Curie
# forbids; what it may say it says with fewer pieces to learn, an eighth of the sheet. Whether it
# then says *all* that it may is a property of its layers, and can be measured before training.
#
# Exercises
# ---------
#
# 1. The function :math:`e^{-|x|}` has an infinite Barron norm (``Matern(d, 0.5)``). Its mean of
#    cosines converges all the same, at the same rate: in which norm, and what of steps?
# 2. Move one weight of ``sawtooth(8)`` by a hundredth. How many pieces are left, and why?
# 3. Take ``product_network`` for :math:`x y` and draw its regions in the square.
# 4. Follow the number of regions while ``learner`` is trained, from the first weights on.
# 5. Give the prisoner charges (1, 1, 1, 2). Which symmetry is left, what is in reach now?
# 6. Which dipoles may water, ammonia and methane have? Ask `curie` with ``S3 * Oh`` and so on.
# 7. With one layer of products in place of two, which degree is the first that is not complete?
#
# **Read on.** Barron, *Universal approximation bounds for superpositions of a sigmoidal function*,
# 1993; Telgarsky, *Representation benefits of deep feedforward networks*, 2015, arXiv:1509.08101;
# Yarotsky, *Error bounds for approximations with deep ReLU networks*, 2017, arXiv:1610.01145;
# Montúfar, Pascanu, Cho and Bengio, *On the number of linear regions of deep neural networks*,
# 2014, arXiv:1402.1869; Hanin and Rolnick, *Complexity of linear regions in deep networks*, 2019,
# arXiv:1901.09021; Smidt, Geiger and Miller, *Finding symmetry breaking order parameters with
# Euclidean neural networks*, 2021, arXiv:2007.02005; Dym and Maron, *On the universality of
# rotation equivariant point cloud networks*, 2021, arXiv:2010.02449.
