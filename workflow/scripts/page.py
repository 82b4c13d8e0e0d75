from mlmi2023.engine.scripting import logged

with logged(snakemake):
    from pathlib import Path

    from mlmi2023.papers.deviations import read_deviations, read_findings
    from mlmi2023.reporting.bench_record import read_record
    from mlmi2023.reporting.own_data import here, with_own_data
    from mlmi2023.reporting.pages.cohorts import describe_cohort
    from mlmi2023.reporting.pages.paper import FigureItem, PageInputs, build_page
    from mlmi2023.reporting.read_reported import load_reported

    given, params = snakemake.input, snakemake.params
    config = params.paper
    reported = load_reported(given.reported)
    record = None
    if given.get("record"):
        record = read_record(Path(given.record[0]).parent, reported, params.record_today)
    cohorts = []
    for (name, cohort), qc in zip(params.cohorts.items(), given.qc):
        datasets = [d for d, setup in config["datasets"].items() if setup["cohort"] == name]
        packed = Path(qc).with_name("packed")
        cohorts.append(describe_cohort(name, cohort, Path(qc), packed, datasets))
    figures, here_reported = [Path(p) for p in given.figures], with_own_data(reported, params.own)

    def caption(figure):
        own = config["figures"][figure]
        return here(here_reported, own["caption"], [own["dataset"]])

    tables = [Path(p) for p in given.tables]
    build_page(
        PageInputs(
            reported=reported,
            scale=params.scale,
            summary=config["summary"],
            claims=Path(given.claims),
            claims_figure=Path(given.claims_figure),
            tables=tables,
            table_figures={t.stem: t.parents[1] / "figures" / f"{t.stem}.png" for t in tables},
            figures=[FigureItem(f.stem, f, caption(f.stem)) for f in figures],
            cohorts=cohorts,
            deviations=read_deviations(snakemake.wildcards.paper),
            runs=[Path(p) for p in given.reports],
            metrics=Path(given.metrics),
            record=record,
            record_page=Path(given.record_page[0]) if given.get("record_page") else None,
            findings=read_findings(snakemake.wildcards.paper),
            own=dict(params.own),
        ),
        snakemake.output[0],
    )
