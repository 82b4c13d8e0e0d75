from mlmi2023.engine.scripting import logged

with logged(snakemake):
    from pathlib import Path

    from mlmi2023.reporting.figures.plots import draw_table
    from mlmi2023.reporting.learned import read_learned
    from mlmi2023.reporting.measured import measured
    from mlmi2023.reporting.own_data import with_own_data
    from mlmi2023.reporting.read_reported import load_reported
    from mlmi2023.reporting.tables.build import build_table, write_table

    reported = with_own_data(load_reported(snakemake.input.reported), snakemake.params.own)
    metrics = measured(snakemake.input.metrics, reported)
    table = snakemake.wildcards.table
    learned = read_learned(snakemake.input.learned)
    write_table(build_table(reported, table, metrics, learned), reported, snakemake.output.csv)
    draw_table(reported, table, metrics, Path(snakemake.output.png).with_suffix(""))
