import torch

from geomdl.bench.memory import METHOD, peak_memory


def test_the_peak_of_known_allocations():
    def step():
        a = torch.empty(1_000_000, dtype=torch.float64)
        b = torch.empty(500_000, dtype=torch.float64)
        del a
        c = torch.empty(250_000, dtype=torch.float64)
        return b, c

    assert peak_memory(step) == 12_000_000


def test_what_was_there_before_does_not_count():
    kept = torch.zeros(1_000_000)
    assert peak_memory(lambda: kept.add_(1)) < 1000
    assert peak_memory(lambda: None) == 0


def test_a_training_step_holds_its_activations():
    model = torch.nn.Sequential(torch.nn.Linear(64, 512), torch.nn.Linear(512, 64))
    x = torch.zeros(256, 64)

    def step(grad):
        with torch.set_grad_enabled(grad):
            y = model(x).square().mean()
        if grad:
            model.zero_grad()
            y.backward()

    training = peak_memory(lambda: step(True))
    assert training >= 4 * 256 * (512 + 64)
    assert training > peak_memory(lambda: step(False))


def test_the_same_step_gives_the_same_number():
    step = lambda: torch.randn(100, 100) @ torch.randn(100, 100)  # noqa: E731
    assert peak_memory(step) == peak_memory(step)


def test_the_method_is_stated():
    assert "torch.profiler" in METHOD


def test_the_profiler_says_nothing(capfd):
    import sys

    peak_memory(lambda: torch.zeros(10))
    print("still there", file=sys.stderr)
    assert capfd.readouterr() == ("", "still there\n")
