"""Wisconsin diagnostic breast cancer: 569 aspirates, 30 measures of cell nuclei, malignant or benign."""

from pathlib import Path

from mlmi2023.cohorts.formats.tables import Column, RawTable, write_tidy


def export(root: Path) -> None:
    """Write scikit-learn's copy of the table into ``root``."""
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    names = [str(name).replace(" ", "_") for name in data.feature_names]
    groups = ["mean"] * 10 + ["error"] * 10 + ["worst"] * 10
    values = [str(data.target_names[label]) for label in data.target]
    write_tidy(
        RawTable(
            [f"{row:03d}" for row in range(1, len(values) + 1)],
            [Column(name, group) for name, group in zip(names, groups)],
            data.data,
            {"diagnosis": values},
            {"diagnosis": ["benign", "malignant"]},
        ),
        root,
    )
