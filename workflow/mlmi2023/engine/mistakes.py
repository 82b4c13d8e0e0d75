"""End Snakemake with the one line of a user's mistake.

An exception would do so too, but Snakemake prints where in our rules it was raised, the wildcards and a part
of the traceback around it. ``SystemExit`` it lets through, from input functions too, and gives back its lock.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from mlmi2023.core.errors import InputError
from mlmi2023.core.yaml_files import read_config

OPTIONS = ("--configfile", "--configfiles")


def stop(mistake: InputError | str) -> NoReturn:
    """Print the line, into the log of the run too, and exit with status 1."""
    from snakemake.logging import logger

    logger.error(f"error: {mistake}")
    sys.exit(1)


def check_config_files(arguments: Sequence[str]) -> None:
    """Read the config files that a command line of Snakemake names, and exit with one line if one is broken.

    Snakemake itself reads them before the workflow: of a broken file it does not say which and where.
    """
    try:
        for file in _config_files(arguments):
            read_config(file)
    except InputError as error:
        sys.exit(f"error: {error}")


def _config_files(arguments: Sequence[str]) -> Iterator[Path]:
    """Yield what follows ``--configfile``, up to the next option, as Snakemake reads it."""
    taken = False
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if argument.startswith("-"):
            taken = name in OPTIONS
        if taken and not argument.startswith("-"):
            yield Path(argument)
        elif taken and equals:
            yield Path(value)
            taken = False
