from mlmi2023.scripting import logged

with logged(snakemake):
    from pathlib import Path

    from mlmi2023.reporting.overview import OverviewItem, build_overview
    from mlmi2023.reporting.reported import load_reported

    items = []
    for paper, page, claims, source in zip(
        snakemake.params.papers, snakemake.input.pages, snakemake.input.claims, snakemake.input.reported
    ):
        tables = [Path(t) for t in snakemake.input.tables if Path(t).parts[-3] == paper]
        items.append(OverviewItem(load_reported(source), Path(page), Path(claims), tables))
    build_overview(items, snakemake.params.scale, snakemake.output[0])
