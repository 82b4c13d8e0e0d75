"""How long Snakemake takes to plan the whole proceedings: `python tests/benchmarks/scale.py`.

Prints and writes (build/benchmarks/scale.tsv) the time and memory of a dry run over 46 papers, 3 datasets,
8 methods and the preprocessing of nine cohorts, more than 5,000 jobs, and of `nothing to do` in the same tree
when it is finished. Machines differ, so the seconds of a fixed loop stand beside them.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from synthetic_tree import ROOT, Size, environment, make_tree

REPORT = ROOT / "build/benchmarks/scale.tsv"


@dataclass(frozen=True)
class Measure:
    """One run of snakemake: its output, jobs by rule, and what it took."""

    said: str
    jobs: dict[str, int]
    wall: float
    cpu: float
    memory: float  # MB


def loop_seconds() -> float:
    """Return the CPU seconds of a loop that adds ten million numbers: how fast Python is here and now."""
    start, total = time.process_time(), 0
    for number in range(10_000_000):
        total += number
    return time.process_time() - start


def snakemake(place: Path, *args: str, program: str = "") -> Measure:
    """Run snakemake (or a program that stands for it) in a made-up repository and measure it."""
    command = [sys.executable, program] if program else [str(Path(sys.executable).with_name("snakemake"))]
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as stream:
        run = subprocess.Popen(
            [*command, "--cores", "1", *args],
            cwd=place,
            env=environment(place),
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(run.pid, 0)
        run.returncode = os.waitstatus_to_exitcode(status)
        stream.seek(0)
        said = stream.read()
    if run.returncode:
        raise RuntimeError(said[-3000:])
    table = said.rpartition("Job stats:")[2] if "Job stats:" in said else ""
    jobs = {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", table, flags=re.M)}
    wall = time.perf_counter() - start
    return Measure(said, jobs, wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def plan(place: Path, *args: str) -> Measure:
    """Dry run."""
    return snakemake(place, "--dry-run", "--quiet", "rules", *args)


def finish(place: Path) -> None:
    """Make the tree look finished."""
    snakemake(place, "--quiet", "rules", program=str(Path(__file__).with_name("finish.py")))


def note(what: str, measure: Measure) -> str:
    """Add a line to the report and return it."""
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    if not REPORT.exists():
        REPORT.write_text("what\tjobs\twall_s\tcpu_s\tmemory_mb\tloop_s\n")
    jobs = measure.jobs.get("total", 0)
    line = (
        f"{what}\t{jobs}\t{measure.wall:.1f}\t{measure.cpu:.1f}\t{measure.memory:.0f}\t{loop_seconds():.2f}"
    )
    with open(REPORT, "a") as stream:
        print(line, file=stream)
    return line


def main() -> None:
    """Measure the whole proceedings."""
    REPORT.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        place = make_tree(Path(folder) / "tree", Size())
        print(note("dry run, nothing made", plan(place)), flush=True)
        finish(place)
        done = plan(place)
        print(note("dry run, all made", done), flush=True)
        assert "Nothing to be done" in done.said, done.said[-2000:]


if __name__ == "__main__":
    main()
