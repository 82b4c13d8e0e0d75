from mlmi2023.scripting import logged

with logged(snakemake):
    from pathlib import Path

    from mlmi2023.chain import job_of, train

    train(job_of(snakemake), Path(snakemake.params.runs), Path(snakemake.output.weights).parent)
