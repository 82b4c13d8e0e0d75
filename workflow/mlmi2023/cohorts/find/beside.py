"""Files that belong to another one by its name alone. Standard library only: run when the DAG is built."""

from pathlib import Path


def parameter_file(file: Path) -> Path | None:
    """Return the SPAR file of a SDAT file, whatever its case, or where it should be; None for other files."""
    if file.suffix.lower() != ".sdat":
        return None
    ends = (".SPAR", ".spar") if file.suffix.isupper() else (".spar", ".SPAR")
    return next((own for own in map(file.with_suffix, ends) if own.exists()), file.with_suffix(ends[0]))
