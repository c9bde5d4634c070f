r"""
Steerable filters: any angle, any group
=======================================

**The question.** A square grid has eight symmetries. Nature has more: a galaxy, a cell, a weather
front may lie at any angle. What remains of equivariance when the pixels do not follow, and what
does it cost?

The first tutorial copied a filter by quarter turns. Here filters are *functions of the plane* that
know how they turn, sampled on pixels only at the end. That works for every group of rotations and
mirrorings, finite or not, in the plane and in space; and the audit says what sampling took away.
"""

# %%
# The mathematics
# ---------------
#
# A convolution takes a field of type :math:`r` to one of type :math:`s`; its filter
# :math:`K(x)` is a matrix at each point. It is equivariant if and only if
#
# .. math:: K(g x) = s(g)\, K(x)\, r(g)^{-1} \quad \mathrm{for\ all\ } g \in G.
#
# In polar coordinates the condition couples only the points of one circle, and on a circle
# functions are sums of frequencies :math:`Y_l = (\cos l\varphi, \sin l\varphi)`, which turn by the
# matrix :math:`D_l(g)`. So
#
# .. math:: K(x) = \sum_{\mathrm{rings}} e^{-(|x| - r_i)^2 / 2 w_i^2}
#           \sum_{l \leq F_i} W_{il}\, Y_l(x / |x|),
#           \qquad W_{il} \in \mathrm{Hom}_G(D_l \otimes r, s),
#
# and the weights :math:`W_{il}` are intertwiners, the same linear algebra as ever. For rotations
# of the plane these are Clebsch–Gordan matrices of cosines and sines; for those of space, the
# spherical harmonics' own.

import math
import os

import matplotlib.pyplot as plt
import torch

import geomdl
from geomdl import Field, Grid, steerable
from geomdl.fields import coordinates
from geomdl.training import evaluate, fit

FAST = os.environ.get("GEOMDL_FAST") == "1"  # a small budget: everything runs, in seconds

SO2 = geomdl.group("SO2")
rings = steerable.Rings(radii=(0.0, 4.0, 8.0), widths=(1.5, 1.5, 1.5), frequencies=(0, 2, 3))
scalar = Field(Grid(2), SO2.trivial)
space = steerable.tap_space(scalar, 25, rings)
functions = space.samples.T.reshape(-1, 25, 25).numpy()
print(f"{len(functions)} smooth functions on 25 × 25 taps, moved by {space.rep}")

figure_basis, axes = plt.subplots(
    2, (len(functions) + 1) // 2, figsize=(9, 2.6), layout="constrained"
)
for axis in axes.flat:
    axis.axis("off")
for axis, function in zip(axes.flat, functions, strict=False):
    axis.imshow(function, cmap="RdBu", vmin=-0.2, vmax=0.2)
figure_basis.suptitle("rings and frequencies: what filters are made of")

# %%
# Seen and rotated
# ----------------
#
# A filter from a scalar image to a *regular* field of :math:`C_8` is eight filters, one for each
# turn by 45°. Only the first is free: the layer has 13 weights, one for each function above, and
# makes the rest by steering. (On 5 × 5 taps there are 11: more frequencies would not survive so few
# pixels.)

C8 = geomdl.group("C8")
torch.manual_seed(0)
lift = steerable.Conv(
    Field(Grid(2), C8.trivial), Field(Grid(2), C8.regular), 25, radial=rings, bias=False
)
copies = lift.filter()[0].detach()[:, 0]
print(f"{lift.filters.n} weights make {copies.numel()} taps")

figure_copies, axes = plt.subplots(1, 8, figsize=(9, 1.4), layout="constrained")
for k, axis in enumerate(axes):
    axis.imshow(
        copies[k].numpy(),
        cmap="RdBu",
        vmin=-float(copies.abs().max()),
        vmax=float(copies.abs().max()),
    )
    axis.set_title(f"{45 * k}°", fontsize=9)
    axis.axis("off")

# %%
# At multiples of 90° the copies are turned pixel by pixel. At the others they are the same function
# sampled at other places: that is all the error there is in a filter.

assert torch.allclose(copies[2], copies[0].rot90(1), atol=1e-6)

# %%
# Which group?
# ------------
#
# A larger group shares more. Here is one layer of 48 channels to 48, all on 5 × 5 taps, for several
# groups and types of fields:

print(f"{'group':<6} {'fields':<28} {'weights':>8}")
for name, fields in (
    ("C1", lambda G: 48 * G.trivial),
    ("C4", lambda G: 12 * G.regular),
    ("C8", lambda G: 6 * G.regular),
    ("D8", lambda G: 3 * G.regular),
    ("C16", lambda G: 3 * G.regular),
    ("SO2", lambda G: 9 * G.trivial + 7 * G.irrep(1) + 7 * G.irrep(2) + 5 * G.irrep(3) + G.trivial),
):
    G = geomdl.group(name)
    field = Field(Grid(2), fields(G))
    layer = steerable.Conv(field, field, 5, radial="gaussian", bias=False)
    print(f"{name:<6} {field.rep.name:<28.28} {layer.filters.n:>8,}")

# %%
# A network by hand
# -----------------
#
# Layers are checked when they are put together, not when they run. A rectifier is refused on a
# representation that it would break, with the reason:

try:
    steerable.Pointwise(Field(Grid(2), SO2.irrep(1)))
except ValueError as error:
    print(error)

# %%
# On regular fields every function of one variable will do. Other fields have their own
# non-linearities: by the *norm* of each vector, *gated* by scalars, or *Fourier*: read the
# coefficients as a function on the group, sample it, apply the function, and go back. The last one
# is exact for polynomials of degree d as soon as N ≥ (d + 1)L + 1 samples are taken; other
# functions have infinitely many frequencies, and the error falls with N.

signals = Field(geomdl.Vector(), SO2.bandlimited(3))
x = torch.randn(256, signals.rep.dim, generator=torch.Generator().manual_seed(0)).double()
turn = SO2.exp(torch.tensor([0.3], dtype=torch.float64))
counts = [7, 9, 10, 16, 32, 64]
figure_fourier, axis = plt.subplots(figsize=(5.2, 3.2), layout="constrained")
for function, colour in (("relu", "#E69F00"), ("elu", "#0072B2"), ("square", "#009E73")):
    errors = []
    for n in counts:
        layer = steerable.FourierPointwise(signals, function, samples=n).double()
        difference = layer(signals.act(turn, x)) - signals.act(turn, layer(x))
        errors.append(float(difference.norm() / layer(x).norm()))
    axis.loglog(counts, [max(e, 1e-16) for e in errors], "o-", color=colour, label=function)
    print(f"{function:<7}" + "".join(f"{e:9.1e}" for e in errors))
axis.set(xlabel="samples N on the circle", ylabel="equivariance error", title="frequencies up to 3")
axis.set_xticks(counts, map(str, counts))
axis.minorticks_off()
axis.legend(frameon=False)

# %%
# Now a network: three convolutions with regular fields (24, 48 and 96 channels), a maximum over the
# group, a mean over the pixels, and a linear map of what is left, which is invariant.


def network(name: str, fields: int) -> steerable.Sequential:
    """Small classifier of 29 × 29 images, with ``fields`` regular fields of a group."""
    G = geomdl.group(name)
    layers, source = [], Field(Grid(2), G.trivial)
    for kernel, wider in ((7, 1), (5, 2), (5, 4)):
        target = Field(Grid(2), wider * fields * G.regular)
        layers += [
            steerable.Conv(source, target, kernel, padding="exact", bias=False, radial="gaussian"),
            steerable.BatchNorm(target),
            steerable.Pointwise(target),
            steerable.AvgPool(target),
        ]
        source = target
    pool = steerable.GroupPool(source)
    average = steerable.GlobalPool(pool.target)
    head = steerable.Linear(average.target, Field(geomdl.Vector(), 10 * G.trivial))
    return steerable.Sequential(*layers, pool, average, head, size=29)


torch.manual_seed(0)
networks = {name: network(name, fields) for name, fields in (("C1", 24), ("C4", 6), ("C8", 3))}
for name, model in networks.items():
    print(f"{name}: {sum(p.numel() for p in model.parameters()):>7,} weights")

# %%
# Upright training, any angle in the test
# ---------------------------------------

digits = geomdl.data.load("digits", size=29)
train, test = geomdl.data.split(digits, (0.2, 0.05) if FAST else (0.7, 0.3), seed=0)
for model in networks.values():
    fit(model, (train["images"], train["labels"]), epochs=1 if FAST else 8, lr=1e-2, seed=0,
        progress=False)  # fmt: skip

image = Field(Grid(2), SO2.trivial)
degrees = [0, 45, 90] if FAST else list(range(0, 91, 15))
few = slice(0, 32 if FAST else 200)
figure_angles, axis = plt.subplots(figsize=(6, 3.4), layout="constrained")
for (name, model), colour in zip(networks.items(), ("#999999", "#E69F00", "#0072B2"), strict=True):
    curve = []
    for angle in degrees:
        g = SO2.exp(torch.tensor([math.radians(angle)], dtype=torch.float64))
        seen = image.act(g, test["images"][few].double()).float()
        curve.append(100 * evaluate(model, (seen, test["labels"][few])))
    print(f"{name} " + " ".join(f"{c:5.1f}" for c in curve))
    axis.plot(degrees, curve, "o-", color=colour, label=name)
axis.set(xlabel="turned by [degrees]", ylabel="right [%]", ylim=(0, 102), xticks=degrees)
axis.legend(frameon=False)

# %%
# Trained on upright digits, the C4 network reads them again at 90°, and dips between; the one with
# C8 keeps most of what it knows at every angle.
#
# What 45° costs
# --------------
#
# The audit compares at every element of the group. At multiples of 90° the C8 network is exact;
# between, four things take their part: filters sampled on pixels, a non-linearity that makes
# frequencies which the pixels cannot hold, pools that skip pixels, and the turning of the *image*
# itself. The last is none of the network's doing; the round trip, there and back again, says how
# much it is.

sample = test["images"][:4].double()
certificate = geomdl.audit(networks["C8"].double(), sample, progress=False)
print(certificate)
figure_audit = certificate.plot()

# %%
# To see the network's own share, draw an image by a *formula* and turn the formula. Here are blobs
# of width σ; the finer the detail, the larger the error. The centre pixel stays where it is, so the
# eight numbers of each field there should only change places.
#
# Two remedies: apply the rectifier on a grid twice as fine and low-pass it on the way back
# (``FilteredPointwise``), and choose the taps not as samples of a smooth function but as the
# weights that predict, at every angle, the integral over a ring best (``Rings.smooth``).


def blobs(sigma: float, angle: float, seed: int) -> torch.Tensor:
    """Twelve Gaussian blobs on 29 × 29 pixels, turned about the centre; radians."""
    rng = torch.Generator().manual_seed(seed)
    places = 4 * torch.randn(12, 2, generator=rng, dtype=torch.float64)
    heights = torch.randn(12, generator=rng, dtype=torch.float64)
    turn = SO2.exp(torch.tensor([angle], dtype=torch.float64))
    offsets = coordinates((29, 29)).unsqueeze(-2) - places @ turn.T
    return (heights * torch.exp(-offsets.square().sum(-1) / (2 * sigma**2))).sum(-1)[None, None]


def stack(radial: steerable.Rings, filtered: bool, seed: int) -> steerable.Sequential:
    """Three convolutions with random weights and rectifiers; no pools, so that nothing is lost."""
    rng, source, layers = torch.Generator().manual_seed(seed), Field(Grid(2), C8.trivial), []
    for _ in range(3):
        target = Field(Grid(2), 3 * C8.regular)
        conv = steerable.Conv(source, target, 5, padding=2, bias=False, radial=radial, rng=rng)
        kind = steerable.FilteredPointwise if filtered else steerable.Pointwise
        layers, source = [*layers, conv, kind(target)], target
    return steerable.Sequential(*layers).double()


usual, smooth = steerable.Rings.default(5), steerable.Rings.smooth(5)
seeds, sigmas = range(2 if FAST else 8), (1.0, 1.5, 2.0, 3.0)
figure_cost, axis = plt.subplots(figsize=(5.6, 3.4), layout="constrained")
for name, rings, filtered, colour in (
    ("usual", usual, False, "#0072B2"),
    ("filtered rectifier", usual, True, "#E69F00"),
    ("and smooth rings", smooth, True, "#009E73"),
):
    errors = []
    for sigma in sigmas:
        squares = torch.zeros(2, dtype=torch.float64)
        for seed in seeds:
            net = stack(rings, filtered, seed)
            with torch.no_grad():
                here, there = (net(blobs(sigma, a, seed))[..., 14, 14] for a in (0, math.pi / 4))
            moved = here @ net.target.rep(C8.generators[0]).T
            squares += torch.stack([(there - moved).square().sum(), moved.square().sum()])
        errors.append(float((squares[0] / squares[1]).sqrt()))
    print(f"{name:<19}" + "".join(f"{e:8.4f}" for e in errors))
    axis.loglog(sigmas, errors, "o-", color=colour, label=name)
axis.set(xlabel="width of the blobs [pixels]", ylabel="error at 45°", xticks=sigmas)
axis.set_xticks(sigmas, [f"{s:g}" for s in sigmas])
axis.minorticks_off()
axis.legend(frameon=False)

# %%
# Training spends part of the gain: nothing keeps a network from learning filters as fine as the
# pixels allow. The benchmarks tell what is left at equal accuracy.

# %%
# Keep it, hand it on
# -------------------
#
# For others the network is an ordinary one: ``to_plain`` gives modules of PyTorch alone, filters
# expanded, that answer alike and can be exported.

plain = steerable.to_plain(networks["C8"])
with torch.no_grad():
    difference = float((plain(sample) - networks["C8"](sample)).abs().max())
print(plain[0])
print(f"largest difference {difference:.1e}")
assert difference <= 1e-10

# %%
# Exercises
# ---------
#
# 1. Count by characters how many filters lead from irrep(1) to irrep(2) of SO2 on a ring with
#    frequencies up to 2, then check with ``steerable.filter_basis``. Which frequencies do it?
# 2. On 2 × 2 taps one of the two functions of frequency 2 is zero. Which one, and why does that
#    break every group of turns finer than C4?
# 3. Train the C8 network with ``FilteredPointwise`` and ``AvgPool(target, antialias=1.4)``. What
#    becomes of the certificate at 45°, and of the accuracy?
# 4. Turn the image of a Gaussian blob of width σ, exactly, by evaluating its formula. How fast does
#    the error of one convolution fall with σ? (``geomdl verify sampling-slope``)
# 5. Build the same network for volumes, with the rotations of the cube: ``Grid(3)`` and group "O".
#
# **Read on.** Weiler and Cesa, *General E(2)-equivariant steerable CNNs*, 2019, arXiv:1911.08251;
# Cesa, Lang and Weiler, *A program to build E(N)-equivariant steerable CNNs*, 2022; Franzen and
# Wand, *General nonlinearities in SO(2)-equivariant CNNs*, 2021.
