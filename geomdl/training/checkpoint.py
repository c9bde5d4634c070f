"""The best model of a run: in memory while it trains, and as one safetensors file."""

import copy
import os
import warnings
from pathlib import Path

from torch import Tensor, nn

from geomdl import registry

from .evaluation import evaluation_mode

__all__ = ["Saver", "restore", "snapshot"]


def snapshot(model: nn.Module) -> dict[str, Tensor]:
    """A copy of the parameters and buffers (those of the state dict)."""
    return {
        key: value.detach().clone() if isinstance(value, Tensor) else copy.deepcopy(value)
        for key, value in model.state_dict().items()
    }


def restore(model: nn.Module, state: dict[str, Tensor]) -> None:
    """Put a `snapshot` back."""
    model.load_state_dict(state)


class Saver:
    """Writes a model over and over; a kill leaves the old file or the new one, never half of one.

    A registered model goes through ``geomdl.save``, in evaluation mode, so that ``geomdl.load``
    rebuilds it. Of any other model only the tensors are kept, for ``safetensors.torch.load_model``.

    Args:
        model: the model; that it can be written is tried at once.
        path: where to, ending in ``.safetensors``.
    """

    def __init__(self, model: nn.Module, path: Path) -> None:
        self.model, self.path = model, path
        self._scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            registry.save(model, self._scratch)
            self.registered = True
        except ValueError as error:
            self.registered = False
            if registry.record_of(model) is not None:
                warnings.warn(
                    f"checkpoint: only the tensors are kept, not for geomdl.load ({error})",
                    stacklevel=2,
                )
            self._save_tensors()
        self._scratch.unlink()

    def save(self) -> None:
        """Write the model as it is now."""
        if self.registered:
            with evaluation_mode(self.model):
                registry.save(self.model, self.path)
        else:
            self._save_tensors()
            os.replace(self._scratch, self.path)

    def _save_tensors(self) -> None:
        from safetensors.torch import save_model

        save_model(self.model, str(self._scratch), metadata={"format": "pt"})
        with self._scratch.open("rb") as file:
            os.fsync(file.fileno())
