"""The UCI handwritten digits, which come inside scikit-learn."""

import torch
from torch import Tensor

from geomdl.data.files import Root
from geomdl.data.images import upsample
from geomdl.data.registry import register


@register("digits")
def digits(root: Root = None, download: bool = False, size: int | None = 28) -> dict[str, Tensor]:
    """1797 handwritten digits of 8×8 pixels and 17 levels of grey, enlarged by `upsample`.

    Args:
        root: not needed.
        download: not needed.
        size: pixels along each axis, at least 12; None gives the 8×8 pixels themselves.

    Returns:
        images: float32 in [0, 1], shape (1797, 1, size, size), zero outside the inscribed disc,
        which costs under 2 % of a digit's ink, unless `size` is None.
        labels: int64, 0 to 9, shape (1797,).

    Raises:
        ValueError: `size` is too small.

    Source: Alpaydin and Kaynak, Optical recognition of handwritten digits, UCI, 1998 (CC BY 4.0);
    its test set, as in scikit-learn.
    """
    from sklearn.datasets import load_digits

    data = load_digits()
    images = torch.from_numpy(data.images / 16).unsqueeze(1)
    if size is not None:
        images = upsample(images, size)
    return {"images": images.to(torch.float32), "labels": torch.from_numpy(data.target).long()}
