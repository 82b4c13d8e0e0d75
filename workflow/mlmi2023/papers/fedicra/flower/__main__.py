"""``python -m mlmi2023.papers.fedicra.flower``: see the package."""

import argparse
import sys
from pathlib import Path

from mlmi2023.core.errors import InputError
from mlmi2023.papers.fedicra.flower.launch import job_of, launch
from mlmi2023.papers.fedicra.flower.site import serve_site

SAID = {
    True: "equal to those of one process",
    False: "differ from those of one process",
    None: "nothing beside train.json to compare with",
}


def main() -> int:
    """Launch a federation or, as its launcher does, one site; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m mlmi2023.papers.fedicra.flower", description=__doc__)
    parser.add_argument("report", type=Path, help="train.json of the training in one process")
    parser.add_argument("--data", type=Path, required=True, help="folder of the packed cohort")
    parser.add_argument("--out", type=Path, help="folder to write")
    parser.add_argument("--site", type=int, help="number of a site, of the launcher alone")
    parser.add_argument("--address", help="of the server, of the launcher alone")
    given = parser.parse_args()
    try:
        if given.site is not None:
            serve_site(job_of(given.report, given.data), given.site, given.address)
            return 0
        if given.out is None:
            parser.error("--out is missing")
        found = launch(given.report, given.data, given.out)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    bytes_ = [one["bytes_out"] + one["bytes_in"] for one in found["rounds"]]
    print(
        f"{len(bytes_)} rounds, {sum(bytes_) / max(1, len(bytes_)):.0f} bytes a round, {found['seconds']} s"
    )
    print(f"global weights: {SAID[found['same']]}")
    return 0 if found["same"] in (True, None) else 2


if __name__ == "__main__":
    sys.exit(main())
