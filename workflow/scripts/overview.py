from mlmi2023.engine.scripting import logged

with logged(snakemake):
    from pathlib import Path

    from mlmi2023.reporting.overview import OverviewItem, build_overview
    from mlmi2023.reporting.read_reported import load_reported
    from mlmi2023.reporting.record import read_record

    records = {Path(file).parent.name: Path(file).parent for file in snakemake.input.records}
    items = []
    for paper, page, claims, source in zip(
        snakemake.params.papers, snakemake.input.pages, snakemake.input.claims, snakemake.input.reported
    ):
        tables = [Path(t) for t in snakemake.input.tables if Path(t).parts[-3] == paper]
        reported = load_reported(source)
        folder = records.get(paper)
        record = read_record(folder, reported, snakemake.params.records_today[paper]) if folder else None
        items.append(OverviewItem(reported, Path(page), Path(claims), tables, record))
    build_overview(items, snakemake.params.scale, snakemake.output[0])
