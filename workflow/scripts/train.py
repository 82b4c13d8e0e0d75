from mlmi2023.engine.scripting import logged

with logged(snakemake):
    from pathlib import Path

    from mlmi2023.tasks.chain import job_of, train

    train(job_of(snakemake), Path(snakemake.params.runs), Path(snakemake.output.weights).parent)
