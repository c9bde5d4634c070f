r"""
Points: from a scalar to a tensor, from a tensor to a potential
===============================================================

**The question.** A molecule is a set of points. Its energy does not change when it is turned, its
forces turn along. What should a network carry at each atom, so that both hold whatever its weights?

Distances alone are safe, and blind: they do not see angles. Spherical harmonics see them, and a
rotation mixes them in a known way. So the features at an atom are *spherical tensors*: numbers,
vectors, and higher irreps of O(3); products of two of them, taken with Clebsch–Gordan coefficients,
are spherical tensors again.
"""

# %%
# The mathematics
# ---------------
#
# .. math:: Y_l(R r) = D^l(R)\, Y_l(r), \qquad
#           (x \otimes y)_{k} = \sum_{ij} C^{l_1 l_2 l}_{ijk}\, x_i\, y_j
#
# One layer of messages takes the neighbours' features, multiplies them by the harmonics of the
# edges and by weights that depend on the distance, and adds up:
#
# .. math:: y_n = \sum_{m \to n} \sum_{\text{paths}} w_{\text{path}}(r_{nm})\;
#           x_m \otimes Y(\hat r_{nm})
#
# ``geomdl.euclidean.Interaction`` does all of this in one pass.

import math
import os

import matplotlib.pyplot as plt
import torch
from ase import Atoms, units
from ase.md.verlet import VelocityVerlet

import geomdl
from geomdl.data.lookalikes import INCOMPLETE, incomplete
from geomdl.euclidean import (
    ASECalculator,
    Interaction,
    NequIP,
    Potential,
    SymmetricContraction,
    fit_potential,
    potential_errors,
    radius_graph,
    spherical,
    spherical_harmonics,
)
from geomdl.fields import Graph

FAST = os.environ.get("GEOMDL_FAST") == "1"  # a small budget: everything runs, in seconds

# %%
# A feature that turns
# --------------------
#
# Harmonics of degree 0 to 2 of the edges into the middle atom of a bent molecule, summed: one
# number, one vector, one matrix without trace. Turn the molecule; the number stays, the others turn
# by :math:`D^1` and :math:`D^2`.

water = torch.tensor([[0.0, 0.0, 0.0], [0.96, 0.0, 0.0], [-0.24, 0.93, 0.0]]).double()
turn = geomdl.group("O3").sample(1, torch.Generator().manual_seed(0))[0]


def middle(points: torch.Tensor) -> torch.Tensor:
    """Sum of the harmonics of the edges into atom 0."""
    return spherical_harmonics(points[1:] - points[0], 2).sum(0)


feature, turned = middle(water), middle(water @ turn.T)
by_matrix = spherical(2)(turn) @ feature
print("largest difference of D(R) y(x) and y(R x):", float((by_matrix - turned).abs().max()))

figure_feature, axis = plt.subplots(figsize=(6, 2.6), layout="constrained")
axis.bar([k - 0.2 for k in range(9)], feature.tolist(), width=0.4, label="molecule")
axis.bar([k + 0.2 for k in range(9)], turned.tolist(), width=0.4, label="turned")
axis.set_xticks(range(9), ["0", *("1",) * 3, *("2",) * 5])
axis.set_xlabel("degree of the component")
axis.set_ylabel("feature")
axis.legend()

# %%
# Why degrees matter
# ------------------
#
# Put n neighbours on a circle, evenly, and turn the star by half a step. Distances agree. The sum
# of :math:`Y_l` over the star is the mean over rotations by :math:`2\pi/n`, which leaves only
# :math:`m = 0, \pm n, \dots`: below degree n both stars give the *same* feature, whatever the
# weights. So one layer must have :math:`l \geq n` to tell them apart (Joshi et al. 2023,
# arXiv:2301.09308).


def star(n: int, angle: float) -> torch.Tensor:
    """Sum of the harmonics to degree 6 over n directions in the plane across the polar axis."""
    angles = angle + 2 * math.pi * torch.arange(n).double() / n
    points = torch.stack([angles.cos(), torch.zeros(n).double(), angles.sin()], -1)
    return spherical_harmonics(points, 6).sum(0)


folds = (2, 3, 4, 5, 6)
seen = torch.zeros(len(folds), 7).double()
for row, n in enumerate(folds):
    difference = star(n, 0.0) - star(n, math.pi / n)
    for l in range(7):
        seen[row, l] = difference[: (l + 1) ** 2].abs().max()

figure_stars, axis = plt.subplots(figsize=(5, 3), layout="constrained")
axis.imshow((seen > 1e-9).numpy(), cmap="Blues", aspect="auto", vmin=0, vmax=1.4)
axis.set_xticks(range(7))
axis.set_yticks(range(len(folds)), folds)
axis.set_xlabel("greatest degree of the features")
axis.set_ylabel("neighbours in the star")
axis.set_title("blue: told apart from itself turned by half a step", fontsize=10)

# %%
# The same holds for a whole network whose atoms see each other through the middle alone. Two stars
# of three, one above the middle and one below, the lower one turned by half a step or not (a prism,
# an antiprism): with :math:`l_{\max} = 2` both have the same energy, with 3 they have not.


def energies(lmax: int, n: int = 3) -> list[float]:
    """Energies of a prism and of an antiprism with an atom in the middle."""
    model = NequIP((6,), lmax=lmax, channels=8, layers=2, cutoff=2.0).double()
    found = []
    for angle in (0.0, math.pi / n):
        circles = []
        for height, shift in ((0.8, 0.0), (-0.8, angle)):
            angles = shift + 2 * math.pi * torch.arange(n).double() / n
            circle = (angles.cos(), torch.full((n,), height).double(), angles.sin())
            circles.append(torch.stack(circle, -1))
        pos = torch.cat([torch.zeros(1, 3).double(), *circles])
        inward = torch.tensor([range(1, 2 * n + 1), [0] * (2 * n)])
        graph = Graph.from_edge_index(torch.cat([inward, inward.flip(0)], 1))
        found.append(float(model(torch.full((len(pos),), 6), pos, graph).detach()))
    return found


for lmax in (2, 3):
    first, second = energies(lmax)
    print(f"l_max = {lmax}: energies differ by {abs(first - second):.1e}")

# %%
# What the body order sees
# ------------------------
#
# A layer of messages adds up neighbours: :math:`A = \sum_j R(r_j) Y(\hat r_j)`. A number that is
# linear in A knows distances; a product of two A knows pairs of neighbours, thus angles; of three,
# tetrahedra; degree :math:`\nu` is body order :math:`\nu + 1`, the middle counted. That is what
# MACE's symmetric contraction makes.
#
# Is a neighbourhood given by its list of distances and angles? Pozdnyakov et al. (2020,
# arXiv:2001.11696) found pairs for which lists agree and atoms do not.

figure_pairs = plt.figure(figsize=(9, 5.4), layout="constrained")
for column, name in enumerate(INCOMPLETE):
    for row, points in enumerate(incomplete(name)[:2]):
        axis = figure_pairs.add_subplot(2, 3, 3 * row + column + 1, projection="3d")
        x, y, height = points[1:].T
        for end in points[1:]:
            axis.plot(*zip((0, 0, 0), end.tolist(), strict=True), color="0.6", linewidth=1.2)
            if name == "3-body":  # where a point stands above the plane
                axis.plot([end[0], end[0]], [end[1], end[1]], [0, end[2]], ":", color="0.8")
        moved = (incomplete(name).first[1:] - incomplete(name).second[1:]).norm(dim=1) > 1e-9
        colors = ["C1" if different else "C0" for different in moved]
        axis.scatter(x, y, height, c=colors, s=60, depthshade=False)
        axis.scatter(0, 0, 0, color="black", s=60, depthshade=False)
        if name == "4-body":
            for start in (0, 3):
                ring = points[[start + 1, start + 2, start + 3, start + 1]]
                axis.plot(*ring.T, color="C0", alpha=0.5)
        low = -0.2 if name == "3-body" else -1.0
        axis.set(xlim=(-1, 1), ylim=(-1, 1), zlim=(low, 1))
        axis.set_axis_off()
        axis.set_box_aspect((2, 2, 1 - low), zoom=1.0 if name == "3-body" else 1.3)
        axis.view_init(elev=28 if name == "4-body" else 18, azim=-75 if name == "4-body" else -60)
        if row == 0:
            axis.set_title(f"the same {name} lists", fontsize=10)

# %%
# Random weights in float64 show what a layer *can* see: if both neighbourhoods give the same
# numbers, no training helps. Degree against the order of the contraction: the pair that agrees to
# :math:`\nu` bodies needs degree :math:`\nu` (three-body lists mislead :math:`\nu = 2`, and so on),
# and vectors alone are not enough for the last two: :math:`l \geq 2`.


def contraction(points: torch.Tensor, lmax: int, degree: int) -> torch.Tensor:
    """Invariants of the middle: polynomials of a degree of the sum over its neighbours."""
    rng, n = torch.Generator().manual_seed(0), len(points) - 1
    ends = torch.stack([torch.arange(1, n + 1), torch.zeros(n).long()])
    layer = Interaction(spherical(0), spherical(lmax), channels=4)
    r = points[1:].norm(dim=1)[:, None, None]
    w = torch.randn(2, layer.paths, 4, generator=rng).double()
    sums = layer(
        torch.ones(n + 1, 1, 4).double(),
        spherical_harmonics(points[1:], lmax),
        w[0] * (-r).exp() + w[1] * (-r * r).exp(),
        Graph.from_edge_index(ends),
    )
    contract = SymmetricContraction(
        spherical(lmax), spherical(0), channels=4, correlation=degree, rng=rng
    ).double()
    return contract(sums[:1], torch.zeros(1).long()).detach()


orders, degrees = (1, 2, 3, 4), (1, 2, 3)
figure_orders, axes = plt.subplots(1, 3, figsize=(8, 2.9), sharey=True, layout="constrained")
for axis, name in zip(axes, INCOMPLETE, strict=True):
    apart = torch.zeros(len(degrees), len(orders))
    for i, lmax in enumerate(degrees):
        for j, degree in enumerate(orders):
            one, other = (contraction(p, lmax, degree) for p in incomplete(name)[:2])
            apart[i, j] = float((one - other).norm()) > 1e-10 * float(one.norm())
    axis.imshow(apart.numpy(), cmap="Blues", aspect="auto", vmin=0, vmax=1.4, origin="lower")
    axis.set_xticks(range(len(orders)), [f"{k}\n{k + 1}-body" for k in orders])
    axis.set_yticks(range(len(degrees)), degrees)
    for edge in range(1, len(orders)):
        axis.axvline(edge - 0.5, color="white")
    for edge in range(1, len(degrees)):
        axis.axhline(edge - 0.5, color="white")
    axis.set_title(f"the same {name} lists", fontsize=10)
axes[0].set_ylabel("greatest degree l")
axes[1].set_xlabel("order ν of the contraction: blue where it tells the two apart")

# %%
# A potential for ethanol
# -----------------------
#
# Frames of ethanol at 500 K with the energies and forces of GFN2-xTB: 400 of them come with the
# package (``load("ethanol")``; ``load("xtb_ethanol", root=…)`` reads the whole trajectory). A
# `Potential` is an energy with its exact gradient, so forces conserve energy whatever the weights.
# It is trained for a minute, on energies and forces; ``geomdl train potential --data ethanol``
# trains a larger one from the command line.

frames = geomdl.data.parts(geomdl.data.load("ethanol"))
torch.manual_seed(0)
potential = Potential(NequIP((1, 6, 8), lmax=1, channels=16, radial=(32,), cutoff=4.0))
run = fit_potential(
    potential,
    frames["train"],
    frames["validation"],
    seconds=2 if FAST else 60,
    lr=0.01,
    batch_size=5,
    weight_decay=0.0,
    ema=0.9 if FAST else 0.99,
    progress=False,
)
errors = potential_errors(potential, frames["test"])
print(f"test: energies {errors['energy']:.0f} meV, forces {errors['forces']:.0f} meV/Å")

with torch.no_grad():
    few = frames["test"]
    each = torch.arange(len(few["z"])).repeat_interleave(9)
    found = potential(few["z"].flatten(), few["pos"].flatten(0, 1), batch=each)
figure_forces, axis = plt.subplots(figsize=(3.6, 3.4), layout="constrained")
axis.scatter(few["forces"].flatten(), found.forces.flatten(), s=3, alpha=0.5)
axis.axline((0, 0), slope=1, color="black", linewidth=0.8)
axis.set_xlabel("force of GFN2-xTB, eV/Å")
axis.set_ylabel("force of the network, eV/Å")

# %%
# It conserves energy
# -------------------
#
# `ASECalculator` gives the potential to ASE, which lets the molecule move by Newton's law from rest
# (velocity Verlet, half a femtosecond a step). Kinetic and potential energy change places; their
# sum stays, as forces are a gradient.

atoms = Atoms(few["z"][0].numpy(), few["pos"][0].double().numpy())
atoms.calc = ASECalculator(potential.double())
track = []
motion = VelocityVerlet(atoms, timestep=0.5 * units.fs)
motion.attach(lambda: track.append((atoms.get_potential_energy(), atoms.get_kinetic_energy())))
motion.run(30 if FAST else 400)
energies_over_time = 1000 * torch.tensor(track) / len(atoms)
total = energies_over_time.sum(1)
print(f"the total energy stays within {total.max() - total.min():.2f} meV an atom")

figure_motion, axis = plt.subplots(figsize=(6, 3), layout="constrained")
times = 0.5 * torch.arange(len(track))
for values, name in zip(energies_over_time.T, ("potential", "kinetic"), strict=True):
    axis.plot(times, values - values[0], label=name)
axis.plot(times, total - total[0], label="sum", color="black")
axis.set_xlabel("time, fs")
axis.set_ylabel("energy, meV an atom")
axis.legend()

# %%
# The certificate
# ---------------
#
# The trained potential is audited as any other function: energies must stay, forces turn, under all
# of E(3); and atoms may be renumbered.

z, pos = few["z"][0], few["pos"][0].double()
graph = radius_graph(pos, potential.cutoff).graph
print(geomdl.audit(potential, z, pos, None, None, None, graph))
print(geomdl.audit(potential.model, z, pos, graph, group="S9"))
