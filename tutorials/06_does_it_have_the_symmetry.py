r"""
Does your network have the symmetry you think?
==============================================

**The question.** Convolutions do not care where a digit stands, says the textbook. A transformer
looks at patches and learns where they are. Which of the two, once trained, has the symmetry? Which
layer lost it, and can one give it back without building another network?

We take two networks as anybody writes them, with nothing of geomdl in them: measure, mend, let go
of a symmetry where the data have none, and at last find one that nobody told us.
"""

# %%
# The mathematics, in two formulas
# --------------------------------
#
# Move the input a little along a one-parameter group :math:`\rho(t) = e^{tA}`, a shift or a turn,
# and move the output back. How fast f changes is its **Lie derivative**. It is zero for an
# equivariant f, and a sum over the layers :math:`h_l = f_l(h_{l-1})` for any f:
#
# .. math:: \mathcal{L}_A f = \frac{d}{dt}|_{t=0}\, \rho(-t)\, f(\rho(t)\, x)
#           = \sum_l Df_{>l} \; \mathcal{L}_A f_l,
#
# where :math:`Df_{>l}` is the derivative through all that follows. So each layer has a cost, in
# one unit for all of them. To mend, take the mean over the group, **Reynolds' operator**:
#
# .. math:: \bar f(x) = \frac{1}{|G|} \sum_{g \in G} g\, f(g^{-1} x).

import os
from collections import OrderedDict
from copy import deepcopy

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import geomdl
from geomdl.auditing import orbit_error
from geomdl.symmetrization import departures, discover, penalized, relaxed
from geomdl.training import evaluate, fit

FAST = os.environ.get("GEOMDL_FAST") == "1"  # a small budget: everything runs, in seconds

# %%
# Two networks, as anybody writes them
# ------------------------------------


class CNN(nn.Sequential):
    """Three convolutions, and the mean over all pixels."""

    def __init__(self) -> None:
        super().__init__(
            OrderedDict(
                conv1=nn.Conv2d(1, 16, 5, padding=2),
                relu1=nn.ReLU(),
                pool1=nn.MaxPool2d(2),
                conv2=nn.Conv2d(16, 32, 3, padding=1),
                relu2=nn.ReLU(),
                pool2=nn.MaxPool2d(2),
                conv3=nn.Conv2d(32, 32, 3, padding=1),
                relu3=nn.ReLU(),
                mean=nn.AdaptiveAvgPool2d(1),
                flat=nn.Flatten(),
                head=nn.Linear(32, 10),
            )
        )


class Block(nn.Module):
    """Attention and a perceptron, each beside a residual connection."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(self.norm1(x)).unflatten(-1, (3, 4, -1)).permute(2, 0, 3, 1, 4)
        x = x + self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class ViT(nn.Module):
    """Patches of 4 × 4 pixels, a class token, learned positions, two blocks."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.patch = nn.Conv2d(1, width, 4, stride=4)
        self.token = nn.Parameter(0.1 * torch.randn(1, 1, width))
        self.position = nn.Parameter(0.1 * torch.randn(1, 50, width))
        self.block1, self.block2 = Block(width), Block(width)
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patch(x).flatten(2).mT
        tokens = torch.cat([self.token.expand(len(x), -1, -1), tokens], 1) + self.position
        return self.head(self.block2(self.block1(tokens))[:, 0])


digits = geomdl.data.load("digits")
train, test = geomdl.data.split(digits, (0.2, 0.05) if FAST else (0.7, 0.3), seed=0)
x, y = test["images"], test["labels"]

torch.manual_seed(0)
networks: dict[str, nn.Module] = {"CNN": CNN(), "ViT": ViT()}
rates = {"CNN": 1e-2, "ViT": 3e-3}


def taught(network: nn.Module, **options: object) -> nn.Module:
    """Train on upright digits, or on what an augmentation makes of them."""
    images = (train["images"], train["labels"])
    epochs = 2 if FAST else 24
    lr = rates[type(network).__name__]
    fit(network, images, epochs=epochs, lr=lr, seed=0, progress=False, **options)
    return network


def right(network: nn.Module) -> list[float]:
    """Percent of the test digits read: upright, and turned by 90°, 180°, 270°."""
    return [100 * evaluate(network, (torch.rot90(x, k, dims=(-2, -1)), y)) for k in range(4)]


for name, network in networks.items():
    taught(network)
    weights = sum(p.numel() for p in network.parameters())
    print(f"{name}: {weights:,} weights, {right(network)[0]:.1f} % right, upright")

# %%
# What does each layer cost?
# --------------------------
#
# One call. `geomdl.lie_derivative` opens a network at its layers and moves what it finds there as
# its shape says: maps, and tokens that are patches, like the image. A bar for each move, stacked of
# the costs of the layers. The dot is the error of the whole, which may be much less than their sum,
# for terms cancel.

few = x[: 4 if FAST else 16]
moves = ["translation_x", "translation_y", "rotation", "scale", "shear"]
found = {
    name: geomdl.lie_derivative(network, few, action=moves, per_layer=True, progress=False)
    for name, network in networks.items()
}
print(found["CNN"])
print(found["ViT"])
figure_cnn = found["CNN"].plot()

# %%
# Read the top of the picture first. A pixel of shift changes the answer of the CNN, and the largest
# piece is not a convolution: ``pool2`` throws away every other pixel, which *aliases*, ReLU makes
# corners finer than the grid, and ``mean`` pays for what goes over the border. The textbook is
# right about the convolution, and silent about what stands beside it. To turn or to scale is
# another matter: no layer promised it, and there ``conv1`` has its share.

figure_vit = found["ViT"].plot()

# %%
# Much of what the ViT loses, it loses where no layer has a name: ``block1.norm1 (code before)`` is
# the line ``+ self.position``, and ``block1.out (code before)`` the attention. Beside them stands
# the cutting into patches, ``patch``. The second block, which sees no new places, costs little. So
# the audit finds by itself where the transformer learned to tell places apart.

shift = {
    name: max(row.error for row in one.rows if row.name.startswith("translation"))
    for name, one in found.items()
}
print(", ".join(f"a pixel costs the {name} {error:.2f}" for name, error in shift.items()))
print("in units of what its answers vary by")

# %%
# A wrong padding, found by name
# ------------------------------
#
# Ten convolutions on a torus: each closes up its images, and whole shifts should do nothing to the
# answer. One of them was typed in a hurry.

steps: list[tuple[str, nn.Module]] = []
for i in range(1, 11):
    mode = "zeros" if i == 7 else "circular"
    conv = nn.Conv2d(8 if i > 1 else 1, 8, 3, padding=1, padding_mode=mode)
    nn.init.kaiming_normal_(conv.weight)
    steps += [(f"conv{i}", conv), (f"gelu{i}", nn.GELU())]
steps += [("mean", nn.AdaptiveAvgPool2d(1)), ("flat", nn.Flatten()), ("head", nn.Linear(8, 10))]
ten = nn.Sequential(OrderedDict(steps))
along = orbit_error(
    ten, few, action="translation_x", periodic=True, at=[0.5, 1.0], per_layer=True, progress=False
)
print(along)
whole = {name: costs[1] for name, costs in along.layers.items()}
assert max(whole, key=lambda name: whole[name]) == "conv7"
assert all(cost <= 1e-10 for name, cost in whole.items() if name != "conv7")

shown = {name: costs for name, costs in along.layers.items() if name[:4] in ("conv", "gelu")}
figure_padding, axes = plt.subplots(figsize=(8, 3.2), layout="constrained")
for column, (label, colour) in enumerate([("half a pixel", "#999999"), ("a pixel", "#D55E00")]):
    heights = [max(costs[column], 1e-16) for costs in shown.values()]
    places = [i + 0.4 * column - 0.2 for i in range(len(shown))]
    axes.bar(places, heights, width=0.4, color=colour, label=f"shift by {label}")
axes.set(yscale="log", ylim=(1e-16, 10), ylabel="cost", title="whole shifts cost at one layer only")
axes.set_xticks(range(len(shown)), list(shown), rotation=60, ha="right", fontsize=9)
axes.margins(x=0.01)
axes.legend(frameon=False, loc="upper left", ncols=2)

# %%
# At half a pixel the nonlinearities cost something, for they alias; at a whole pixel nothing is
# left but rounding and ``conv7``. On the command line, with the group of the whole shifts:
# ``geomdl audit net.py:make --group Z28x28 --lie --input 4,1,28,28``.
#
# Mending without touching a weight
# ---------------------------------
#
# Turned digits are new to both networks. The mean over :math:`D_4`, the turns and mirrors of the
# square, makes *any* network symmetric: `geomdl.symmetrize` wraps it, for eight evaluations in
# place of one. Is that all? Look at the numbers.

D4 = geomdl.group("D4")
image = geomdl.Field(geomdl.Grid(2), D4.trivial)
scores = geomdl.Field(geomdl.Vector(), 10 * D4.trivial)
declared = {"source": image, "target": scores}
symmetric: dict[str, nn.Module] = {}
print("                        error   upright   90°  180°  270°  cost")
for name, network in networks.items():
    moved = taught(deepcopy(network), augment=(D4, image))
    rows = {
        "": network,
        ", averaged": geomdl.symmetrize(network, D4, **declared),
        ", saw turns": moved,
        ", both": geomdl.symmetrize(moved, D4, **declared),
    }
    symmetric[name] = rows[", both"]
    for kind, one in rows.items():
        audit = geomdl.audit(one, few, group=D4, progress=False, **declared)
        read = right(one)
        cost = getattr(one, "cost", 1)
        print(f"{name + kind:<20} {audit.error:8.0e}   {read[0]:5.1f}  " +
              " ".join(f"{r:5.1f}" for r in read[1:]) + f"  {cost:3}×")  # fmt: skip
        if cost == 8:
            assert audit.error <= 1e-10
            assert len(set(read)) == 1

# %%
# Averaging is exact to rounding: four equal numbers in the row. But **symmetric is not yet right**:
# seven of eight views were new to a network that had seen upright digits only, and it is confident
# about them, and wrong. Having seen turned digits (``augment=(D4, image)``, the same group and
# field once more) it reads them, more or less alike. Then the mean makes it exact, and reads more
# than the network did, taken over all turns. The clock shows all angles.

figure_clock, axes = plt.subplots(
    figsize=(5.6, 4.4), layout="constrained", subplot_kw={"projection": "polar"}
)
clocks = {"CNN": networks["CNN"], "ViT": networks["ViT"], "CNN, both": symmetric["CNN"]}
for (name, one), colour in zip(clocks.items(), ("#E69F00", "#CC79A7", "#0072B2"), strict=True):
    clock = orbit_error(one, few, action="rotation", progress=False)
    angles, errors = [*clock.at, clock.at[0]], [*clock.errors, clock.errors[0]]
    axes.plot(angles, errors, "o-", color=colour, label=name, markersize=3)
axes.set_ylim(bottom=0)
axes.set_rticks(axes.get_yticks()[::2])
axes.set_rlabel_position(10)
axes.tick_params(labelsize=8)
axes.grid(color="0.88")
axes.spines["polar"].set_color("0.88")
axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.02, 1.0))
axes.set_title("error by angle, in units of the variation", fontsize=10)

# %%
# Blue touches the centre every 90° and nowhere else: that is what :math:`D_4` promises. (It falls
# between, too, since it saw turned digits.) Where eight evaluations are too many,
# ``mode="canonical"`` learns which one to take; for points and sets there is ``mode="frames"``.
#
# Relax where the data say so
# ---------------------------
#
# A six upside down is a nine. No symmetric network can tell: whatever it says about the one, it
# says about the other. Take sixes, half of them turned by 180° and called nines, and beside them
# zeros and ones that lie any way. `relaxed` puts a free convolution beside each steerable one, zero
# at the start; a prior holds it there, unless the data pull. `penalized` adds it to the loss; with
# a weight in place of the 0 it adds the departures themselves, in units of the audit.


def six_or_nine(data: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Sixes, and the same sixes upside down."""
    six = data["images"][data["labels"] == 6]
    return torch.cat([six, six.rot90(2, (-2, -1))]), torch.arange(2).repeat_interleave(len(six))


def zero_or_one(data: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Zeros and ones, each turned four ways."""
    images, labels = (data[key][data["labels"] < 2] for key in ("images", "labels"))
    return torch.cat([images.rot90(k, (-2, -1)) for k in range(4)]), labels.repeat(4)


asked: dict[str, dict[str, float]] = {}
for task, make in {"six or nine?": six_or_nine, "zero or one?": zero_or_one}.items():
    seen, unseen = make(train), make(test)
    torch.manual_seed(0)
    strict = geomdl.create_model("steerable/d4_cnn", shape=(28, 28), classes=2, channels=8)
    free = relaxed(strict)
    for kind, one in {"strict": strict, "relaxed": free}.items():
        held = penalized(F.cross_entropy, one, 0.0, prior=1.0) if one is free else None
        fit(one, seen, epochs=2 if FAST else 20, lr=5e-3, weight_decay=0.0, loss=held, seed=0,
            progress=False)  # fmt: skip
        error = geomdl.audit(one, unseen[0][:8], progress=False).error
        score = 100 * evaluate(one, unseen)
        print(f"{task} {kind:<8} {score:5.1f} % right, error {error:.1e}")
        assert kind == "relaxed" or error <= 1e-10
    with torch.no_grad():
        asked[task] = {k: float(d) for k, d in departures(free, unseen[0][:16], n=8).items()}

figure_asked, axes = plt.subplots(figsize=(6.4, 3), layout="constrained")
for i, ((task, layers), colour) in enumerate(
    zip(asked.items(), ("#D55E00", "#0072B2"), strict=True)
):
    places = [k + 0.38 * i - 0.19 for k in range(len(layers))]
    axes.barh(places, list(layers.values()), height=0.36, color=colour, label=task)
axes.set_yticks(range(len(layers)), list(layers))
axes.invert_yaxis()
axes.set(xlabel="departure of each layer, in units of the audit")
axes.legend(frameon=False, loc="lower right")

# %%
# The strict network tosses a coin over sixes and nines, to the last digit of the 50 %. The relaxed
# one gives up the symmetry and reads them. Given zeros and ones it *could* give it up as well, and
# keeps most of it: the bars say how much of the symmetry the data refused. (The head is given
# invariants, and whatever it does with them is invariant.)
#
# A symmetry that nobody told us
# ------------------------------
#
# Last, only numbers: the positions of three equal masses, 400 times, and nine measured entries of
# their tensor of inertia, with 5 % of noise. Which linear maps of space carry the one into the
# other? `discover` fits, differentiates, and stacks the equations that a generator A must fulfil;
# their null space is the Lie algebra. The singular values are the evidence.

rng = torch.Generator().manual_seed(0)
positions = torch.randn(400, 3, 3, generator=rng, dtype=torch.float64)
squares = positions.square().sum((1, 2))[:, None, None]
inertia = squares * torch.eye(3) - torch.einsum("sci,scj->sij", positions, positions)
noise = torch.randn(inertia.shape, generator=rng, dtype=torch.float64)
measured = inertia + 0.05 * inertia.std() * noise

symmetry = discover(measured, positions, target=2)  # the values are matrices, g y gᵀ
print(symmetry)
print(symmetry.lie_algebra.to(torch.int64).tolist())
figure_discovered = symmetry.plot()

# %%
# Four dimensions out of nine, and the entries came out as whole numbers: three rotations, and one
# that we had not thought of. The first matrix is the identity: inertia grows with the square of the
# size, so that a larger body obeys the same law. It is no rotation, and true. Reflections are found
# among the finite candidates. If units of length are fixed, look among matrices without trace:

O3 = discover(measured, positions, target=2, among="traceless")
print(O3)
assert len(O3.lie_algebra) == 3
assert torch.equal(O3.lie_algebra, -O3.lie_algebra.mT)

# %%
# What was found is a `Group` like any other. The true law passes its audit, and it has intertwiners
# (matrices to matrices: three kinds, the trace, the symmetric part and the skew one):

G = O3.group
V = G.standard
points, matrices = geomdl.Field(geomdl.Vector(), 3 * V), geomdl.Field(geomdl.Vector(), V @ V)


def law(x: Tensor) -> Tensor:
    """Tensor of inertia of three masses, flat."""
    bodies = x.unflatten(1, (3, 3))
    squares = bodies.square().sum((1, 2))[:, None, None]
    return (squares * torch.eye(3).to(x) - torch.einsum("sci,scj->sij", bodies, bodies)).flatten(1)


certificate = geomdl.audit(
    law, positions[:8].flatten(1), group=G, source=points, target=matrices, progress=False
)
print(certificate)
assert certificate.passed(1e-10)
print("dim Hom(V ⊗ V, V ⊗ V) =", len(geomdl.intertwiners(V @ V, V @ V)))

# %%
# Exercises
# ---------
#
# 1. Replace the max pooling of the CNN by ``geomdl.translation.BlurPool``. Which bar shrinks, and
#    what does it cost in accuracy?
# 2. Set ``position`` of the trained ViT to zero. What does the audit say now, and why is the error
#    of a shift by four pixels not zero?
# 3. Show that the terms of the layers add up to the derivative of the whole, but their norms do
#    not. When do they?
# 4. Average over C4 in place of D4. Which digits gain, and is a mirrored 2 still a 2?
# 5. Turn the sixes by 90° as well, as a third class. Which layers depart now? Then let
#    ``geomdl.symmetrization.discover_subgroup`` say which elements are left.
# 6. Discover the group of :math:`x^2 + y^2 + z^2 - t^2` from 400 samples.
#
# **Read on.** Gruver, Finzi, Goldblum and Wilson, *The Lie derivative for measuring learned
# equivariance*, 2023, arXiv:2210.02984; Finzi, Benton and Wilson, *Residual pathway priors for soft
# equivariance constraints*, 2021, arXiv:2112.01388; Puny et al., *Frame averaging for invariant and
# equivariant network design*, 2022, arXiv:2110.03336; Moskalev et al., *LieGG: studying learned Lie
# group generators*, 2022, arXiv:2210.04345.
