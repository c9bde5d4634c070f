r"""
Why symmetry generalises
========================

**The question.** A network with the symmetry of the data learns from fewer samples. Everybody says
so. How many fewer? Is it enough to average after the training, or to turn the samples, or must the
layers know the group? And what if the symmetry is wrong?

We count functions, compute risks exactly, measure the same on linear models, kernels and networks,
and finish where the advice ends: at a symmetry that the data do not have.
"""

# %%
# The mathematics, in three numbers
# ---------------------------------
#
# A group G acts on V. **How many functions are left?** Of the polynomials of degree k, the
# invariant ones are counted by Molien's series,
#
# .. math:: \sum_k \dim (\mathrm{Sym}^k V)^G \, t^k = \frac{1}{|G|} \sum_g \frac{1}{\det(1 - t g)},
#
# a mean over the group in which the identity has by far the highest pole: the others die out, and a
# share of 1/\|G\| remains. **How much can they do with noise?** The Rademacher complexity of the
# linear ones is smaller by :math:`\mu_k/\mu_d`, the mean norms of Gaussian vectors in k and d
# dimensions. **How many samples?** Least squares on d coordinates with n samples risks
# :math:`\sigma^2 d/(n-d-1)`, on the k invariant ones :math:`\sigma^2 k/(n'-k-1)`. Set them equal:
#
# .. math:: \frac{n' - 1}{n - 1} = \frac{k}{d},
#
# which is 1/\|G\| where every orbit is as large as the group. One call computes all three.

import os

import matplotlib.pyplot as plt
import torch

import geomdl
from geomdl.generalization import (
    action_on,
    averaging_gap,
    invariance_gain,
    least_squares,
    measure_invariance_gain,
    ridgeless_risk,
)

FAST = os.environ.get("GEOMDL_FAST") == "1"  # a small budget: everything runs, in seconds
COLOURS = {"plain": "#999999", "averaged": "#E69F00", "augmented": "#CC79A7",
           "invariant": "#0072B2"}  # fmt: skip

C6 = geomdl.group("C6")
rep = 4 * C6.regular  # 24 numbers, in rings of six that turn together
gain = invariance_gain(C6, rep, n=60, noise=0.5, degrees=6)
print(gain)

# %%
# A share of functions
# --------------------
#
# The same for several groups, degree by degree. The share settles at one over the order: at once
# where the elements move all there is, slowly for the permutations of four numbers, since a swap
# leaves all but one direction as they are.

figure_share, axes = plt.subplots(figsize=(6.8, 4), layout="constrained")
acts = {
    "C6 on a ring of six": C6.regular,
    "D4 on eight points": geomdl.group("D4").regular,
    "S4 permuting four numbers": geomdl.group("S4").standard,
    "rotations of the cube, in space": geomdl.group("O").standard,
}
for (name, one), colour in zip(
    acts.items(), ("#0072B2", "#D55E00", "#009E73", "#CC79A7"), strict=True
):
    found = invariance_gain(one.group, one, degrees=24)
    axes.plot(range(25), found.share, "o-", ms=4, lw=1, color=colour, label=name)
    axes.axhline(1 / found.order, color=colour, ls=":", lw=1)
axes.set(ylim=(0, 0.4), xlabel="degree", ylabel="invariant share of harmonics")
axes.legend(frameon=False)

# %%
# Averaging after is not knowing before
# -------------------------------------
#
# Now the risk, against the number of samples, for four ways to use a symmetry on the same noisy
# samples of an invariant linear target: not at all; average the result over the group; train on all
# six turned copies of each sample; use the invariant coordinates. The curves are exact (Elesedy and
# Zaidi for the second), the points are experiments.

d, k, noise = rep.dim, gain.invariant_dim, 0.5
sizes = [3, 8, 14, 18, 32, 44, 60, 90, 120]
seeds = 60 if FAST else 500
measured = {n: measure_invariance_gain("linear", rep, n, seeds, noise=noise) for n in sizes}
print(measured[60])

every = [n for n in range(2, 131) if abs(n - d) > 1 and abs(n - k) > 1]
curves = {
    "plain": [ridgeless_risk(n, d, noise) for n in every],
    "averaged": [ridgeless_risk(n, d, noise) - averaging_gap(n, d, d - k, noise) for n in every],
    "invariant": [ridgeless_risk(n, k, noise) for n in every],
}
figure_ways, axes = plt.subplots(figsize=(7, 4.4), layout="constrained")
for name, values in curves.items():
    broken = [v if n != d + 2 and n != k + 2 else float("nan") for n, v in zip(every, values,
              strict=True)]  # fmt: skip
    axes.plot(every, broken, color=COLOURS[name], lw=1.6)
for name, colour in COLOURS.items():
    shift = 0.6 if name == "augmented" else 0.0  # it lies on the invariant one
    axes.errorbar([n + shift for n in sizes], [measured[n].mean(name)[0] for n in sizes],
                  yerr=[2 * measured[n].mean(name)[1] for n in sizes], fmt="o", ms=4,
                  color=colour, label=name)  # fmt: skip
axes.set(yscale="log", ylim=(4e-3, 20), xlabel="training samples", ylabel="risk")
axes.legend(frameon=False)
assert all(
    float((one.risks["augmented"] - one.risks["invariant"]).abs().max()) < 1e-9
    for one in measured.values()
)

# %%
# Three things to see. The plain model has its peak of double descent at n = 24, *and so has its
# average*: averaging takes away what is not invariant, five sixths of the noise, but the data were
# spent on all 24 directions. The invariant model has its peak at n = 4 and is far beyond it. And
# the pink points lie on the blue ones, to rounding: to train on all turned copies *is* the
# invariant model, at six times the cost.
#
# Samples, counted
# ----------------
#
# Draw a horizontal line through the last picture: the same risk, with so many samples fewer.

print("  n   risk of the plain model   samples that the invariant one needs")
for n in (40, 60, 120, 240):
    one = invariance_gain(C6, rep, n=n, noise=noise, degrees=0)
    print(f"{n:>4}   {one.plain:21.4f}   {one.samples:>5}")
    assert one.samples is not None
    assert one.samples - 1 >= (n - 1) / 6 > one.samples - 2

# %%
# Kernels
# -------
#
# Little was special about lines. Replace the kernel of ridge regression by its mean over the group,
# :math:`\bar k(x, y) = \frac{1}{|G|} \sum_g k(x, g y)`. Here are the digits, 8 × 8 pixels, trained
# upright and tested turned by any element of :math:`D_4`.

D4 = geomdl.group("D4")
pixels = action_on(geomdl.Field(geomdl.Grid(2), D4.trivial), (8, 8))
print(f"{len(pixels.fixed())} invariant pixels of {pixels.dim}")
digits = geomdl.data.load("digits", size=None)
images = digits["images"].flatten(1) - digits["images"].mean()
data = (images, digits["labels"])

sizes = [20, 60] if FAST else [20, 50, 100, 200, 400]
kernels = {
    n: measure_invariance_gain("kernel", pixels, n, 2 if FAST else 4, noise=0.0, ridge=1e-2,
                               data=data, test=200)
    for n in sizes
}  # fmt: skip
last = kernels[sizes[-1]]
print(last)

figure_kernels, axes = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
for name, colour in COLOURS.items():
    style = "--" if name == "augmented" else "-"
    axes.errorbar(sizes, [one.mean(name)[0] for one in kernels.values()],
                  yerr=[2 * one.mean(name)[1] for one in kernels.values()], fmt="o" + style, ms=4,
                  color=colour, label=name)  # fmt: skip
axes.axhline(1, color="#dddddd", lw=1, zorder=0)
axes.set(xscale="log", xlabel="training samples", ylabel="mean square on turned digits")
axes.set_xticks(sizes, [str(n) for n in sizes])
axes.minorticks_off()
axes.legend(frameon=False)

# %%
# The plain kernel has not seen a turned digit and is little better than silence (the grey line at
# 1: to answer 0 everywhere). Averaged after, it is a little better than that: exactly invariant,
# and learned from the wrong problem. Augmented and invariant are one function again, now with a
# ridge that is eight times as large for eight times as many samples.
#
# Networks, at equal budget
# -------------------------
#
# For networks the equality breaks, and the question is which way learns more from the same number
# of steps. All have the same number of neurons; the invariant one has them in orbits of eight.

networks = {
    hidden: measure_invariance_gain(
        "network", pixels, 100, 2 if FAST else 6, noise=0.0, data=data, test=200, hidden=hidden,
        steps=20 if FAST else 300, lr=0.01,
    )
    for hidden in (64, 256)
}  # fmt: skip
for hidden, one in networks.items():
    print(f"{hidden} neurons")
    print(one)
figure_networks = networks[256].plot()

# %%
# To average the plain network afterwards helps, and far less than to have turned its samples.
# Between turned samples and an invariant architecture it is close here, and the number of neurons
# decides: with 64 the invariant network has eight free ones, which is few, and errs more than the
# augmented one; with 256 it has 32, and catches up. So count the weights, not the neurons.
# Convolutions in place of two layers, clouds of points, and intervals over sizes and seeds:
# ``geomdl bench theory/invariance``.
#
# The wrong symmetry
# ------------------
#
# Everything above had an invariant truth. Let a share of it break the symmetry: the target is an
# invariant vector plus ε times another one. The invariant model can never learn the second part,
# and pays ε² for ever; the plain one pays for its noise, less and less. They cross.

rng = torch.Generator().manual_seed(0)
basis = rep.fixed()
inside = basis.T @ torch.randn(k, generator=rng, dtype=torch.float64)
outside = torch.randn(d, generator=rng, dtype=torch.float64)
outside = outside - rep.reynolds @ outside
inside, outside = inside / inside.norm(), outside / outside.norm()
figure_wrong, axes = plt.subplots(figsize=(6.8, 4), layout="constrained")
counts = [30, 40, 60, 100, 200, 400]
for epsilon, colour in ((0.0, "#0072B2"), (0.2, "#D55E00"), (0.4, "#CC79A7")):
    theta = inside + epsilon * outside
    risks = []
    for n in counts:
        x = torch.randn(20 if FAST else 200, n, d, generator=rng, dtype=torch.float64)
        y = x @ theta[:, None]
        y = y + noise * torch.randn(y.shape, generator=rng, dtype=torch.float64)
        w = basis.T @ least_squares(x @ basis.T, y)
        risks.append(float((w - theta[:, None]).square().sum((1, 2)).mean()))
    exact = [epsilon**2 + (noise**2 + epsilon**2) * k / (n - k - 1) for n in counts]
    axes.plot(counts, exact, color=colour, lw=1.4)
    axes.plot(counts, risks, "o", color=colour, ms=4, label=f"invariant, ε = {epsilon:g}")
axes.plot(counts, [ridgeless_risk(n, d, noise) for n in counts], color="#999999", lw=2,
          label="plain, any ε")  # fmt: skip
axes.set(xscale="log", yscale="log", xlabel="training samples", ylabel="risk")
axes.set_xticks(counts, [str(n) for n in counts])
axes.tick_params(which="minor", bottom=False, labelbottom=False)
axes.legend(frameon=False)

# %%
# Even with ε = 0.4, a sixth of the signal, the wrong symmetry is the better choice below sixty
# samples or so: a bias is cheaper than a variance that one cannot pay. With many samples it is a
# mistake. What to do between: :doc:`does it have the symmetry you think?
# <06_does_it_have_the_symmetry>` measures what the data say, and lets go of a symmetry layer by
# layer.
#
# Exercises
# ---------
#
# 1. Why is the number of invariant pixels of an 8 × 8 image under D4 ten, and not eight? Compute it
#    as the mean of the traces, and as the number of orbits.
# 2. Which n makes the crossing in the last picture, as a formula in ε, σ, k and d?
# 3. In the second picture, replace C6 by its subgroup C3 (``rep.restrict("C3")``). Where is the
#    peak of the invariant model now?
# 4. The share of invariant harmonics of the rotations of the cube is zero at degrees 1, 2 and 3.
#    What does that say of a linear model on :math:`\mathbb{R}^3`? Of a quadratic one?
# 5. ``geomdl verify sample-gain three-ways invariant-peak`` runs the theorems of this page. Which
#    hypothesis does each sabotage break?
#
# **Read on.** Elesedy and Zaidi, *Provably strict generalisation benefit for equivariant models*,
# 2021, arXiv:2102.10333; Bietti, Venturi and Bruna, *On the sample complexity of learning under
# geometric stability*, 2021, arXiv:2106.07148; Mei, Misiakiewicz and Montanari, *Learning with
# invariances in random features and kernel models*, 2021, arXiv:2102.13219; Chen, Dobriban and Lee,
# *A group-theoretic framework for data augmentation*, 2020, arXiv:1907.10905.
