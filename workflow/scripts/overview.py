from mlmi2023.engine.scripting import logged

with logged(snakemake):
    from pathlib import Path

    from mlmi2023.reporting.bench_record import read_record
    from mlmi2023.reporting.own_data import with_own_data
    from mlmi2023.reporting.pages.overview import OverviewItem, build_overview
    from mlmi2023.reporting.read_reported import load_reported

    given, params = snakemake.input, snakemake.params
    folders = {Path(file).parent.name: Path(file).parent for file in given.records}
    pages = {Path(file).parent.name: Path(file) for file in given.pages}
    items = []
    for paper, source in zip(params.papers, given.reported):
        reported, folder = load_reported(source), folders.get(paper)
        record = read_record(folder, reported, params.records_today[paper]) if folder else None
        page = pages.get(paper)
        items.append(
            OverviewItem(
                with_own_data(reported, params.own.get(paper, {})),
                page,
                page and page.with_name("claims.csv"),
                [Path(t) for t in given.tables if Path(t).parts[-3] == paper],
                record,
                Path(params.record_pages[paper]) if folder else None,
            )
        )
    build_overview(items, params.scale, snakemake.output[0])
