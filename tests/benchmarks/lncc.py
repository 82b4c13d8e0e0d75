"""How much faster LNCC by box sums is than by convolution: forward and backward, one run.

python tests/benchmarks/lncc.py --shape 160 192 224
python tests/benchmarks/lncc.py --shape 64 64 64        # on a CPU
"""

import argparse
import statistics
import time

import torch
import torch.nn.functional as F
from torch import Tensor

from mlmi2023.losses.similarity import LNCC
from mlmi2023.training.loop.device import pick_device


class ConvolvedLNCC(LNCC):
    """The usual form: five convolutions with a window of ones."""

    def cc(self, warped: Tensor, fixed: Tensor) -> Tensor:
        """Return the map of cc, (B, 1, X, Y, Z)."""
        ones = torch.ones(1, 1, *[self.window] * 3, device=fixed.device)
        a, b = warped.float(), fixed.float()
        sums = [F.conv3d(x, ones, padding=self.window // 2) for x in (a, b, a * b, a * a, b * b)]
        sum_a, sum_b, sum_ab, sum_aa, sum_bb = sums
        count = self.window**3
        cross = sum_ab - sum_a * sum_b / count
        var_a = (sum_aa - sum_a * sum_a / count).clamp_min(0)
        var_b = (sum_bb - sum_b * sum_b / count).clamp_min(0)
        return cross * cross / (var_a * var_b + self.eps)


def seconds(loss: LNCC, a: Tensor, b: Tensor, repeats: int) -> tuple[float, float, Tensor]:
    """Return the median seconds of forward and backward, the peak MB on a GPU, and the gradient."""
    times = []
    cuda = a.is_cuda
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    for _ in range(repeats + 2):
        a.grad = None
        if cuda:
            torch.cuda.synchronize()
        start = time.perf_counter()
        loss(a, b).backward()
        if cuda:
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    assert a.grad is not None
    peak = torch.cuda.max_memory_allocated() / 2**20 if cuda else float("nan")
    return statistics.median(times[2:]), peak, a.grad.clone()


def main() -> None:
    """Print both times, their ratio, and how far the gradients are apart."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", type=int, nargs=3, default=[160, 192, 224])
    parser.add_argument("--window", type=int, default=9)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    device = pick_device(args.device)
    torch.backends.cudnn.allow_tf32 = False  # TF32 would round the sums of the usual form
    torch.manual_seed(0)
    b = torch.rand(1, 1, *args.shape, device=device)
    a = (b + 0.1 * torch.rand_like(b)).requires_grad_()
    box, box_mb, gradient = seconds(LNCC(args.window), a, b, args.repeats)
    conv, conv_mb, other = seconds(ConvolvedLNCC(args.window), a, b, args.repeats)
    apart = float((gradient - other).norm() / other.norm())
    print(f"LNCC {args.window}^3 at {args.shape} on {device}: box sums {box * 1e3:.2f} ms, {box_mb:.0f} MB;")
    print(f"convolution {conv * 1e3:.2f} ms, {conv_mb:.0f} MB; ratio {conv / box:.1f};")
    print(f"relative difference of the gradients {apart:.1e}")


if __name__ == "__main__":
    main()
