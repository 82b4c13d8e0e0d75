"""Fixtures of all tests."""

import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")


def pytest_terminal_summary(terminalreporter):
    """Print what the benchmarks among the tests measured."""
    report = Path(__file__).parents[1] / "build/benchmarks/scale.tsv"
    if report.exists():
        terminalreporter.section("benchmarks")
        terminalreporter.write(report.read_text())
