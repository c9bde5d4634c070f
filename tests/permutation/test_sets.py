"""DeepSets and set transformers: ragged sets, empty sets, order of members."""

import pytest
import torch

import geomdl
from geomdl.permutation import DeepSets, SetTransformer, pad_sets, set_attention

F64 = torch.float64


def networks():
    rng = torch.Generator().manual_seed(0)
    return {
        "sum": DeepSets(2, channels=8, out_channels=3, members=5, rng=rng),
        "mean": DeepSets(2, channels=8, out_channels=3, members=5, pooling="mean", rng=rng),
        "max": DeepSets(2, channels=8, out_channels=3, members=5, pooling="max", rng=rng),
        "SAB": SetTransformer(2, channels=8, heads=2, points=0, out_channels=3, members=5, rng=rng),
        "ISAB": SetTransformer(
            2, channels=8, heads=2, points=3, seeds=2, out_channels=3, members=5
        ),
    }


NAMES = list(networks())


@pytest.fixture(params=NAMES)
def network(request):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return networks()[request.param].double().eval()


def sets(seed=0):
    x = torch.randn(4, 5, 2, generator=torch.Generator().manual_seed(seed), dtype=F64)
    return x, torch.arange(5) < torch.tensor([[5], [3], [1], [0]])


def test_members_have_no_order(network):
    audit = geomdl.audit(network, *sets())
    assert audit.group == "S5"
    assert audit.passed(1e-11), str(audit)


class Ordered(DeepSets):
    """Weighs members by their number."""

    def forward(self, x, mask=None):
        return super().forward(x * (1 + torch.arange(x.shape[1])).to(x)[:, None], mask)


class Forgetful(SetTransformer):
    """Attends to all places, members or not."""

    def forward(self, x, mask=None):
        return super().forward(x)


def test_sabotaged_twins_fail():
    bad = Ordered(2, channels=8, members=5).double()
    assert not geomdl.audit(bad, *sets()).passed(1e-3)
    bad = Forgetful(2, channels=8, heads=2).double()
    x, mask = sets()
    other = torch.where(mask[..., None], x, x + 1)
    assert not torch.allclose(bad(x, mask)[1], bad(other, mask)[1], atol=1e-3)


def test_places_without_a_member_have_no_influence(network):
    x, mask = sets()
    y = network(x, mask)
    assert y.isfinite().all()
    spoilt = torch.where(mask[..., None], x, torch.nan)
    assert torch.allclose(network(spoilt, mask), y, atol=1e-13)


def test_a_ragged_set_is_the_set_alone(network):
    network.members = None
    x, mask = sets()
    y = network(x, mask)
    for k, count in enumerate(mask.sum(1).tolist()):
        assert torch.allclose(network(x[k : k + 1, :count])[0], y[k], atol=1e-12)


def test_gradients_of_an_empty_set_are_zero_and_finite(network):
    x, mask = sets()
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(network(x, mask).square().sum(), x)
    assert gradient.isfinite().all()
    assert (gradient[3] == 0).all() and gradient[0].abs().max() > 0


def test_attention_is_that_of_torch():
    rng = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(3, 2, n, 4, generator=rng, dtype=F64) for n in (6, 5, 5))
    mask = torch.rand(3, 5, generator=rng) > 0.4
    assert mask.any(1).all() and not mask.all()
    oracle = torch.nn.functional.scaled_dot_product_attention(q, k, v, mask[:, None, None])
    assert torch.allclose(set_attention(q, k, v, mask), oracle, atol=1e-13)
    oracle = torch.nn.functional.scaled_dot_product_attention(q, k, v)
    assert torch.allclose(set_attention(q, k, v), oracle, atol=1e-13)


def test_pad_sets():
    rows = torch.arange(12.0).view(6, 2)
    x, mask = pad_sets(rows, torch.tensor([0, 1, 1, 6]), size=7)
    assert x.shape == (3, 7, 2)
    assert mask.sum(1).tolist() == [1, 0, 5]
    assert torch.equal(x[mask], rows)
    for ptr, size, message in [
        ([0, 3], None, "ptr: expected to rise from 0 to 6"),
        ([0, 4, 2, 6], None, "ptr: expected to rise"),
        ([0, 6], 5, "size: expected at least 6"),
        ([], None, "ptr: expected integers of shape"),
    ]:
        with pytest.raises(ValueError, match=message.replace("(", r"\(")):
            pad_sets(rows, torch.tensor(ptr, dtype=torch.int64), size)


@pytest.mark.parametrize("model", [DeepSets(3), SetTransformer(3, channels=8)])
def test_wrong_inputs_are_one_line(model):
    with pytest.raises(ValueError, match=r"x: expected shape \(batch, n, 3\), got \(2, 5, 2\)"):
        model(torch.zeros(2, 5, 2))
    with pytest.raises(ValueError, match=r"mask: expected bool of shape \(2, 5\), got torch.float"):
        model(torch.zeros(2, 5, 3), torch.ones(2, 5))
    with pytest.raises(ValueError, match="channels: expected an integer of at least 1, got 0"):
        type(model)(3, channels=0)
    with pytest.raises(ValueError, match=r"heads: expected a divisor of channels=6, got 4"):
        SetTransformer(3, channels=6, heads=4)
