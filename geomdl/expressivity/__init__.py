"""What networks can tell apart, and what they can compute: exact certificates and counts.

`wl` and its relatives number graphs so that equal numbers mean: not told apart. `certificates`
names them all and says how they are ordered.
"""

from geomdl.expressivity.canonical import canonical_certificate, isomorphic
from geomdl.expressivity.comparing import Comparison, compare
from geomdl.expressivity.derived import shortest_path_wl, sswl
from geomdl.expressivity.families import (
    beyond_refinement,
    cfi,
    circulant,
    circular_skip_links,
)
from geomdl.expressivity.folklore import folklore_wl
from geomdl.expressivity.fractional import fractional_isomorphism
from geomdl.expressivity.homomorphisms import homomorphism_counts, trees
from geomdl.expressivity.marking import adjacent_pairs_wl, marked_wl, pairs_wl
from geomdl.expressivity.refinement import Coloring, color_refinement
from geomdl.expressivity.wl import certificates, wl

__all__ = [
    "Coloring",
    "Comparison",
    "adjacent_pairs_wl",
    "beyond_refinement",
    "canonical_certificate",
    "certificates",
    "cfi",
    "circulant",
    "circular_skip_links",
    "color_refinement",
    "compare",
    "folklore_wl",
    "fractional_isomorphism",
    "homomorphism_counts",
    "isomorphic",
    "marked_wl",
    "pairs_wl",
    "shortest_path_wl",
    "sswl",
    "trees",
    "wl",
]
