"""How much faster clicks are for a batch at once than image by image (pe_med). Run it by hand:

    PYTHONPATH=workflow python tests/benchmarks/batched_clicks.py [--images 64] [--size 224] [--device cpu]

The loop takes SciPy's Euclidean distance transform of both kinds of errors, image by image, as is usual.
"""

import argparse
import time

import numpy as np
import torch
from scipy import ndimage

from mlmi2023.papers.pe_med.clicks import next_click


def by_loop(found, truth):
    """Return place and sign of each image's click."""
    places = []
    for a, b in zip(found, truth):
        missed, wrong = (ndimage.distance_transform_edt(np.pad(m, 1))[1:-1, 1:-1] for m in (b & ~a, a & ~b))
        positive = missed.max() >= wrong.max()
        places.append((*divmod(int((missed if positive else wrong).argmax()), a.shape[1]), int(positive)))
    return places


def seconds(run, times):
    """Return the median of some runs, after one that does not count."""
    run()
    found = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        found.append(time.perf_counter() - start)
    return sorted(found)[times // 2]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for key, value in (("images", 64), ("size", 224), ("times", 5)):
        parser.add_argument(f"--{key}", type=int, default=value)
    parser.add_argument("--device", default="cpu")
    own = parser.parse_args()
    torch.set_num_threads(1)
    rng, side = np.random.default_rng(0), own.size
    y, x = np.mgrid[:side, :side]
    discs = []
    for _ in range(2 * own.images):
        (top, left), radius = rng.uniform(0.3, 0.7, 2) * side, rng.uniform(0.05, 0.2) * side
        discs.append((y - top) ** 2 + (x - left) ** 2 < radius**2)
    # masks that miss a part of the object, and find some beside it
    truth = np.stack(discs[: own.images])
    found = np.stack([np.roll(mask, int(0.04 * side), 1) for mask in truth]) | np.stack(discs[own.images :])
    batch = [torch.from_numpy(m).to(own.device) for m in (found, truth)]
    draw = torch.zeros(own.images, device=own.device)

    def together():
        next_click(*batch, draw).place.cpu()  # waits for a GPU

    loop, batched = seconds(lambda: by_loop(found, truth), own.times), seconds(together, own.times)
    print(
        f"image by image: {own.images / loop:.0f} clicks/s; {own.images} at once: {own.images / batched:.0f}"
    )
    print(f"{loop / batched:.1f} times as fast on {own.device}")


if __name__ == "__main__":
    main()
