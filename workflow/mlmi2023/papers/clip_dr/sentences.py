"""Sentences of eye clinics in small, to pretrain the second text encoder on: reports, or questions."""

import numpy as np

#: what each grade shows, and in which numbers
FINDINGS = {
    "no": ("no microaneurysms", "no lesions", "no haemorrhages"),
    "mild": ("few microaneurysms", "several microaneurysms"),
    "moderate": ("few haemorrhages", "several exudates", "many microaneurysms"),
    "severe": ("many haemorrhages", "several cotton wool spots", "many exudates"),
    "proliferative": ("new vessels", "new vessels on the disc"),
}
NAMES = ("dr", "diabetic retinopathy")
REPORTS = (
    "the fundus shows {finding} which mean {grade} {name}",
    "patient with {grade} {name} and {finding}",
    "{grade} {name} with {finding} in the retina",
    "report of an eye with {finding} {grade} {name}",
)
QUESTIONS = (
    "question which grade is an eye with {finding} answer {grade} {name}",
    "question what is seen in {grade} {name} answer {finding}",
    "question what signs shows the retina answer {finding} {grade} {name}",
)
CORPORA = {"reports": REPORTS, "questions": QUESTIONS}
#: tokens of the longest sentence, with start and end
LENGTH = 20


def draw_sentences(count: int, corpus: str, seed: int) -> list[str]:
    """Return so many sentences."""
    rng = np.random.default_rng([seed, len(corpus), 44])
    templates, grades = CORPORA[corpus], list(FINDINGS)
    found = []
    for _ in range(count):
        grade = grades[int(rng.integers(len(grades)))]
        finding = FINDINGS[grade][int(rng.integers(len(FINDINGS[grade])))]
        template = templates[int(rng.integers(len(templates)))]
        name = NAMES[int(rng.integers(len(NAMES)))]
        found.append(template.format(finding=finding, grade=grade, name=name))
    return found
