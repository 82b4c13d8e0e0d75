from mlmi2023.engine.scripting import logged

with logged(snakemake):
    from pathlib import Path

    from mlmi2023.reporting.bench_record import publish
    from mlmi2023.reporting.read_reported import load_reported

    given, params = snakemake.input, snakemake.params
    publish(
        load_reported(given.reported),
        Path(given.claims),
        [Path(t) for t in given.tables],
        [Path(r) for r in given.reports],
        Path(given.metrics),
        dict(params.about),
        Path(params.out),
    )
