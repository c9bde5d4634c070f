"""What networks can tell apart, and what they can compute: exact certificates and counts.

`wl` and its relatives number graphs so that equal numbers mean: not told apart; `certificates`
names them all and says how they are ordered. `maurey_network`, `greedy` and `square_network` build
what approximation theory promises; `regions_in_plane` and its relatives count the linear regions of
any network of ReLUs and maxima, exactly, and with them `lipschitz_exact`. `completeness` measures
which equivariant polynomials a stack of layers reaches, `curie` names the answers that none can
give.
"""

from geomdl.expressivity.barron import (
    Cosines,
    Gaussian,
    Matern,
    OneHiddenLayer,
    Spectrum,
    barron_network,
    maurey_network,
    maurey_variance,
)
from geomdl.expressivity.canonical import canonical_certificate, isomorphic
from geomdl.expressivity.comparing import Comparison, compare
from geomdl.expressivity.completeness import Completeness, completeness
from geomdl.expressivity.curie import Curie, curie
from geomdl.expressivity.derived import shortest_path_wl, sswl
from geomdl.expressivity.families import (
    beyond_refinement,
    cfi,
    circulant,
    circular_skip_links,
)
from geomdl.expressivity.folklore import folklore_wl
from geomdl.expressivity.fractional import fractional_isomorphism
from geomdl.expressivity.free_knots import FreeKnots, free_knots
from geomdl.expressivity.greedy import Expansion, greedy, random_features
from geomdl.expressivity.homomorphisms import homomorphism_counts, trees
from geomdl.expressivity.lipschitz import (
    Lipschitz,
    lipschitz_exact,
    lipschitz_lower,
    lipschitz_upper,
)
from geomdl.expressivity.marking import adjacent_pairs_wl, marked_wl, pairs_wl
from geomdl.expressivity.polynomials import (
    PolynomialMaps,
    equivariant_dimensions,
    polynomial_equivariants,
    taylor_component,
)
from geomdl.expressivity.refinement import Coloring, color_refinement
from geomdl.expressivity.region_bounds import (
    montufar_lower,
    montufar_network,
    montufar_upper,
    serra_upper,
    zaslavsky,
)
from geomdl.expressivity.regions import (
    LineRegions,
    PlaneRegions,
    Regions,
    enumerate_regions,
    regions_in_plane,
    regions_on_line,
)
from geomdl.expressivity.sawteeth import product_network, sawtooth, square_network
from geomdl.expressivity.wl import certificates, wl

__all__ = [
    "Coloring",
    "Comparison",
    "Completeness",
    "Cosines",
    "Curie",
    "Expansion",
    "FreeKnots",
    "Gaussian",
    "LineRegions",
    "Lipschitz",
    "Matern",
    "OneHiddenLayer",
    "PlaneRegions",
    "PolynomialMaps",
    "Regions",
    "Spectrum",
    "adjacent_pairs_wl",
    "barron_network",
    "beyond_refinement",
    "canonical_certificate",
    "certificates",
    "cfi",
    "circulant",
    "circular_skip_links",
    "color_refinement",
    "compare",
    "completeness",
    "curie",
    "enumerate_regions",
    "equivariant_dimensions",
    "folklore_wl",
    "fractional_isomorphism",
    "free_knots",
    "greedy",
    "homomorphism_counts",
    "isomorphic",
    "lipschitz_exact",
    "lipschitz_lower",
    "lipschitz_upper",
    "marked_wl",
    "maurey_network",
    "maurey_variance",
    "montufar_lower",
    "montufar_network",
    "montufar_upper",
    "pairs_wl",
    "polynomial_equivariants",
    "product_network",
    "random_features",
    "regions_in_plane",
    "regions_on_line",
    "sawtooth",
    "serra_upper",
    "shortest_path_wl",
    "square_network",
    "sswl",
    "taylor_component",
    "trees",
    "wl",
    "zaslavsky",
]
