"""A finished paper as a research object (RO-Crate 1.1): what its folder holds, who made it, by which code."""

import mimetypes
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlmi2023.core.files import file_hash
from mlmi2023.core.provenance import provenance
from mlmi2023.reporting.reported import Reported
from mlmi2023.reporting.runs import combine_provenance, read_runs

LICENCE = "https://spdx.org/licenses/MIT"


def describe(
    reported: Reported,
    scale: str,
    folder: Path,
    files: Sequence[Path],
    runs: Sequence[Path],
    citation: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the content of ``ro-crate-metadata.json`` for the folder of a paper.

    Args:
        reported: what the paper reports.
        scale: demo, bench or paper.
        folder: ``results/<scale>/<paper>``, the crate's root.
        files: what to describe; all lie in ``folder``.
        runs: ``train.json`` of every trained run, for code version, packages and times.
        citation: content of ``CITATION.cff``: title, authors, version and licence of the software.
    """
    from rocrate.model.contextentity import ContextEntity
    from rocrate.model.person import Person
    from rocrate.rocrate import ROCrate

    here = provenance()
    origin = combine_provenance(read_runs(runs), here)
    crate = ROCrate()
    root = crate.root_dataset
    crate.name = f"{reported.title}: results at scale {scale}"
    crate.description = (
        f"Tables, figures, claims and weights of '{reported.title}' ({reported.first_author} et al.), "
        f"made by {citation['title']}."
    )
    crate.datePublished = here["started"]
    crate.license = crate.add(
        ContextEntity(crate, LICENCE, {"@type": "CreativeWork", "name": f"{citation['license']} licence"})
    )
    authors = [
        crate.add(Person(crate, f"#author-{number}", {"name": _name(author)}))
        for number, author in enumerate(citation["authors"], 1)
    ]
    crate.creator = authors
    root["author"] = authors
    if reported.doi:
        url = f"https://doi.org/{reported.doi}"
        root["isBasedOn"] = crate.add(
            ContextEntity(crate, url, {"@type": "ScholarlyArticle", "name": reported.title})
        )
    software = crate.add(
        ContextEntity(
            crate,
            "#workflow",
            {
                "@type": "SoftwareApplication",
                "name": citation["title"],
                "softwareVersion": f"{citation['version']} ({', '.join(origin.code_versions)})"
                + (" with uncommitted changes" if origin.dirty else ""),
                "softwareRequirements": [f"{name} {version}" for name, version in origin.packages.items()],
            },
        )
    )
    made = []
    for file in dict.fromkeys(files):
        place = file.relative_to(folder).as_posix()
        about = {
            "name": place,
            "contentSize": str(file.stat().st_size),
            "encodingFormat": mimetypes.guess_type(file.name)[0] or "application/octet-stream",
            "identifier": f"sha256:{file_hash(file)}",
        }
        made.append(crate.add_file(file, dest_path=place, properties=about))
    crate.add(
        ContextEntity(
            crate,
            "#run",
            {
                "@type": "CreateAction",
                "name": f"run at scale {scale}",
                "instrument": software,
                "agent": authors,
                "result": made,
                "startTime": origin.started,
                "endTime": here["started"],
                "description": "; ".join(
                    [
                        *origin.hardware,
                        f"data {', '.join(origin.data_hashes)}",
                        f"{origin.seconds:.0f} s of training",
                    ]
                ),
            },
        )
    )
    root["mentions"] = {"@id": "#run"}
    return crate.metadata.generate()


def _name(author: Mapping[str, str]) -> str:
    return author.get("name") or f"{author.get('given-names', '')} {author.get('family-names', '')}".strip()
