"""Sections of a report's text, and how their words are made uniform."""

import re

#: a section begins with capitals and a colon at the start of a line
HEADING = re.compile(r"^[ \t]*([A-Z][A-Z /,&()-]{2,60}?):", re.MULTILINE)
#: what a de-identified text has in the place of names, dates and numbers
BLANKS = re.compile(r"_{2,}|\b[xX]{3,}\b(?:-[xX]{3,}\b)*")
FINDINGS, IMPRESSION = ("FINDINGS",), ("IMPRESSION", "CONCLUSION")


def sections_of(text: str) -> dict[str, str]:
    """Return the sections of a text by their headings; of two alike the later one counts."""
    marks = list(HEADING.finditer(text))
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    return {mark[1].strip(): text[mark.end() : end] for mark, end in zip(marks, ends)}


def pair_of(text: str) -> tuple[str, str]:
    """Return findings and impression of a text; one that it lacks is empty."""
    found = sections_of(text)
    first = next((found[name] for name in FINDINGS if name in found), "")
    second = next((found[name] for name in IMPRESSION if name in found), "")
    return first, second


def uniform(text: str) -> str:
    """Return a text without blanks of de-identification, with single spaces."""
    text = " ".join(BLANKS.sub(" ", text).split())
    # what a blank leaves before a stop
    return re.sub(r"\s+([.,;:])", r"\1", re.sub(r"([.,;:])(?:\s*\1)+", r"\1", text)).strip()
