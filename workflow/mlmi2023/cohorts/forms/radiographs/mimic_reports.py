"""Sections of MIMIC-CXR's reports, and triples from RadGraph's graphs of them.

A section begins with a heading in capitals at the start of a line, up to a colon.
"""

import re
from collections.abc import Mapping
from typing import Any

from mlmi2023.cohorts.forms.radiographs.study import Triple

HEADING = re.compile(r"^[ \t]*([A-Z][A-Z /&().,-]{2,60}?)[ \t]*:", re.MULTILINE)
FINDINGS = ("FINDINGS", "FINDINGS AND IMPRESSION", "FINDING", "FINDINGS/IMPRESSION")
INDICATION = ("INDICATION", "HISTORY", "CLINICAL INFORMATION", "CLINICAL HISTORY", "REASON FOR EXAM",
              "REASON FOR EXAMINATION", "CLINICAL INDICATION", "INDICATION/HISTORY")  # fmt: skip


def sections(text: str) -> dict[str, str]:
    """Return the sections of a report by heading, on one line each; the first of a name counts."""
    heads = list(HEADING.finditer(text))
    found: dict[str, str] = {}
    for head, following in zip(heads, [*heads[1:], None], strict=True):
        body = text[head.end() : following.start() if following else len(text)]
        found.setdefault(head[1].strip(), " ".join(body.split()))
    return found


def section(text: str, names: tuple[str, ...]) -> str:
    """Return the first section that has one of some names; empty if there is none."""
    own = sections(text)
    return next((own[name] for name in names if own.get(name)), "")


def triples_of(graph: Mapping[str, Any]) -> list[Triple]:
    """Return the triples of a report's graph that lie in its findings section, in the order of the report.

    Words of entities are joined; an entity without a relation is one of ``status`` with what RadGraph says of
    it (``definitely present``, ``uncertain``, ``definitely absent``).

    Args:
        graph: ``text`` and ``entities`` of RadGraph.
    """
    words = str(graph["text"]).split()
    upper = [word.upper() for word in words]
    start = next((n for n, word in enumerate(upper) if word in ("FINDINGS", "FINDING")), 0)
    end = next(
        (n for n, word in enumerate(upper) if word in ("IMPRESSION", "CONCLUSION") and n > start), len(words)
    )
    entities = graph["entities"]
    found = []
    for entity in entities.values():
        place = int(entity["start_ix"])
        if not start <= place < end:
            continue
        own = str(entity["tokens"]).lower()
        related = [
            (own, relation.replace("_", " "), str(entities[other]["tokens"]).lower())
            for relation, other in entity["relations"]
            if other in entities
        ]
        if not related and str(entity["label"]).startswith("OBS"):
            related = [(own, "status", STATUS[str(entity["label"])[-2:]])]
        found += [(place, triple) for triple in related]
    return [triple for _, triple in sorted(found, key=lambda one: one[0])]


#: ends of RadGraph's labels of observations
STATUS = {"DP": "present", "DA": "absent", "-U": "possible"}
