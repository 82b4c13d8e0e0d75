"""What low-rank updates and packing save: tokens a second and peak memory of a bare loop, each in a process.

    packed=results/demo/cohorts/reports_ward/packed
    python tests/benchmarks/language_model_costs.py --data $packed --width 256 --layers 6

Tokens are those of the reports; padding does not count. Rows are packed, or have one sequence each, padded to
the longest of the batch.
"""

import argparse
import multiprocessing
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mlmi2023.cohorts.forms.reports.reader import open_reports
from mlmi2023.core.options import options
from mlmi2023.papers.radiology_llm.losses import next_token_loss
from mlmi2023.papers.radiology_llm.model import build
from mlmi2023.papers.radiology_llm.options import Model, Task
from mlmi2023.papers.radiology_llm.packing import pack
from mlmi2023.papers.radiology_llm.train import reports, vocabulary
from mlmi2023.training.loop.device import make_deterministic, peak_memory_mb, pick_device
from mlmi2023.training.loop.optimisers import adam

TEMPLATE = "### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:\n"
WARM = 2


def measure(given: argparse.Namespace, lora: bool, room: int) -> dict[str, Any]:
    """Return tokens a second, the share of a batch that is padding, memory and trained parameters."""
    device = pick_device(given.device)
    make_deterministic(1, device)
    cohort = open_reports(given.data)
    net_keys = {"width": given.width, "layers": given.layers, "heads": 4, "mlp": int(2.7 * given.width)}
    method = {"kind": "learned", "net": {**net_keys, "vocabulary": 900, "length": 256}}
    keys = options(Model, {**method, **({"lora": {}} if lora else {})}, "benchmark")
    task = options(Task, {"kind": "impressions", "template": TEMPLATE, "length": 256}, "benchmark")
    words = vocabulary(cohort, keys, task)
    sequences = reports(cohort, "train", words, task)
    torch.manual_seed(0)
    net = build(keys, words, "main").to(device)
    optimiser = adam([p for p in net.parameters() if p.requires_grad], torch.optim.AdamW, lr=1e-3)
    rng, tokens, cells, start = np.random.default_rng(0), 0, 0, 0.0
    for step in range(WARM + given.steps):
        if step == WARM:
            start, tokens, cells = time.perf_counter(), 0, 0
        members = [sequences[number] for number in rng.integers(0, len(sequences), given.batch)]
        rows = pack(members, room, words.pad).to(device)
        loss = next_token_loss(net(rows.tokens, rows.places, rows.mask), rows.labels) / given.batch
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        tokens += int((rows.owner > 0).sum())
        cells += rows.owner.numel()
    seconds = time.perf_counter() - start
    return {
        "tokens a second": round(tokens / seconds),
        "padding": round(1 - tokens / cells, 3),
        "peak memory MB": round(peak_memory_mb(device)),
        "trained": net.trained,
    }


def main() -> None:
    """Print a line for each of four ways."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--pack", type=int, default=256)
    parser.add_argument("--device", default="auto")
    given = parser.parse_args()
    for lora in (True, False):
        for room in (given.pack, 0):
            # memory is a process's own
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                found = pool.apply(measure, (given, lora, room))
            name = f"{'LoRA' if lora else 'all weights'}, {'packed' if room else 'padded'}"
            print(name, found, flush=True)


if __name__ == "__main__":
    main()
