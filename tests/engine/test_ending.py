"""A workflow that is over ends at once, although Snakemake's next look at its queue is an hour away."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
RULE = """
from mlmi2023.engine.ending import drop_timers_at_the_end
drop_timers_at_the_end()
rule all:
    output: "made"
    shell: "{command}"
"""


@pytest.mark.parametrize(("command", "status"), [("touch {output}", 0), ("exit 3", 1)])
def test_a_run_ends_when_its_jobs_have(tmp_path, command, status):
    profiles = [yaml.safe_load(file.read_text()) for file in ROOT.glob("workflow/profiles/*/config.yaml")]
    (pace,) = {profile["max-jobs-per-timespan"] for profile in profiles}
    assert pace.endswith("/1h")
    (tmp_path / "Snakefile").write_text(RULE.replace("{command}", command))
    args = ["-m", "snakemake", "--cores", "1", "--max-jobs-per-timespan", pace]
    run = subprocess.run([sys.executable, *args], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert run.returncode == status, run.stderr


def test_an_exception_too_ends_the_process(tmp_path):
    text = "import threading\nfrom mlmi2023.engine.ending import drop_timers_at_the_end\n"
    text += "drop_timers_at_the_end()\n"
    text += "threading.Timer(3600, print).start()\nraise SystemError('broken')"
    run = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=300)
    assert run.returncode == 1 and "broken" in run.stderr
