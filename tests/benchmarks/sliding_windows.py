"""What sliding a window over a volume costs: ours beside MONAI's and a bare loop over the same windows, in
one run.

    python tests/benchmarks/sliding_windows.py                       # 512 x 512 x 128, as a CT
    python tests/benchmarks/sliding_windows.py --shape 64 128 128 --window 32 48 48 --threads 1

The bare loop runs the network on every window and throws the logits away. With ``--channels 0`` the network
is a single 1 x 1 x 1 convolution, so that nearly all time is that of cutting and blending.
"""

import argparse
import itertools
import time
from collections.abc import Callable

import torch
from monai.inferers import sliding_window_inference
from torch import Tensor, nn

from mlmi2023.papers.relational_unet.network import RelationalUNet
from mlmi2023.training.device import pick_device
from mlmi2023.training.windows import slide, window_starts


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
        net = RelationalUNet(args.classes, (c, 2 * c, 4 * c), "identity")
    net = net.to(device).eval()
    image = torch.randn(1, 1, *args.shape, device=device)
    starts = [window_starts(n, side, args.overlap) for n, side in zip(args.shape, args.window)]

    def bare() -> None:
        for corner in itertools.product(*starts):
            net(image[(..., *(slice(a, a + side) for a, side in zip(corner, args.window)))])

    def ours() -> Tensor:
        return slide(net, image, args.window, args.overlap, True, args.batch)

    def theirs() -> Tensor:
        return sliding_window_inference(image, args.window, args.batch, net, args.overlap, mode="gaussian")  # type: ignore[return-value]

    with torch.inference_mode():
        apart = float((ours() - theirs()).abs().max())
        found = {name: timed(work, args.repeats, device) for name, work in
                 (("bare loop", bare), ("ours", ours), ("MONAI", theirs))}  # fmt: skip
    print(f"{args.shape} by windows of {args.window}, overlap {args.overlap:g}, on {device}; "
          f"largest difference {apart:.1e}")  # fmt: skip
    for name, (seconds, memory) in found.items():
        ratio = seconds / found["bare loop"][0]
        print(f"{name:10s} {seconds:8.2f} s   {ratio:5.2f} times the bare loop   {memory:6.2f} GiB")
    print(f"ours / MONAI {found['ours'][0] / found['MONAI'][0]:.2f}")


if __name__ == "__main__":
    main()
