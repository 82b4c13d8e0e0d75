from mlmi2023.engine.scripting import logged

with logged(snakemake):
    from pathlib import Path

    from mlmi2023.reporting.claims.results import evaluate_claims, write_claims
    from mlmi2023.reporting.figures.plots import draw_claims
    from mlmi2023.reporting.learned import read_learned
    from mlmi2023.reporting.measured import measured
    from mlmi2023.reporting.own_data import with_own_data
    from mlmi2023.reporting.read_reported import load_reported
    from mlmi2023.reporting.tables.build import read_table
    from mlmi2023.reporting.tables.controls import BROKEN

    reported = with_own_data(load_reported(snakemake.input.reported), snakemake.params.own)
    tables = [read_table(path, reported) for path in snakemake.input.tables]
    broken = {t.table.id: "; ".join(t.reasons) for t in tables if t.status == BROKEN}
    learned = read_learned(snakemake.input.learned)
    metrics = measured(snakemake.input.metrics, reported)
    results = evaluate_claims(reported, metrics, broken, learned, snakemake.params.judged)
    write_claims(results, snakemake.output.csv)
    draw_claims(results, Path(snakemake.output.png).with_suffix(""))
