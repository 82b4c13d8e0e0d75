"""What an implicit solve costs beside the training step that it is part of, and how much memory it takes.

    python tests/benchmarks/implicit_solvers.py --shape 40 48 40
    python tests/benchmarks/implicit_solvers.py --shape 160 192 224 --device cuda     # the paper's size

The step is VoxelMorph's: network, warp, LNCC, gradient. Medians of several runs, on random volumes.
"""

import argparse
import statistics
import time

import torch

from mlmi2023.fields.displacement import warp
from mlmi2023.losses.similarity import LNCC
from mlmi2023.nets.registration.builders import build_registration_net
from mlmi2023.papers.implicit_reg.losses import build_regularizer
from mlmi2023.training.loop.device import make_deterministic, pick_device

ROWS = {
    "explicit diffusion": {"kind": "explicit", "energy": "gradient", "alpha": 1.0},
    "implicit diffusion": {"kind": "implicit", "operator": "diffusion", "sigma": 1.0, "gamma": 2.0},
    "implicit elastic": {"kind": "implicit", "operator": "elastic", "sigma": 1.0, "gamma": 2.0},
    "implicit curvature": {"kind": "implicit", "operator": "curvature", "sigma": 1.0, "gamma": 5.0},
}


def median_ms(work, device: torch.device, repeats: int) -> float:
    """Return the median time of ``work()`` in milliseconds, after two runs to warm up."""
    times = []
    for _ in range(repeats + 2):
        if device.type == "cuda":
            torch.cuda.synchronize()
        start = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times[2:])


def main() -> None:
    """Print a line for each regulariser."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", type=int, nargs=3, default=[40, 48, 40])
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    device = pick_device(args.device)
    make_deterministic(args.threads, device)
    net = build_registration_net({"kind": "voxelmorph"}, args.shape).to(device)
    moving, fixed = torch.rand(2, 1, 1, *args.shape, device=device)
    similarity = LNCC(9)
    print(f"{'regulariser':20} {'step ms':>9} {'its part ms':>12} {'peak MB':>9}")
    for name, options in ROWS.items():
        regularize = build_regularizer(options)
        u = torch.randn(1, 3, *args.shape, device=device)

        def step(regularize=regularize):
            field = net(moving, fixed)
            (similarity(warp(moving, field), fixed) + regularize(field)).backward()

        def part(regularize=regularize, u=u):
            regularize(u.requires_grad_()).backward()

        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        whole, own = (median_ms(work, device, args.repeats) for work in (step, part))
        peak = torch.cuda.max_memory_allocated() / 2**20 if device.type == "cuda" else float("nan")
        print(f"{name:20} {whole:9.1f} {own:12.1f} {peak:9.0f}", flush=True)


if __name__ == "__main__":
    main()
