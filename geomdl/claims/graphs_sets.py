"""What sums over a set keep: equivariant maps, aggregations, power sums and their number."""

import math
from itertools import combinations_with_replacement, product

import torch
from torch import Tensor

from geomdl.claims.evidence import Evidence
from geomdl.claims.registry import claim
from geomdl.fields import Graph
from geomdl.groups import Rep, group
from geomdl.permutation import neighbor_max, neighbor_mean, neighbor_sum

TOPIC = "sets"
_SAME = 1e-12  # of sums of order 1


def partitions(m: int, blocks: int) -> int:
    """Partitions of a set of m elements into at most some blocks; Bell's number if blocks ≥ m.

    Sums of Stirling's numbers S(m, j) = j S(m - 1, j) + S(m - 1, j - 1).

    Args:
        m: elements.
        blocks: at most.

    Example:
        >>> [partitions(4, n) for n in (1, 2, 3, 4, 9)]
        [1, 8, 14, 15, 15]
    """
    row = [1]
    for _ in range(m):
        row = [j * (row[j] if j < len(row) else 0) + (row[j - 1] if j else 0)
               for j in range(len(row) + 1)]  # fmt: skip
    return sum(row[: blocks + 1])


@claim(
    "bell-numbers",
    statement="Linear maps from k-tensors to l-tensors over n nodes that commute with their"
    " permutations are as many as partitions of k + l things into at most n blocks: the Bell number"
    " if n ≥ k + l, fewer below.",
    formula=r"\dim\mathrm{Hom}_{S_n}(V^{\otimes k}, V^{\otimes l}) = \sum_{j \le n} S(k + l, j)"
    r" \stackrel{n \ge k + l}{=} \mathrm{Bell}(k + l)",
    source="Maron et al. 2019, arXiv:1812.09902; for small n Pearce-Crump 2022, arXiv:2212.08648",
    topic=TOPIC,
    sabotage="the Bell number is predicted for every n",
)
def bell_numbers(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Null spaces of dense constraints, for n ≤ 5 and k + l ≤ 4.

    A map is a function of k + l indices that is constant on orbits, and tuples of indices are in
    one orbit if the same of them are equal: an orbit is a partition into at most n blocks.
    """
    predicted: list[float] = []
    measured: list[float] = []
    labels: list[str] = []
    for (k, l), n in product(((0, 1), (1, 1), (0, 3), (1, 2), (2, 2)), (2, 3, 4, 5)):
        predicted.append(partitions(k + l, k + l if sabotage else n))
        measured.append(_commuting(group(f"S{n}").standard, k, l, rng))
        labels.append(f"{k} → {l}, n = {n}")
    return Evidence(predicted, measured, 0, "counting: ranks are whole numbers",
                    labels=tuple(labels))  # fmt: skip


def _commuting(v: Rep, k: int, l: int, rng: torch.Generator) -> int:
    """Dimension of Hom(V^k, V^l): null space of W -> g W - W g over generators and a sample."""
    elements = [*v.group.generators, *v.group.sample(2, rng)]
    total = v.dim ** (k + l)
    gram = torch.zeros(total, total, dtype=torch.float64)
    for g in v(torch.stack(elements)):
        power = torch.ones(1, 1, dtype=torch.float64)
        for _ in range(k + l):  # orthogonal, so that W g⁻¹ acts on the last k indices as g
            power = torch.kron(power, g)
        step = power - torch.eye(total, dtype=torch.float64)
        gram += step.T @ step
    return int((torch.linalg.eigvalsh(gram) < 1e-9).sum())


@claim(
    "aggregators",
    statement="Over neighbours with one of k features, at most N of them, a sum of suitable codes"
    " tells all multisets apart; a mean of one-hot features only their proportions, a maximum only"
    " which occur.",
    formula=r"\#_{\mathrm{sum}} = \tbinom{N + k}{k} - 1, \quad"
    r" \#_{\mathrm{mean}} = \#\{m \in \mathbb{N}^k : |m| \le N, \gcd(m) = 1\}, \quad"
    r" \#_{\mathrm{max}} = \#\{S : 1 \le |S| \le \min(k, N)\}",
    source="Xu et al. 2019, arXiv:1810.00826, lemma 5, corollaries 8 and 9, figure 3",
    topic=TOPIC,
    sabotage="the sum is over the numbers 1, …, k as they are, where 1 + 1 = 2",
)
def aggregators(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Distinct outputs on all stars; then the pairs of the source's figure, 1 if confused."""
    predicted: list[float] = []
    measured: list[float] = []
    labels: list[str] = []
    for k, n in ((2, 4), (3, 4), (3, 6), (4, 5)):
        sets = [s for m in range(1, n + 1) for s in combinations_with_replacement(range(k), m)]
        sets = [sets[i] for i in torch.randperm(len(sets), generator=rng).tolist()]
        counts = [tuple(s.count(c) for c in range(k)) for s in sets]
        code = torch.arange(1, k + 1) if sabotage else (n + 1) ** torch.arange(k)
        graph, colour = _stars(sets)
        onehot = torch.eye(k, dtype=torch.float64)[colour]
        total = neighbor_sum(code.double()[colour].unsqueeze(1), graph)[: len(sets)]
        mean = neighbor_mean(onehot, graph)[: len(sets)]
        top = neighbor_max(onehot, graph)[: len(sets)]
        measured += [len((v * 2**40).round().unique(dim=0)) for v in (total, mean, top)]
        predicted += [math.comb(n + k, k) - 1, sum(math.gcd(*m) == 1 for m in counts),
                      sum(math.comb(k, j) for j in range(1, min(k, n) + 1))]  # fmt: skip
        labels += [f"{what}, k = {k}, N = {n}" for what in ("sum", "mean", "max")]
    cases = {"aa, aaa": ((0, 0), (0, 0, 0)), "ab, abb": ((0, 1), (0, 1, 1)),
             "ab, aabb": ((0, 1), (0, 0, 1, 1))}  # fmt: skip
    expected = {"aa, aaa": (0, 1, 1), "ab, abb": (0, 0, 1), "ab, aabb": (0, 1, 1)}
    for name, both in cases.items():
        graph, colour = _stars(list(both))
        x = torch.eye(2, dtype=torch.float64)[colour]
        for how in (neighbor_sum, neighbor_mean, neighbor_max):
            one, other = how(x, graph)[:2]
            measured.append(int(torch.equal(one, other)))
        predicted += expected[name]
        labels += [f"{name} under {what}" for what in ("sum", "mean", "max")]
    return Evidence(predicted, measured, 0, "counting", labels=tuple(labels))


def _stars(sets: list[tuple[int, ...]]) -> tuple[Graph, Tensor]:
    """One middle for each multiset, first, then the neighbours; and all colours (middles 0)."""
    target = torch.tensor([i for i, s in enumerate(sets) for _ in s])
    source = len(sets) + torch.arange(len(target))
    colour = torch.tensor([0] * len(sets) + [c for s in sets for c in s])
    return Graph.from_edge_index(torch.stack([source, target]), num_nodes=len(colour)), colour


# Prouhet, Tarry and Escott: their first n - 1 power sums agree
ESCOTT = {
    2: ((0, 3), (1, 2)),
    3: ((0, 4, 5), (1, 2, 6)),
    4: ((0, 4, 7, 11), (1, 2, 9, 10)),
    5: ((0, 4, 8, 16, 17), (1, 2, 10, 14, 18)),
    6: ((0, 5, 6, 16, 17, 22), (1, 2, 10, 12, 20, 21)),
}


def from_power_sums(sums: Tensor) -> Tensor:
    """The n numbers whose power sums are given, by Newton's identities, sorted.

    k e_k = Σ_{i=1}^k (-1)^{i-1} e_{k-i} p_i, and Π (t - x_i) = Σ (-1)^k e_k t^{n-k}: eigenvalues of
    the companion matrix. The error is that of the sums times the condition of the roots.

    Args:
        sums: p_1, …, p_n, shape (n,), of real numbers.

    Returns:
        shape (n,).

    Example:
        >>> from_power_sums(torch.tensor([3.0, 5.0]).double()).round(decimals=9).tolist()
        [1.0, 2.0]
    """
    n, e = len(sums), [1.0]
    for k in range(1, n + 1):
        e.append(sum((-1) ** (i - 1) * e[k - i] * float(sums[i - 1]) for i in range(1, k + 1)) / k)
    companion = torch.diag(torch.ones(n - 1, dtype=torch.float64), -1)
    companion[0] = companion.new_tensor([(-1) ** (k - 1) * e[k] for k in range(1, n + 1)])
    roots: Tensor = torch.linalg.eigvals(companion).real.sort().values
    return roots


@claim(
    "power-sums",
    statement="The first n power sums give back a set of n numbers; n − 1 of them do not: there are"
    " two sets of whole numbers that differ from degree n on.",
    formula=r"(p_1, \dots, p_n) \mapsto \{x_1, \dots, x_n\}, \quad"
    r" p_k(0, 4, 7, 11) = p_k(1, 2, 9, 10) \;\text{for}\; k = 1, 2, 3",
    source="Newton's identities, elementary; Zaheer et al. 2017, arXiv:1703.06114; Borwein 2002,"
    " Computational excursions, chapter 11, for the pairs",
    topic=TOPIC,
    sabotage="the last of the n sums is lost, and read as 0",
)
def power_sums(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Largest error of the roots over 50 sets of n ≤ 7 numbers; degrees where pairs differ."""
    predicted: list[float] = []
    measured: list[float] = []
    tolerance: list[float] = []
    labels: list[str] = []
    for n in range(2, 8):
        worst = 0.0
        for _ in range(50):  # apart by half a step at least
            x = (torch.arange(n) + 0.5 * torch.rand(n, generator=rng, dtype=torch.float64)) / n
            p = (2 * x - 1) ** torch.arange(1, n + 1).unsqueeze(1)
            sums = p[:, torch.randperm(n, generator=rng)].sum(1)
            if sabotage:
                sums[-1] = 0
            worst = max(worst, float((from_power_sums(sums) - (2 * x - 1)).abs().max()))
        predicted, measured = [*predicted, 0], [*measured, worst]
        tolerance, labels = [*tolerance, 1e-10], [*labels, f"error of {n} numbers"]
    for n, (one, other) in ESCOTT.items():
        differ = (k for k in range(1, 9) if sum(x**k for x in one) != sum(x**k for x in other))
        predicted, measured = [*predicted, n], [*measured, next(differ)]
        tolerance, labels = [*tolerance, 0], [*labels, f"first degree for {n} numbers"]
    return Evidence(predicted, measured, tolerance,
                    "rounding: ε times a condition of the roots below 10⁵; degrees are counted",
                    labels=tuple(labels))  # fmt: skip


@claim(
    "deep-sets-width",
    statement="A sum of features of fewer than n dimensions, continuous in each number, gives the"
    " same to different sets of n numbers: along a curve of sets it does not change; in n"
    " dimensions no such curve is there.",
    formula=r"\Phi(X) = \sum_{x \in X} \varphi(x), \; \varphi : \mathbb{R} \to \mathbb{R}^N:"
    r" \quad \dim \Phi^{-1}(\Phi(X)) = n - N",
    source="Wagstaff et al. 2019, arXiv:1901.09006",
    topic=TOPIC,
    sabotage="the features have n dimensions, one more than the curves are sought for",
)
def deep_sets_width(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Random smooth φ: dimensions of fibres, and sets that lie far apart with the same sum.

    A fibre of N = n - 1 is a curve. It is followed from a random set by steps along the kernel of
    the Jacobian, each corrected by Newton's method, until a number has moved by
    0.03: before two of them meet, where the curve turns back as a curve of sets.
    """
    predicted: list[float] = []
    measured: list[float] = []
    labels: list[str] = []
    for n in (2, 3, 4, 5, 6):
        start = torch.linspace(-1, 1, n, dtype=torch.float64)
        start = start + 0.3 / n * (torch.rand(n, generator=rng, dtype=torch.float64) - 0.5)
        for width in range(1, n + 1):
            a, b, c = _features(width, rng)
            rank = int(torch.linalg.matrix_rank(_slope(start, a, b, c), rtol=1e-10))
            predicted, measured = [*predicted, n - width], [*measured, n - rank]
            labels.append(f"n = {n}, N = {width}: dimension")
        a, b, c = _features(n if sabotage else n - 1, rng)
        found = _follow(start, a, b, c)
        gap = (_sum(found, a, b, c) - _sum(start, a, b, c)).abs().max()
        apart = (found.sort().values - start.sort().values).abs().max()
        predicted, labels = [*predicted, 1], [*labels, f"n = {n}, N = {n - 1}: two sets"]
        measured.append(int(float(gap) < _SAME and float(apart) >= 0.03))
    return Evidence(predicted, measured, 0, "counting: dimensions and pairs; sums agree to 1e-12",
                    labels=tuple(labels))  # fmt: skip


def _features(width: int, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """A network of one hidden layer of 16, from numbers to a latent space, without its bias."""
    a, b = 2 * torch.randn(2, 16, generator=rng, dtype=torch.float64)
    return a, b, torch.randn(width, 16, generator=rng, dtype=torch.float64) / 4


def _sum(x: Tensor, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """Sum over the set, shape (width,)."""
    return c @ (a.unsqueeze(1) * x + b.unsqueeze(1)).tanh().sum(1)


def _slope(x: Tensor, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """Its Jacobian, shape (width, n)."""
    return c @ (a.unsqueeze(1) / (a.unsqueeze(1) * x + b.unsqueeze(1)).cosh() ** 2)


def _follow(start: Tensor, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """Another set on the fibre of a set."""
    level, x, ahead = _sum(start, a, b, c), start, None
    for _ in range(80):
        along = torch.linalg.svd(_slope(x, a, b, c)).Vh[-1]
        if ahead is not None and float(along @ ahead) < 0:
            along = -along
        x, ahead = x + 0.01 * along, along
        for _ in range(4):
            x = x - torch.linalg.pinv(_slope(x, a, b, c)) @ (_sum(x, a, b, c) - level)
        if float((x.sort().values - start.sort().values).abs().max()) >= 0.03:
            break
    return x
