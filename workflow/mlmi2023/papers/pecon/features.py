"""Features of the frozen PENet: one vector per exam and view (Sect. 2, 3.2).

The network turns each of the N sub-volumes of a scan into a vector; their mean is the scan's x_c. Since the
network is frozen, augmented views are drawn once and kept beside the plain one.
"""

from pathlib import Path

import numpy as np
import torch

from mlmi2023.cohorts.forms.exams.reader import Exams
from mlmi2023.core.errors import InputError
from mlmi2023.papers.pecon.penet import PENet
from mlmi2023.papers.pecon.scans import Cut, ScanStore, Windows, draw_augmentation, windows_of
from mlmi2023.tasks.runs import read_arrays

BATCH = 32
FILE = "features.npz"


def extract(
    net: PENet, exams: Exams, cut: Cut, views: int, seed: int, device: torch.device
) -> tuple[np.ndarray, np.ndarray]:
    """Run the network over all exams.

    Args:
        net: trained.
        exams: the cohort.
        cut: how scans are cut.
        views: augmented views of each training exam, besides the plain one.
        seed: of the views.
        device: to run on.

    Returns:
        Features (N, 1 + views, F) float32, view 0 plain; NaN for exams without a scan and for views of exams
        that do not train. Probabilities (N,) of an embolism by the network's own classifier: that of the most
        suspicious sub-volume of the plain view, NaN without a scan.
    """
    features = np.full((len(exams), 1 + views, net.features), np.nan, np.float32)
    chances = np.full(len(exams), np.nan)
    net.to(device).eval()
    store = ScanStore(exams, cut, device)
    everyone = windows_of(exams, range(len(exams)), cut)
    training = windows_of(exams, exams.rows("train"), cut)
    for view in range(1 + views):
        windows = training if view else everyone
        vectors, logits = _run(net, store, windows, cut, [seed, view])
        rows, place = np.unique(windows.exam, return_inverse=True)
        sums = np.zeros((len(rows), net.features), np.float64)
        np.add.at(sums, place, vectors)
        features[rows, view] = sums / np.bincount(place)[:, None]
        if view == 0:
            best = np.full(len(rows), -np.inf)
            np.maximum.at(best, place, logits)
            chances[rows] = 1 / (1 + np.exp(-best))
    return features, chances


def _run(
    net: PENet, store: ScanStore, windows: Windows, cut: Cut, seed: list[int]
) -> tuple[np.ndarray, np.ndarray]:
    augmented = seed[1] > 0
    vectors, logits = [], []
    with torch.inference_mode(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(np.random.SeedSequence(seed).generate_state(1)[0]))
        for first in range(0, len(windows), BATCH):
            exam = torch.from_numpy(windows.exam[first : first + BATCH])
            start = torch.from_numpy(windows.start[first : first + BATCH])
            angle = place = None
            if augmented:
                drawn = [draw_augmentation(cut, int(s)) for s in start]
                start = torch.tensor([d[0] for d in drawn])
                angle, place = torch.tensor([d[1] for d in drawn]), torch.tensor([d[2] for d in drawn])
            vector, logit = net(store.take(exam, start, angle, place))
            vectors.append(vector.float())
            logits.append(logit.float())
    return torch.cat(vectors).cpu().numpy(), torch.cat(logits).cpu().numpy()


def read_features(folder: Path, exams: Exams) -> np.ndarray:
    """Return the features that a backbone's predictions hold, (N, views, F).

    Raises:
        InputError: there are none, or they belong to other exams.
    """
    features = read_arrays(folder / FILE)["features"]
    if len(features) != len(exams):
        raise InputError(
            f"{folder / FILE}: {len(features)} exams, the cohort has {len(exams)}; "
            f"delete {folder} and predict again"
        )
    return features
