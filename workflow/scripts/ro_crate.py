from mlmi2023.engine.scripting import logged

with logged(snakemake):
    from pathlib import Path

    from mlmi2023.core.files import write_json
    from mlmi2023.core.yaml_files import read_yaml
    from mlmi2023.reporting.crate import describe
    from mlmi2023.reporting.read_reported import load_reported

    given = snakemake.input
    out = Path(snakemake.output[0])
    weights = [Path(r).with_name("weights.safetensors") for r in given.reports]
    files = [given.page, given.metrics, given.claims, *given.tables, *given.figures, *given.reports, *weights]
    crate = describe(
        load_reported(given.reported),
        snakemake.params.scale,
        out.parent,
        [Path(f) for f in files],
        [Path(r) for r in given.reports],
        read_yaml(Path(given.citation)),
    )
    write_json(out, crate)
