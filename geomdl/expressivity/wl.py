"""The Weisfeiler-Leman hierarchy, and all other colourings, by name."""

from collections.abc import Callable

from torch import Tensor

from geomdl.expressivity.derived import shortest_path_wl, sswl
from geomdl.expressivity.folklore import folklore_wl
from geomdl.expressivity.layout import Graphs
from geomdl.expressivity.marking import adjacent_pairs_wl, marked_wl, pairs_wl
from geomdl.expressivity.refinement import color_refinement
from geomdl.fields.numbers import one_of


def wl(
    graphs: Graphs,
    k: int = 1,
    folklore: bool = False,
    node_color: Tensor | None = None,
    edge_color: Tensor | None = None,
) -> Tensor:
    """Certificates of the Weisfeiler-Leman test: what message passing can tell apart, exactly.

    k = 1 is colour refinement (`color_refinement`, which also gives the colours of nodes and counts
    rounds). In the oblivious form, k-WL refines k-tuples over one exchanged place at a time and is
    as strong as (k - 1)-FWL for k ≥ 3, 2-WL as 1-WL; it is computed as such. With `folklore`, k-FWL
    is as strong as (k + 1)-WL: 3-WL and 2-FWL are one test.

    *Exact*: colours are compared as what they stand for, never as hashes.

    Args:
        graphs: a batch, or a sequence of graphs.
        k: at least 1.
        folklore: which of the two numberings.
        node_color: integers, shape (nodes,), of all graphs one after another; default all equal.
        edge_color: integers, shape (edges,), in the order in which edges were given; default all
            equal.

    Returns:
        int64, shape (graphs,): equal numbers, not told apart; 0, 1, … in order of appearance. They
        compare within one call.

    Raises:
        ValueError: k < 1, or a graph too large for its k.

    Example:
        >>> import networkx
        >>> from geomdl.fields import Graph
        >>> two = networkx.disjoint_union(networkx.cycle_graph(3), networkx.cycle_graph(3))
        >>> pair = [Graph.from_networkx(g) for g in (networkx.cycle_graph(6), two)]
        >>> wl(pair).tolist(), wl(pair, k=3).tolist()
        ([0, 0], [0, 1])

    Source: Morris et al. 2023, arXiv:2112.09992, for both forms and their history.
    """
    if not isinstance(k, int) or isinstance(k, bool) or k < 1:
        raise ValueError(f"k: expected a whole number of at least 1, got {k!r}")
    level = k if folklore else max(k - 1, 1)
    if level == 1:
        return color_refinement(graphs, node_color, edge_color).graphs
    return folklore_wl(graphs, level, node_color, edge_color)


COLORINGS: dict[str, Callable[..., Tensor]] = {
    "wl": wl,
    "spd": shortest_path_wl,
    "marking": marked_wl,
    "sswl": sswl,
    "2-fwl": folklore_wl,
    "adjacent-pairs": adjacent_pairs_wl,
    "pairs": pairs_wl,
}
# what tells apart all that the key does
FINER = {
    "wl": ("spd", "marking"),
    "spd": ("2-fwl",),
    "marking": ("sswl", "adjacent-pairs"),
    "sswl": ("2-fwl",),
    "2-fwl": (),
    "adjacent-pairs": ("pairs",),
    "pairs": (),
}


def certificates(graphs: Graphs, coloring: str) -> Tensor:
    """Certificates of a colouring by name.

    ================  =============================================  =====================
    name              colours refine over                            told apart also by
    ================  =============================================  =====================
    "wl"              neighbours                                     "spd", "marking"
    "spd"             all nodes, with distances                      "2-fwl"
    "marking"         neighbours, one node marked                    "sswl", "adjacent-pairs"
    "sswl"            pairs (u, v), v's neighbours and u's           "2-fwl"
    "2-fwl"           pairs, over all third nodes (3-WL)
    "adjacent-pairs"  neighbours, two adjacent nodes marked          "pairs"
    "pairs"           neighbours, any two nodes marked
    ================  =============================================  =====================

    Args:
        graphs: a batch, or a sequence of graphs.
        coloring: one of these names.

    Returns:
        int64, shape (graphs,): equal numbers, not told apart; they compare within one call.

    Raises:
        ValueError: an unknown name.

    Example:
        >>> from geomdl.expressivity import circular_skip_links
        >>> [len(certificates(circular_skip_links(), c).unique()) for c in ("wl", "spd", "marking")]
        [1, 9, 10]
    """
    return COLORINGS[one_of("coloring", coloring, COLORINGS)](graphs)
