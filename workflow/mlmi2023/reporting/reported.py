"""What a paper reports: its datasets, methods, metrics, tables, figures and claims."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Dataset:
    """A dataset of the paper."""

    id: str
    name: str
    access: str = ""
    url: str | None = None
    size: str = ""
    split: str = ""


@dataclass(frozen=True)
class Method:
    """A method and its role; a control says which end it marks and for which metrics.

    ``below_floor`` says why a method may do worse than a floor without any metric being at fault: one that is
    tested on another domain than it learned from may be worse than a constant answer.
    """

    id: str
    name: str
    role: str
    control: str = ""
    brackets: tuple[str, ...] = ()
    about: str = ""
    below_floor: str = ""


@dataclass(frozen=True)
class Metric:
    """A metric; ``better`` is higher, lower or none; ``exact`` means that one value decides."""

    id: str
    name: str
    better: str
    unit: str
    decimals: int = 3
    exact: bool = False

    @property
    def sign(self) -> int:
        """+1 when higher is better, -1 when lower is, 0 when neither."""
        return {"higher": 1, "lower": -1}.get(self.better, 0)

    @property
    def arrow(self) -> str:
        """An arrow towards the better end."""
        return {1: "↑", -1: "↓", 0: ""}[self.sign]

    def show(self, value: float | None, signed: bool = False) -> str:
        """Return ``value`` with this metric's decimals; an empty text for NaN or None."""
        if value is None or value != value:
            return ""
        text = f"{value:{'+' if signed else ''}.{self.decimals}f}"
        return text.replace("-", "−")


@dataclass(frozen=True)
class Value:
    """A printed mean and, where printed, its standard deviation."""

    mean: float
    sd: float | None = None


@dataclass(frozen=True)
class Row:
    """One row of a table: the method, the setting and label if any, and the printed values by metric."""

    method: str
    values: dict[str, Value]
    setting: str = ""
    label: str | None = None
    note: str = ""


@dataclass(frozen=True)
class Table:
    """A table; its first column is the main metric; ``own`` says that it is one of the user's own data."""

    id: str
    about: str
    dataset: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    note: str = ""
    own: bool = False


@dataclass(frozen=True)
class Figure:
    """A result figure of the paper."""

    id: str
    shows: str


@dataclass(frozen=True)
class Claim:
    """A comparison that the paper makes; ``margin`` is the paper's own effect, as given in the file."""

    id: str
    says: str
    check: str
    margin: float | None = None
    source: str = ""


@dataclass(frozen=True)
class Reported:
    """All that one paper reports.

    ``task`` is the paper's own in a few words, ``family`` the task family that it belongs to. ``label_names``
    spells out labels that are short, and ``own`` names the cohorts of datasets that are the user's own data
    here (:mod:`mlmi2023.reporting.own_data`).
    """

    slug: str
    number: int
    title: str
    first_author: str
    task: str
    family: str
    datasets: dict[str, Dataset]
    methods: dict[str, Method]
    metrics: dict[str, Metric]
    tables: dict[str, Table]
    figures: dict[str, Figure]
    claims: dict[str, Claim]
    settings: tuple[str, ...] = ()
    factors: dict[str, tuple[str, ...]] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    label_names: dict[str, str] = field(default_factory=dict)
    modality: tuple[str, ...] = ()
    dims: str = ""
    doi: str = ""
    code: str | None = None
    own: dict[str, str] = field(default_factory=dict)

    def name_of(self, dataset: str) -> str:
        """Return the name of a dataset, or of the user's own cohort in its place."""
        return self.own.get(dataset) or self.datasets[dataset].name

    def controls(self, end: str) -> list[Method]:
        """Return the controls that mark the ``floor`` or the ``ceiling``."""
        return [m for m in self.methods.values() if m.control == end]
