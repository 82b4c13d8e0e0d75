from mlmi2023.engine.scripting import logged

with logged(snakemake):
    from pathlib import Path

    from mlmi2023.tasks.chain import evaluate, job_of

    given, made = snakemake.input, snakemake.output
    weights = Path(given.weights) if given.get("weights") else None
    evaluate(job_of(snakemake), weights, Path(made.predictions), Path(made.scores))
