"""Stand-ins for Slurm's programs: what is asked of ``sbatch`` is written down, and every job fails."""

import re
from dataclasses import dataclass
from pathlib import Path

STATES = 'sed -n "s/\t.*/|FAILED/p" "{log}"'
# sbatch answers with its process id as the number of the job
PROGRAMS = {
    "sbatch": 'line=$$\nfor a in "$@"; do case "$a" in --wrap=*) ;; *) line="$line\t$a" ;; esac; done\n'
    'printf "%s\\n" "$line" >> "{log}"\necho $$',
    "squeue": STATES,
    "sinfo": "echo '{partitions}'",
    "scontrol": "echo 'MinJobAge = 900 sec'",
    "scancel": "exit 0",
    "sacct": f'case "$*" in *--name*) ;; *) exit 1 ;; esac\n{STATES}',
    "sacctmgr": "exit 1",
}


@dataclass(frozen=True)
class Request:
    """What one submission asks for."""

    name: str
    mem_mb: int
    minutes: int
    cores: int
    gpu: int


class RecordedSlurm:
    """Slurm's programs in a folder that belongs on the ``PATH``."""

    def __init__(self, folder: Path, partitions: str = "all*|gpu:a100:16") -> None:
        self.folder, self.log = folder, folder / "log"
        folder.mkdir(parents=True)
        for name, text in PROGRAMS.items():
            program = folder / name
            program.write_text(f"#!/bin/sh\n{text.format(log=self.log, partitions=partitions)}\n")
            program.chmod(0o755)

    def sent(self) -> list[Request]:
        """Return all submissions, in their order."""
        return [_read(line) for line in self.log.read_text().splitlines()]


def _read(line: str) -> Request:
    words = line.replace("\t", " ")

    def find(option: str, default: str = "0") -> str:
        found = re.search(rf" {option}[ =](\S+)", words)
        return found[1] if found else default

    name = re.sub("^rule_|_wildcards_.*", "", find("--comment"))
    numbers = [int(find(o)) for o in ("--mem", "-t", "--cpus-per-task", "--gpus")]
    return Request(name, *numbers)
