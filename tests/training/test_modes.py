import pytest
import torch
from torch import nn

import geomdl
from geomdl.permutation import GAT, GPS
from geomdl.steerable import BatchNorm, Dropout
from geomdl.symmetrization import Sample
from geomdl.training import refuse_random


class DropPath(nn.Module):
    def __init__(self, drop_prob):
        super().__init__()
        self.drop_prob = drop_prob


class StochasticDepth(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.p = p


def _steerable(layer, *args):
    G = geomdl.group("C4")
    return layer(geomdl.Field(geomdl.Grid(2), 2 * G.regular), *args)


RANDOM = {
    "Dropout": lambda: nn.Dropout(0.1),
    "Dropout1d": lambda: nn.Dropout1d(0.1),
    "Dropout2d": lambda: nn.Dropout2d(0.1),
    "Dropout3d": lambda: nn.Dropout3d(0.1),
    "AlphaDropout": lambda: nn.AlphaDropout(0.1),
    "FeatureAlphaDropout": lambda: nn.FeatureAlphaDropout(0.1),
    "MultiheadAttention": lambda: nn.MultiheadAttention(4, 2, dropout=0.1),
    "LSTM": lambda: nn.LSTM(3, 3, num_layers=2, dropout=0.1),
    "DropPath": lambda: DropPath(0.1),
    "StochasticDepth": lambda: StochasticDepth(0.1),
    "steerable": lambda: _steerable(Dropout, 0.1),
    "GAT": lambda: GAT(3, 4, dropout=0.1),
    "BatchNorm1d": lambda: nn.BatchNorm1d(3),
    "BatchNorm2d": lambda: nn.BatchNorm2d(3, track_running_stats=False),
    "SyncBatchNorm": lambda: nn.SyncBatchNorm(3),
    "LazyBatchNorm1d": nn.LazyBatchNorm1d,
    "InstanceNorm1d": lambda: nn.InstanceNorm1d(3, track_running_stats=True),
    "steerable norm": lambda: _steerable(BatchNorm),
    "RReLU": nn.RReLU,
    "spectral_norm": lambda: nn.utils.parametrizations.spectral_norm(nn.Linear(3, 3)),
    "spectral_norm, a hook": lambda: nn.utils.spectral_norm(nn.Linear(3, 3)),
}

QUIET = {
    "p = 0": lambda: nn.Dropout(0.0),
    "no dropout": lambda: GAT(3, 4),
    "LayerNorm": lambda: nn.LayerNorm(3),
    "GroupNorm": lambda: nn.GroupNorm(1, 3),
    "InstanceNorm1d": lambda: nn.InstanceNorm1d(3),
    "attention": lambda: nn.MultiheadAttention(4, 2),
    "p of another kind": lambda: nn.PairwiseDistance(p=2.0),
}


@pytest.mark.parametrize("name", RANDOM)
def test_what_is_random_is_refused_in_training_and_not_in_evaluation(name):
    model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(RANDOM[name]()))
    with pytest.raises(ValueError, match=r"^net: should be free of .* at '1\.0.*net\.eval") as e:
        refuse_random(model, "net")
    assert "\n" not in str(e.value)
    refuse_random(model.eval(), "net")


@pytest.mark.parametrize("name", QUIET)
def test_what_is_one_function_passes_in_training(name):
    model = QUIET[name]()
    assert model.training
    refuse_random(model)


def test_what_draws_at_each_call_is_refused_in_every_mode():
    SO3 = geomdl.group("SO3")
    field, out = (geomdl.Field(geomdl.Vector(), rep) for rep in (SO3.standard, SO3.trivial))
    f = nn.Linear(3, 1)
    for model, why in (
        (Sample(f, SO3, source=field, target=out), "Draws at '0.frame', which holds a generator"),
        (nn.FractionalMaxPool2d(2, 3), "FractionalMaxPool2d at '0', which draws anew at each call"),
    ):
        with pytest.raises(ValueError, match=f"^model: should be one function, got {why}"):
            refuse_random(nn.Sequential(model).eval())
    refuse_random(nn.FractionalMaxPool2d(2, 3, _random_samples=torch.zeros(1, 1, 2)))


def test_one_layer_left_in_training_mode_is_found():
    model = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(3)).eval()
    model[1].train()
    with pytest.raises(ValueError, match=r"^model: should be free of batch norm .* BatchNorm1d"):
        refuse_random(model)


def test_the_model_itself_may_be_the_layer():
    with pytest.raises(ValueError, match=r"got Dropout\(p=0.5\); call model.eval\(\) first$"):
        refuse_random(nn.Dropout(0.5))


def test_whole_networks_of_geomdl():
    x = torch.zeros(2, 1, 8, 8)
    for model in (
        geomdl.create_model("steerable/d4_cnn", shape=(8, 8), classes=2, channels=8),
        geomdl.create_model("translation/cnn", in_channels=1, classes=2, shape=(8, 8)),
    ):
        with pytest.raises(ValueError, match="batch norm"):
            refuse_random(model)
        refuse_random(model.eval())
        assert model(x).shape == (2, 2)
    with pytest.raises(ValueError, match=r"dropout"):
        refuse_random(GPS(4, 4, dropout=0.5))
