"""A picture of reports: how long their sections are, and where they may be shown, some texts."""

import textwrap
from pathlib import Path

from mlmi2023.cohorts.forms.reports.reader import Reports

SHOWN, WIDTH = 3, 62


def draw(cohort: Reports, png: Path) -> None:
    """Draw the lengths of both sections and, where texts may be shown, the first reports of a split each."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    columns = 2 + SHOWN * cohort.shown
    figure, [axes] = plt.subplots(
        1, columns, figsize=(3.6 * columns, 3.6), squeeze=False, layout="constrained"
    )
    for place, (what, texts) in enumerate(
        (("findings", cohort.findings), ("impression", cohort.impressions))
    ):
        axes[place].hist([len(text.split()) for text in texts], bins=30, color="#0072B2")
        axes[place].set(xlabel=f"words of {what}", ylabel="reports")
    firsts = [cohort.splits.index(split) for split in dict.fromkeys(cohort.splits)]
    rows = [*firsts, *(row for row in range(len(cohort.splits)) if row not in firsts)][: columns - 2]
    for place in range(2, columns):
        axes[place].axis("off")
    for place, row in enumerate(rows, 2):
        text = (
            f"{cohort.subjects[row]} · {cohort.splits[row]}\n\nFindings: {cohort.findings[row]}\n\n"
            f"Impression: {cohort.impressions[row]}"
        )
        wrapped = "\n".join(textwrap.fill(line, WIDTH) for line in text.split("\n"))
        axes[place].text(0, 1, wrapped, va="top", fontsize=6, transform=axes[place].transAxes)
    figure.savefig(png, dpi=100)
    plt.close(figure)
