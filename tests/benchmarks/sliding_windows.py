"""Whole-volume inference beside MONAI's own and beside a bare loop over as many windows, in one run.

    python tests/benchmarks/sliding_windows.py                       # 512 x 512 x 128, as a CT
    python tests/benchmarks/sliding_windows.py --shape 32 96 96 --window 16 48 48 --channels 8

The bare loop runs the network on windows of the same number and size and throws the logits away. With
``--channels 0`` the network is a single 1 x 1 x 1 convolution, so that nearly all time is cutting and
blending.
"""

import argparse
import time
from collections.abc import Callable

import torch
from monai.inferers import sliding_window_inference
from torch import Tensor, nn

from mlmi2023.papers.relational_unet.network import RelationalUNet
from mlmi2023.tasks.segmentation.volumes import window_logits
from mlmi2023.training.loop.device import pick_device


def timed(work: Callable[[], Tensor | None], repeats: int, device: torch.device) -> tuple[float, float]:
    """Return the shortest time of some repeats in seconds, and the peak memory of the device in GiB."""
    best, peak = float("inf"), 0.0
    for _ in range(repeats):
        if device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
            torch.cuda.synchronize()
        start = time.perf_counter()
        result = work()
        if device.type == "cuda":
            torch.cuda.synchronize()
            peak = torch.cuda.max_memory_allocated() / 2**30
        best = min(best, time.perf_counter() - start)
        del result
    return best, peak


def main() -> None:
    """Print seconds, ratios and memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", type=int, nargs=3, default=[128, 512, 512], help="depth, rows, columns")
    parser.add_argument("--window", type=int, nargs=3, default=[96, 96, 96])
    parser.add_argument("--overlap", type=float, default=0.5)
    parser.add_argument("--classes", type=int, default=14)
    parser.add_argument(
        "--channels", type=int, default=16, help="of the network's first level; 0: no network"
    )
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    device = pick_device(args.device)
    c = args.channels
    net: nn.Module = nn.Conv3d(1, args.classes, 1)
    if c:
        net = RelationalUNet(1, args.classes, args.window, (c, 2 * c, 4 * c), "identity")
    net = net.to(device).eval()
    image = torch.randn(1, 1, *args.shape, device=device)
    seen = 0

    def counted(part: Tensor) -> Tensor:
        nonlocal seen
        seen += len(part)
        return net(part)

    def blended() -> Tensor:
        return window_logits(counted, image, args.window, args.overlap, True, args.batch)  # type: ignore[arg-type]

    with torch.inference_mode():
        blended()
        windows, batch = seen, torch.randn(args.batch, 1, *args.window, device=device)

        def bare() -> None:
            for _ in range(-(-windows // args.batch)):
                net(batch)

        def plain() -> Tensor:
            options = {"overlap": args.overlap, "mode": "gaussian"}
            return sliding_window_inference(image, args.window, args.batch, net, **options)

        works = {"bare loop": bare, "MONAI": plain, "ours": blended}
        found = {name: timed(work, args.repeats, device) for name, work in works.items()}
    print(f"{args.shape} by {windows} windows of {args.window}, overlap {args.overlap:g}, on {device}")
    for name, (seconds, memory) in found.items():
        print(f"{name:10s} {seconds:8.2f} s   {memory:6.2f} GiB")
    for other in ("MONAI", "bare loop"):
        print(f"ratio to {other} {found['ours'][0] / found[other][0]:.2f}")


if __name__ == "__main__":
    main()
