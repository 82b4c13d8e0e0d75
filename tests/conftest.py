"""Fixtures of all tests."""

import os
import tempfile
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")


@pytest.fixture(scope="session", autouse=True)
def _folders_of_tests(tmp_path_factory):
    """Keep what tests make for all of a session among pytest's own folders, of which it keeps but a few."""
    before, tempfile.tempdir = tempfile.tempdir, str(tmp_path_factory.mktemp("session"))
    yield
    tempfile.tempdir = before


def pytest_terminal_summary(terminalreporter):
    """Print what the benchmarks among the tests measured."""
    report = Path(__file__).parents[1] / "build/benchmarks/scale.tsv"
    if report.exists():
        terminalreporter.section("benchmarks")
        terminalreporter.write(report.read_text())
