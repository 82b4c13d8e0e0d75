from mlmi2023.scripting import logged

with logged(snakemake):
    from mlmi2023.reporting.metrics import gather, write_metrics

    write_metrics(gather(list(snakemake.input)), snakemake.output[0])
