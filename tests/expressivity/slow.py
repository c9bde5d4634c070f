"""Colourings written out in plain Python, as oracles: colours are nested tuples, no numbers."""

import itertools
from collections import Counter


def matrix(graph):
    """How many edges i → j, as lists."""
    rows = [[0] * graph.num_nodes for _ in range(graph.num_nodes)]
    for i, j in zip(graph.source.tolist(), graph.target.tolist(), strict=True):
        rows[i][j] += 1
    return rows


def multiset(items):
    return tuple(sorted(Counter(items).items()))


def together(things, start, update):
    """Refine the colours of the elements of several things, all with the same names, until stable.

    start(thing) -> {element: colour}; update(thing, colours, element) -> new colour.
    """
    colors = [start(thing) for thing in things]
    count = 0
    while True:
        names = {c: k for k, c in enumerate(sorted({c for cs in colors for c in cs.values()}))}
        colors = [{e: names[c] for e, c in cs.items()} for cs in colors]
        if len(names) == count:
            return colors
        count = len(names)
        colors = [
            {e: (cs[e], update(thing, cs, e)) for e in cs}
            for thing, cs in zip(things, colors, strict=True)
        ]


def nodes_of(m):
    return range(len(m))


def wl(ms, marks=None):
    """1-WL of matrices, the nodes of `marks[g]` marked in their order."""
    marks = marks or [()] * len(ms)
    things = list(zip(ms, marks, strict=True))
    return together(
        things,
        lambda t: {v: tuple(v == u for u in t[1]) for v in nodes_of(t[0])},
        lambda t, c, v: multiset(c[u] for u in nodes_of(t[0]) for _ in range(t[0][u][v])),
    )


def spd(ms):
    def distances(m):
        d = [[0 if i == j else 1 if m[i][j] else 10**6 for j in nodes_of(m)] for i in nodes_of(m)]
        for w, i, j in itertools.product(nodes_of(m), repeat=3):
            d[i][j] = min(d[i][j], d[i][w] + d[w][j])
        return d

    things = [distances(m) for m in ms]
    return together(
        things,
        lambda d: {v: 0 for v in nodes_of(d)},
        lambda d, c, v: multiset((d[u][v], c[u]) for u in nodes_of(d)),
    )


def sswl(ms):
    return together(
        ms,
        lambda m: {(u, v): int(u == v) for u in nodes_of(m) for v in nodes_of(m)},
        lambda m, c, x: (
            multiset(c[x[0], w] for w in nodes_of(m) for _ in range(m[w][x[1]])),
            multiset(c[w, x[1]] for w in nodes_of(m) for _ in range(m[w][x[0]])),
        ),
    )


def _tuples(m, k):
    def kind(x):
        return tuple((a == b, m[a][b]) for a in x for b in x)

    return {x: kind(x) for x in itertools.product(nodes_of(m), repeat=k)}


def folklore(ms, k):
    def update(m, c, x):
        return multiset(tuple(c[(*x[:i], w, *x[i + 1 :])] for i in range(k)) for w in nodes_of(m))

    return together(ms, lambda m: _tuples(m, k), update)


def oblivious(ms, k):
    def update(m, c, x):
        return tuple(multiset(c[(*x[:i], w, *x[i + 1 :])] for w in nodes_of(m)) for i in range(k))

    return together(ms, lambda m: _tuples(m, k), update)


def pooled(colors):
    return [multiset(c.values()) for c in colors]


def partition(keys):
    """Numbers in the order of appearance."""
    names = {}
    return [names.setdefault(key, len(names)) for key in keys]


def marked(ms, second):
    """Multisets over u of (u marked, multiset over v of both marked)."""
    copies = [(g, (u,)) for g, m in enumerate(ms) for u in nodes_of(m)]
    if second != "none":
        copies += [
            (g, (u, v))
            for g, m in enumerate(ms)
            for u in nodes_of(m)
            for v in nodes_of(m)
            if second == "all" or m[u][v]
        ]
    width = max((len(marks) for _, marks in copies), default=0)
    padded = [marks + (None,) * (width - len(marks)) for _, marks in copies]
    found = dict(zip(copies, pooled(wl([ms[g] for g, _ in copies], padded)), strict=True))
    graphs = []
    for g, m in enumerate(ms):
        roots = []
        for u in nodes_of(m):
            others = [x for x in found if x[0] == g and len(x[1]) == 2 and x[1][0] == u]
            roots.append((found[g, (u,)], multiset(found[x] for x in others)))
        graphs.append(multiset(roots))
    return graphs
