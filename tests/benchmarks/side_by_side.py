"""How much faster many deep image priors run side by side than one by one, on the device at hand.

    python tests/benchmarks/side_by_side.py                          # the paper's networks and size, 8 slices
    python tests/benchmarks/side_by_side.py --size 64 --width 16 --levels 4 --steps 5

All fit the same number of networks to noise with Adam, in full precision: as many banks of one in turn, or a
bank of ``--count`` in one step, its convolutions grouped or not. Printed are seconds per iteration of a
slice, the ratio to those alone, and on a GPU the peak memory.
"""

import argparse

import torch

from mlmi2023.papers.dmdip.banked import reset
from mlmi2023.papers.dmdip.networks import build_bank
from mlmi2023.papers.dmdip.timing import now
from mlmi2023.physics.kspace import crop
from mlmi2023.training.loop.device import describe, make_deterministic, peak_memory_mb, pick_device

WARM = 3


def seconds(
    args: argparse.Namespace, together: int, outputs: int, device: torch.device, grouped: bool = True
) -> float:
    """Return the seconds of one iteration of one slice when ``together`` are fitted at once."""
    net = {"inputs": 32, "levels": args.levels, "width": args.width, "skip": 4, "grouped": grouped}
    if outputs > 1:
        net["trunk"] = 2
    random = torch.Generator().manual_seed(0)
    bank = build_bank(net, together, outputs, (args.size, args.size))
    for place in range(together):
        reset(bank, place, random)
    bank.to(device)
    optimiser = torch.optim.Adam(bank.parameters(), lr=0.01)
    noise = 0.1 * torch.rand(together, 32, args.size, args.size, generator=random).to(device)
    small = (args.size // 2, args.size // 2)
    low = torch.rand(together, outputs, *small, generator=random).to(device)
    start = 0.0
    for step in range(WARM + args.steps):
        if step == WARM:
            start = now(device)
        loss = (crop(bank(noise), small) - low).square().mean((2, 3)).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return (now(device) - start) / args.steps / together


def main() -> None:
    """Print a line for DIP and one for dmDIP."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in (
        ("size", 192),
        ("width", 128),
        ("levels", 6),
        ("count", 8),
        ("steps", 20),
        ("threads", 1),
    ):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    device = pick_device(args.device)
    make_deterministic(args.threads, device)
    print(f"{args.size} x {args.size}, width {args.width}, {args.levels} levels on {describe(device)}")
    for name, outputs in (("DIP", 1), ("dmDIP", 2)):
        alone = seconds(args, 1, outputs, device)
        print(f"{name}: {alone:.4f} s alone")
        for grouped in (True, False):
            if device.type == "cuda":
                torch.cuda.reset_peak_memory_stats(device)
            beside = seconds(args, args.count, outputs, device, grouped)
            how = "grouped convolutions" if grouped else "a convolution for each"
            peak = f", peak {peak_memory_mb(device):.0f} MB" if device.type == "cuda" else ""
            print(f"  bank of {args.count}, {how}: {beside:.4f} s, ratio {alone / beside:.2f}{peak}")


if __name__ == "__main__":
    main()
