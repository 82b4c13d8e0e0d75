from mlmi2023.engine.scripting import logged

with logged(snakemake):
    from pathlib import Path

    from mlmi2023.papers.deviations import read_deviations, read_findings
    from mlmi2023.reporting.bench_record import read_record
    from mlmi2023.reporting.pages.overview import OverviewItem, build_overview
    from mlmi2023.reporting.pages.record import build_record_page
    from mlmi2023.reporting.read_reported import load_reported

    given, made, params = snakemake.input, snakemake.output, snakemake.params
    folders = {Path(file).parent.name: Path(file).parent for file in given.records}
    pages = {Path(file).parent.name: Path(file) for file in made.pages}
    items = []
    for paper, source in zip(params.papers, given.reported):
        reported = load_reported(source)
        if paper not in folders:
            items.append(OverviewItem(reported))
            continue
        record = read_record(folders[paper], reported, params.today[paper])
        build_record_page(
            reported,
            record,
            pages[paper],
            Path(made.index),
            params.summaries[paper],
            sorted((folders[paper] / "figures").glob("*.png")),
            read_deviations(paper),
            read_findings(paper),
        )
        items.append(OverviewItem(reported, record=record, record_page=pages[paper]))
    build_overview(items, "", made.index)
