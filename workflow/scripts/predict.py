from mlmi2023.scripting import logged

with logged(snakemake):
    from pathlib import Path

    from mlmi2023.chain import job_of, predict

    weights = Path(snakemake.input.weights) if snakemake.input.get("weights") else None
    predict(job_of(snakemake), weights, Path(snakemake.output[0]))
