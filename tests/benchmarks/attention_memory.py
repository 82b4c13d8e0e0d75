"""Memory and time of one cross-attention at the first level of defxattn_reg's paper size, both passes.

    python tests/benchmarks/attention_memory.py             # windows, deformed windows
    python tests/benchmarks/attention_memory.py search      # windows that search 27 times as many tokens

Each kind runs in a process of its own, so that its peak is its own. On the CPU numbers are of float32 and of
kernels that keep all attention weights; whole networks on a GPU are what paper_size.py is for.
"""

import subprocess
import sys
import time

import torch

from mlmi2023.papers.defxattn_reg.attention import WindowCrossAttention
from mlmi2023.papers.defxattn_reg.search_attention import SearchWindowAttention
from mlmi2023.training.loop.device import peak_memory_mb, pick_device

CHANNELS, HEADS, TOKENS, WINDOW = 96, 8, (40, 48, 56), (5, 6, 7)


def measure(kind: str) -> str:
    """Run one kind and say what it took."""
    device = pick_device("auto")
    torch.manual_seed(0)
    net: torch.nn.Module
    if kind == "search":
        net = SearchWindowAttention(CHANNELS, HEADS, TOKENS, WINDOW)
    else:
        kernel = 7 if kind == "deformed" else None
        net = WindowCrossAttention(CHANNELS, HEADS, TOKENS, WINDOW, offset_kernel=kernel)
    net.to(device)
    base, reference = (torch.rand(1, *TOKENS, CHANNELS, device=device, requires_grad=True) for _ in range(2))
    before, start = peak_memory_mb(device), time.perf_counter()
    net(base, reference).square().mean().backward()
    peak = peak_memory_mb(device)
    seconds = time.perf_counter() - start
    return (
        f"{kind:9} {seconds:6.2f} s, peak {peak - before:6.0f} MB above the {before:.0f} MB before ({device})"
    )


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(measure(sys.argv[1]), flush=True)
    else:
        for name in sys.argv[1:] or ("plain", "deformed"):
            subprocess.run([sys.executable, __file__, name, "alone"], check=True)
