"""Lipschitz constants of ReLU networks: exact, between bounds, and the same in every sector."""

import math

import torch
from torch import nn

from geomdl.claims.evidence import Evidence
from geomdl.claims.regions import SQUARE, TOPIC, invariant_network, linear_layers, network, spoilt
from geomdl.claims.registry import claim
from geomdl.expressivity import (
    enumerate_regions,
    lipschitz_exact,
    lipschitz_lower,
    lipschitz_upper,
    regions_in_plane,
)


@claim(
    "lipschitz-between",
    statement="The Lipschitz constant of a ReLU network is the largest norm of its Jacobian over"
    " linear regions: no pair of inputs is steeper, and the products of layers' norms are larger.",
    formula=r"\frac{\|f(x) - f(y)\|}{\|x - y\|} \leq \max_R \|J_R\| \leq \prod_l \|W_l\|",
    source="Jordan and Dimakis 2020, arXiv:2003.01219; Szegedy et al. 2014",
    topic=TOPIC,
    sabotage="the norms of the layers are averaged geometrically, not multiplied",
)
def lipschitz_between(rng: torch.Generator, sabotage: bool) -> Evidence:
    """All regions of the plane, in three norms."""
    model = network((2, 6, 4, 2), rng)
    with torch.no_grad():
        for layer in linear_layers(model):
            layer.weight *= 2
    regions = enumerate_regions(model, 2)
    starts = 3 * torch.randn(16, 2, generator=rng, dtype=torch.float64)
    predicted, measured, labels = [], [], []
    for order in (1, 2, math.inf):
        exact = lipschitz_exact(regions, order).value
        product = lipschitz_upper(model, 2, order)
        bounds = {"product": product ** (1 / 3) if sabotage else product}
        bounds["absolute"] = lipschitz_upper(model, 2, order, "absolute")
        lower = lipschitz_lower(model, starts, order, steps=25, rng=rng).value
        predicted += [exact, *bounds.values()]
        measured += [lower, exact, exact]
        labels += [f"pairs, p = {order:g}", *(f"{name}, p = {order:g}" for name in bounds)]
    return Evidence(
        predicted, measured, tolerance=1e-9 * max(predicted),
        because="rounding of differences of values over 10⁻³", relation="at most",
        labels=tuple(labels),
    )  # fmt: skip


@claim(
    "lipschitz-orbit",
    statement="An invariant network has its whole Lipschitz constant in every fundamental domain of"
    " its group.",
    formula=r"\max_{x \in D} \|J(x)\| = \max_{x \in gD} \|J(x)\|, \quad"
    r" J(gx) = \rho(g)\, J(x)\, \rho(g)^{-1}",
    source="elementary: orthogonal matrices do not change a norm",
    topic=TOPIC,
    sabotage="the network is not invariant",
)
def lipschitz_orbit(rng: torch.Generator, sabotage: bool) -> Evidence:
    """C4 on a square: four triangles and the whole."""
    model: nn.Module = invariant_network(rng)
    if sabotage:
        model = spoilt(model, rng)
    whole = lipschitz_exact(regions_in_plane(model, 2 * SQUARE)).value
    corners = zip(2 * SQUARE, (2 * SQUARE).roll(-1, 0), strict=True)
    sectors = [
        lipschitz_exact(regions_in_plane(model, torch.stack([0 * a, a, b]))).value
        for a, b in corners
    ]
    return Evidence(
        4 * [whole], sectors, tolerance=1e-9 * whole, because="rounding of derivatives",
        labels=("south", "east", "north", "west"),
    )  # fmt: skip
