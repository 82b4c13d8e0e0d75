"""What networks say of tested images."""

from pathlib import Path

import numpy as np
import torch

from mlmi2023.core.jobs import Job
from mlmi2023.core.options import options
from mlmi2023.papers.clip_dr.eyes import Eyes
from mlmi2023.papers.clip_dr.grader import Grader, method_of
from mlmi2023.papers.clip_dr.options import Task, ZeroShot
from mlmi2023.papers.clip_dr.train import build, chances
from mlmi2023.tasks.domains import View
from mlmi2023.tasks.runs import ready, start
from mlmi2023.training.loop.device import lay_out


def run_network(
    job: Job, weights: Path | None, view: View, rows: np.ndarray
) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
    """Return the probabilities (n, K) of tested images by prompt, and how much their texts move.

    Args:
        job: of a learned or pretrained method.
        weights: of a learned one.
        view: of its cohort, without labels.
        rows: tested images.

    Returns:
        by prompt, ``""`` the method's own, and for zero-shot methods I and II; and, of CoOpLVT, (n,)
        1 - cosine between the text of an image's likeliest class with its tokens and the mean of that class's
        texts over all images; None of others.
    """
    task = options(Task, job.task, "config", "task")
    net = build(job, view, task)
    if job.method_options["kind"] == "pretrained":
        device = start(job)
        net = lay_out(net, device).eval()
    else:
        net, device = ready(job, net, weights)
    eyes = Eyes(view, task)
    prompts = ["", "I", "II"] if isinstance(method_of(job.method_options), ZeroShot) else [""]
    parts: dict[str, list[np.ndarray]] = {prompt: [] for prompt in prompts}
    texts = []
    with torch.inference_mode():
        for chunk in torch.from_numpy(rows).split(task.batch):
            x = eyes.plain(chunk, device)
            for prompt in prompts:
                parts[prompt].append(chances(net, x, prompt).double().cpu().numpy())
            if isinstance(net, Grader) and net.conditioner is not None:
                inner, _ = net.see(x)
                found = torch.from_numpy(parts[""][-1].argmax(1)).to(device)
                texts.append(net.own_texts(inner, found).double().cpu().numpy())
    whole = {prompt: np.concatenate(own) for prompt, own in parts.items()}
    return whole, _moved(np.concatenate(texts), whole[""].argmax(1)) if texts else None


def _moved(texts: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return 1 - cosine between each text (n, d) and the mean of its class."""
    found = np.zeros(len(texts))
    for number in np.unique(classes):
        own = texts[classes == number]
        middle = own.mean(0)
        found[classes == number] = 1 - own @ middle / (np.linalg.norm(own, axis=1) * np.linalg.norm(middle))
    # what rounding leaves of nothing is nothing
    return np.where(found < 1e-6, 0.0, found)
