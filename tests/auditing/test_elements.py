import math

import pytest
import torch

import geomdl
from geomdl.auditing.elements import ALL_UP_TO, COEFFICIENTS, choose, turn_of
from geomdl.groups import elements as el


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def kinds(name: str, samples: int = 8) -> dict[str, int]:
    probes, _ = choose(geomdl.group(name), samples, rng())
    counts: dict[str, int] = {}
    for probe in probes:
        counts[probe.kind] = counts.get(probe.kind, 0) + 1
    return counts


def test_small_finite_groups_are_tried_whole() -> None:
    for name, order in (("C4", 4), ("D4", 8), ("Oh", 48), ("S4", 24), ("Z4x4", 16)):
        probes, exhaustive = choose(geomdl.group(name), 8, rng())
        assert exhaustive
        assert len(probes) == order - 1
        assert len({probe.label for probe in probes}) == order - 1


def test_larger_finite_groups_by_generators_and_samples() -> None:
    assert geomdl.group("S5").order > ALL_UP_TO
    probes, exhaustive = choose(geomdl.group("S5"), 20, rng())
    assert not exhaustive
    assert {probe.kind for probe in probes} == {"generator", "sample"}
    assert sum(probe.kind == "sample" for probe in probes) >= 18  # an identity is dropped


def test_lie_groups_have_exponentials_components_and_samples() -> None:
    assert kinds("SO3") == {"generator": 3 * len(COEFFICIENTS), "sample": 8}
    o3 = kinds("O3")
    assert o3["component"] == 1
    assert o3["sample"] == 8
    assert kinds("O(1,3)", 10)["sample"] == 12  # three from each of the four components
    assert kinds("SO2", 0) == {"generator": len(COEFFICIENTS)}


@pytest.mark.parametrize("name", ["O2", "O3", "SO(1,3)", "O(1,3)", "C2 * SO3"])
def test_every_component_is_sampled(name: str) -> None:
    G = geomdl.group(name)
    probes, _ = choose(G, 4, rng())
    signs = set()
    for probe in probes:
        if probe.kind == "sample":
            matrix = G.standard(probe.element)
            signs.add((bool(torch.linalg.det(matrix) > 0), bool(matrix[0, 0] > 0)))
    wanted = {"O2": 2, "O3": 2, "SO(1,3)": 2, "O(1,3)": 4, "C2 * SO3": 2}[name]
    dets = {s[0] for s in signs} if name in ("O2", "O3") else signs
    assert len(dets) >= wanted


def test_generators_reach_the_flips() -> None:
    """A sampler that forgets a component is not enough to hide it."""
    D = geomdl.group("D40")
    probes, _ = choose(D, 0, rng())
    turns = [turn_of(D, probe.element) for probe in probes]
    assert {turn.det for turn in turns if turn} == {1, -1}


def test_given_elements() -> None:
    C4 = geomdl.group("C4")
    probes, exhaustive = choose(C4, 8, rng(), torch.tensor([1, 2]))
    assert [int(p.element) for p in probes] == [1, 2]
    assert not exhaustive
    assert choose(C4, 8, rng(), torch.tensor([[1, 2], [3, 0]]))[1]
    O3 = geomdl.group("S3 * O3")
    one = (torch.tensor([1, 0, 2]), torch.eye(3).double())
    assert len(choose(O3, 8, rng(), one)[0]) == 1
    assert len(choose(O3, 8, rng(), el.stack([one, one]))[0]) == 2


def test_turns() -> None:
    D8, SO3, O3 = geomdl.group("D8"), geomdl.group("SO3"), geomdl.group("O3")
    quarter = turn_of(D8, torch.tensor([2, 0]))
    assert quarter is not None
    assert quarter.angle == pytest.approx(math.pi / 2)
    assert (quarter.det, quarter.dimension) == (1, 2)
    mirrored = turn_of(D8, torch.tensor([2, 1]))
    assert mirrored is not None
    assert mirrored.angle == pytest.approx(math.pi / 2)
    assert mirrored.det == -1
    third = turn_of(SO3, SO3.exp(torch.tensor([0.0, 2 * math.pi / 3, 0.0]).double()))
    assert third is not None
    assert third.angle == pytest.approx(2 * math.pi / 3)
    inversion = turn_of(O3, -torch.eye(3).double())
    assert inversion is not None
    assert inversion.angle == pytest.approx(0, abs=1e-6)
    assert inversion.det == -1
    assert turn_of(geomdl.group("SO+(1,3)"), torch.eye(4).double()) is None
    assert turn_of(geomdl.group("S3"), torch.tensor([0, 1, 2])) is None


def test_given_elements_are_checked():
    d4 = geomdl.group("D4")
    x = torch.zeros(2, 2, dtype=torch.float64)
    where = geomdl.Field(geomdl.Vector(), d4.standard)
    with pytest.raises(ValueError, match="elements: only the identity was given"):
        geomdl.audit(torch.relu, x, source=where, target=where, elements=torch.tensor([0, 0]))
    with pytest.raises(ValueError, match="elements: is no element of D4"):
        choose(d4, 0, torch.Generator(), torch.tensor([[1, 9]]))
    with pytest.raises(TypeError, match="elements: an element of D4 is a tensor"):
        choose(d4, 0, torch.Generator(), [1, 2])
