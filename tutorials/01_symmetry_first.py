r"""
Symmetry first: from an MLP to a D4 network
===========================================

**The question.** You learnt to read upright, and yet a page that lies sideways does not make you
illiterate. A network that has seen upright digits only: what does it read when the page is turned?

Three networks of about 39,000 weights each look at the same images. They differ in what they *know
before they see any data*: nothing; that a stroke is a stroke wherever it stands; and that a stroke
is a stroke whichever way it is turned or mirrored.

Along the way: what equivariance means, why it divides the number of weights by the order of the
group, how to *measure* it in a network that only claims to have it, and where it ends.
"""

# %%
# The mathematics, in two formulas
# --------------------------------
#
# A group :math:`G` acts on images. For the symmetries of the square, :math:`G = D_4`, there are
# four turns and four mirrorings. A map :math:`f` is **equivariant** if it does not matter whether
# we act before or after it,
#
# .. math:: f(\rho(g)\, x) = \sigma(g)\, f(x) \quad \mathrm{for\ all\ } g \in G,
#
# and **invariant** if :math:`\sigma(g) = 1`: the name of a digit should not change. Equivariant
# maps compose, so a network is equivariant if each of its layers is. For a linear layer :math:`W`
# the condition is linear too, :math:`W \rho(g) = \sigma(g) W`, so that its solutions are a vector
# space. Its dimension counts the weights that are left to learn:
#
# .. math:: \dim \mathrm{Hom}_G(\rho, \sigma)
#           = \frac{1}{|G|} \sum_{g \in G} \chi_\rho(g^{-1})\, \chi_\sigma(g).
#
# For the regular representation, which permutes the :math:`|G|` elements of the group, the
# character :math:`\chi` is :math:`|G|` at the identity and 0 elsewhere. What is left of
# :math:`|G|^2` numbers is :math:`|G|` of them. That is *weight sharing*, and a convolution is the
# same statement for the group of translations. We can ask geomdl to solve the linear system:

import math
import os
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import torch

import geomdl
from geomdl.auditing import contact_sheet
from geomdl.training import evaluate, fit

FAST = os.environ.get("GEOMDL_FAST") == "1"  # a small budget: everything runs, in seconds

D4 = geomdl.group("D4")
shared = geomdl.intertwiners(D4.regular, D4.regular)
print(f"dim Hom(regular, regular) = {len(shared)}, out of {D4.regular.dim**2} matrix entries")
assert len(shared) == D4.order == 8

# %%
# Each basis matrix is a pattern of shared weights. Read the eight as colours and their sum shows
# which entries of the 8 × 8 matrix must be equal.

pattern = sum((k + 1.0) * (w.abs() > 1e-9) for k, w in enumerate(shared))
figure_sharing, axes = plt.subplots(figsize=(3.4, 3.4), layout="constrained")
axes.imshow(pattern.numpy(), cmap="Set2")
axes.set(xticks=[], yticks=[], title="entries of one colour share one weight")

# %%
# The data, and three networks
# ----------------------------
#
# 1797 handwritten digits come with scikit-learn. Here they have 28 × 28 pixels and are black
# outside of the disc, so that turning one loses nothing. Training sees upright digits only.

digits = geomdl.data.load("digits")
train, test = geomdl.data.split(digits, (0.2, 0.05) if FAST else (0.7, 0.3), seed=0)
x, y = test["images"], test["labels"]

plain = {"widths": (13, 26, 46), "kernel_size": 5, "down": "stride", "padding": "zeros"}
torch.manual_seed(0)
networks = {
    "MLP": geomdl.create_model("translation/mlp", width=46, shape=(28, 28)),
    "CNN": geomdl.create_model("translation/cnn", shape=(28, 28), **plain),
    "D4 network": geomdl.create_model("steerable/d4_cnn", shape=(28, 28), channels=24),
}
for name, network in networks.items():
    print(f"{name:<11} {sum(p.numel() for p in network.parameters()):>7,} weights")

# %%
# The last one is a stack of the linear maps above. Its first layer takes an image, on which
# :math:`D_4` acts by moving pixels, to *regular fields*: eight numbers at each pixel which a turn
# moves to another pixel **and** permutes. geomdl writes this type down, and a layer knows it
# without seeing data:

first = networks["D4 network"].body[0]
print("from", first.source)
print("to  ", first.target)

# %%
# Its filters are 8 turned and mirrored copies of one, so it has 8 times fewer weights than an
# ordinary convolution between as many channels:

ordinary = math.prod((first.source.channels, first.target.channels, 5, 5))
learnt = sum(p.numel() for p in first.parameters())
print(f"{learnt} weights instead of {ordinary}: {ordinary / learnt:.0f} times fewer")
assert ordinary == D4.order * learnt

# %%
# Training, upright
# -----------------
#
# One function trains them all: AdamW, a warm-up, half a cosine.

runs = {
    name: fit(
        network,
        (train["images"], train["labels"]),
        epochs=2 if FAST else 8,
        lr=1e-2,
        seed=0,
        progress=False,
    )
    for name, network in networks.items()
}


def quarter_turns(images: torch.Tensor, k: int) -> torch.Tensor:
    """Turn images by k · 90°, pixel by pixel."""
    return torch.rot90(images, k, dims=(-2, -1))


print(f"{'':<11} upright   90°  180°  270°   [% right]")
for name, network in networks.items():
    right = [100 * evaluate(network, (quarter_turns(x, k), y)) for k in range(4)]
    print(f"{name:<11}  {right[0]:5.1f} " + " ".join(f"{r:5.1f}" for r in right[1:]))

# %%
# Upright, all three can read. Turned, two of them are lost (of what is upside down they still know
# some, such as 0, 1 and 8, which look the same). The D4 network's four numbers do not merely look
# alike. In float64, where rounding is small, we may compare every single answer:

exact = networks["D4 network"].double()
with torch.no_grad():
    answers = [exact(quarter_turns(x.double(), k)) for k in range(4)]
largest = max(float((a - answers[0]).abs().max()) for a in answers)
print(f"scores of turned and upright digits differ by at most {largest:.1e}")
assert all(torch.equal(a.argmax(1), answers[0].argmax(1)) for a in answers)
assert largest <= 1e-9

# %%
# It never saw a turned digit. It was not *taught* the symmetry: it cannot do otherwise.
#
# The certificate
# ---------------
#
# Do not take a layer's word for it. `geomdl.audit` acts on the input with **every** element of the
# group and compares with the acted-on output, relative to how much the output varies. It takes any
# callable. The CNN declares no rotations, so we tell the audit what to hold it to.

image = geomdl.Field(geomdl.Grid(2), D4.trivial)
scores = geomdl.Field(geomdl.Vector(), 10 * D4.trivial)
sample = x[:4].double()

certificate = geomdl.audit(exact, sample, progress=False)
print(certificate)
assert certificate.passed(1e-10)

# %%
# Round the clock: every element sits at its angle, and its distance from the centre is the error,
# on a logarithmic scale.

figure_d4 = certificate.plot()

# %%
# The same for the CNN, and layer by layer: which layer is the *first* to break the symmetry? For a
# layer that declares no symmetry, the audit looks for the best channel map :math:`R_g` by least
# squares before it blames.

suspect = geomdl.audit(
    networks["CNN"], sample, group=D4, source=image, target=scores, per_layer=True, progress=False
)
print(suspect)
assert not suspect.passed(1e-3)
figure_cnn = suspect.plot()

# %%
# The contact sheet shows what it means. Columns are elements of the group. The rows are the turned
# image, the network's answer to it, the answer it should have given, and the difference. In a
# convolution's feature map it is visible to the naked eye; we look at the CNN's first layer and at
# the D4 network's.

convolution = networks["CNN"].body[0].conv
features = geomdl.Field(geomdl.Grid(2), convolution.target.channels * D4.trivial)
figure_sheet_cnn = contact_sheet(convolution, sample[:1], source=image, target=features)

# %%
# The D4 layer's answer *moves along*, pixels and channels both, and the last row is empty but for
# rounding, about 10⁻¹⁶.

figure_sheet_d4 = contact_sheet(first, sample[:1])

# %%
# Where the symmetry ends
# -----------------------
#
# A square grid has eight symmetries, and 45° is none of them. To turn by other angles pixels must
# be interpolated, and nothing has been promised. Here is the accuracy all the way round.

SO2 = geomdl.group("SO2")
turning = geomdl.Field(geomdl.Grid(2), SO2.trivial)
degrees = torch.tensor([0, 45, 90, 180, 270]) if FAST else torch.arange(0, 361, 15)
few = slice(0, 32 if FAST else 150)


def turned_by(angle: float) -> torch.Tensor:
    """Test digits turned about their centre; degrees."""
    g = SO2.exp(torch.tensor([math.radians(angle)], dtype=torch.float64))
    return turning.act(g, x[few].double())


curves: dict[str, list[float]] = {name: [] for name in networks}
for angle in degrees.tolist():
    seen = turned_by(angle)
    for name, network in networks.items():
        curves[name].append(100 * evaluate(network, (seen, y[few])))

figure_angles, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
for (name, curve), colour in zip(curves.items(), ("#999999", "#E69F00", "#0072B2"), strict=True):
    axes.plot(degrees.tolist(), curve, "o-", color=colour, label=name, markersize=3)
axes.set(xlabel="turned by [degrees]", ylabel="right [%]", ylim=(0, 102))
axes.set(xticks=range(0, 361, 45))
axes.legend(frameon=False, loc="lower right")
at = {angle: curve for angle, curve in zip(degrees.tolist(), curves["D4 network"], strict=True)}
print(f"D4 network: {at[0]:.1f} % at 0°, {at[45]:.1f} % at 45°, {at[90]:.1f} % at 90°")
assert at[0] == at[90] == at[180] == at[270]

# %%
# The curve of the D4 network repeats every 90°, as it must, and dips between. Two honest remedies
# exist: a group with finer turns, whose symmetry on a grid is approximate, or training on turned
# digits, which teaches all angles and certifies none. The audit tells which one you bought.
#
# Keep it
# -------
#
# A model and its configuration are one safetensors file, with no pickle in it. What comes back has
# the same weights, and the same symmetry.

with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "reader.safetensors"
    geomdl.save(exact, file)
    again = geomdl.load(file)
with torch.no_grad():
    assert torch.equal(again(sample), exact(sample))
print(type(again).__name__, "read back, bit for bit")

# %%
# Another group
# -------------
#
# Is a mirrored 2 still a 2? If you think not, take the turns alone. The group is an argument:

torch.manual_seed(0)
turns = geomdl.create_model("steerable/cnn", group="C4", shape=(28, 28), channels=24).double()
mirrored = sample.flip(-1)
with torch.no_grad():
    kept = float((turns(quarter_turns(sample, 1)) - turns(sample)).abs().max())
    changed = float((turns(mirrored) - turns(sample)).abs().max())
print(f"C4 network: a quarter turn changes the scores by {kept:.0e}, a mirror by {changed:.0e}")
assert kept <= 1e-9 < changed

# %%
# Exercises
# ---------
#
# 1. Compute :math:`\dim \mathrm{Hom}_G` by hand for the map from the trivial to the regular
#    representation of :math:`D_4`, then check it with ``geomdl.intertwiners``. What do these maps
#    do?
# 2. Show that every pointwise nonlinearity commutes with the regular representation, but that
#    ``torch.relu`` does *not* commute with ``D4.standard``. Which pointwise maps do? Let
#    ``geomdl.audit`` judge ``torch.relu`` and ``torch.tanh`` on both.
# 3. The invariant network cannot tell a 6 from a 9 that was turned by 180°. Look at the D4
#    network's confusion of the two. Should it be worse than the CNN's? Is it?
# 4. Train the CNN with ``fit(..., augment=(D4, image))``. How close to invariant does it get, by
#    ``geomdl.audit``, and what does it cost upright?
# 5. Shift the test digits by one pixel, ``torch.roll(x, 1, -1)``. Which networks notice? Then build
#    the CNN with ``down="polyphase", padding="circular"`` and audit it.
#
# **Read on.** Cohen and Welling, *Group equivariant convolutional networks*, 2016,
# arXiv:1602.07576; Weiler and Cesa, *General E(2)-equivariant steerable CNNs*, 2019,
# arXiv:1911.08251.
