from mlmi2023.engine.scripting import logged

with logged(snakemake):
    from pathlib import Path

    from mlmi2023.core.tidy import read_metrics
    from mlmi2023.reporting.plots import draw_table
    from mlmi2023.reporting.read_reported import load_reported
    from mlmi2023.reporting.tables import build_table, write_table

    reported = load_reported(snakemake.input.reported)
    metrics = read_metrics(snakemake.input.metrics)
    write_table(build_table(reported, snakemake.wildcards.table, metrics), reported, snakemake.output.csv)
    draw_table(reported, snakemake.wildcards.table, metrics, Path(snakemake.output.png).with_suffix(""))
