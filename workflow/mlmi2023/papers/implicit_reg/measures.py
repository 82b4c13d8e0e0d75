"""What is measured on one registered pair (Sect. 3, Evaluation Metrics)."""

from collections.abc import Iterator

import torch

from mlmi2023.papers.implicit_reg.smoothness import mean_negative_jacobian, std_log_jacobian
from mlmi2023.tasks.registration.measures import Measure, Registered, dice, tre
from mlmi2023.tasks.runs import Value


def _std_log_j(metric: str, of: Registered) -> Iterator[Value]:
    if of.u is not None:
        yield of.value(metric, float(std_log_jacobian(torch.from_numpy(of.u))))


def _neg_j(metric: str, of: Registered) -> Iterator[Value]:
    if of.u is not None:
        yield of.value(metric, float(mean_negative_jacobian(torch.from_numpy(of.u))))


MEASURES: dict[str, Measure] = {"dice": dice, "std_logj": _std_log_j, "neg_j": _neg_j, "tre": tre}
