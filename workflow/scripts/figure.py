from mlmi2023.engine.scripting import logged

with logged(snakemake):
    from pathlib import Path

    from mlmi2023.core.jobs import Job
    from mlmi2023.reporting.read_reported import load_reported
    from mlmi2023.tasks.chain import draw

    given, params, paper = snakemake.input, snakemake.params, snakemake.wildcards.paper
    names = {method.id: method.name for method in load_reported(given.reported).methods.values()}
    folders = [Path(p) for p in given.predictions]
    jobs = {
        method: Job(
            paper=paper,
            dataset=params.run["dataset"],
            method=method,
            seed=params.run["seed"],
            data=Path(given.data),
            task=dict(params.task),
            method_options=dict(options),
            threads=snakemake.threads,
            device="cpu",
        )
        for method, options in params.methods.items()
    }
    # weights may lie under the name of another method whose training it is
    weights = dict(zip(params.trained, map(Path, given.weights), strict=True))
    predictions = {folder.parent.name: folder for folder in folders}
    stem = Path(snakemake.output.png).with_suffix("")
    draw(snakemake.wildcards.figure, jobs, weights, predictions, names, stem)
