from mlmi2023.engine.scripting import logged

with logged(snakemake):
    from mlmi2023.core.tidy import gather_scores, write_metrics
    from mlmi2023.reporting.learned import gather_learned, write_learned
    from mlmi2023.reporting.runs import read_runs

    given, made = snakemake.input, snakemake.output
    write_metrics(gather_scores(given.scores), made.metrics)
    params = snakemake.params
    write_learned(gather_learned(read_runs(given.reports), params.uses, params.taken), made.learned)
