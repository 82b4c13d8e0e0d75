# Where rules take their inputs and parameters from.


def step_input(step):
    """Return the input function of a step: the raw files, or the batch folder of the step before."""

    def files(wildcards):
        steps = ask(SETTINGS.steps, wildcards.cohort)
        if step not in steps:
            stop(
                f"config of cohort '{wildcards.cohort}': key 'preprocess' has no step '{step}'; "
                f"it has {', '.join(steps) or 'none'}"
            )
        batch_of(wildcards.cohort, wildcards.batch)
        place = steps.index(step)
        if place:
            return f"{RESULTS}/cohorts/{wildcards.cohort}/{steps[place - 1]}/batch-{wildcards.batch}"
        if SETTINGS.cohort(wildcards.cohort)["kind"] in MADE:
            return str(SETTINGS.root_of(wildcards.cohort))
        raw = batch_of(wildcards.cohort, wildcards.batch)
        return sorted(
            {str(f) for r in raw for f in [*r.images.values(), r.labels] if f}
        )

    return files


def step_records(step):
    """Return the records a step starts from, if it is the cohort's first; later steps read the step before."""

    def first(wildcards):
        if ask(SETTINGS.steps, wildcards.cohort).index(step):
            return None
        return [vars(r) for r in batch_of(wildcards.cohort, wildcards.batch)]

    return first


def step_options(step):
    return lambda w: SETTINGS.cohort(w.cohort)["preprocess"][step] or {}


def in_volumes(cohort):
    """Return whether the subjects of a cohort are volumes on a grid."""
    return form_of(ask(SETTINGS.cohort, cohort)) == VOLUMES


def pack_input(wildcards):
    """Return the batches on the common grid; of other forms than volumes, the raw folder or files.

    Of a joined cohort, its packed parts.
    """
    name = wildcards.cohort
    if in_volumes(name):
        return expand(
            f"{COHORTS}/grid/batch-{{batch}}", cohort=name, batch=batches(name)
        )
    setup, root = ask(SETTINGS.cohort, name), SETTINGS.root_of(name)
    if setup["kind"] == JOINED:
        parts = [part["cohort"] for part in setup["parts"].values()]
        return expand(f"{COHORTS}/packed", cohort=parts)
    if setup["kind"] in MADE:
        return str(root)
    files = ask(raw_files, name, setup, root)
    if CHECKED and setup["kind"] == "folder":
        where = f"config of cohort '{name}'"
        for key, pattern in patterns_of(setup).items():
            say(ask(unused.of_pattern, where, key, root, pattern))
    return [str(file) for file in files]


def qc_records(wildcards):
    if not in_volumes(wildcards.cohort):
        return []
    return [vars(r) for r in records(wildcards.cohort)]


def qc_input(wildcards):
    """Return the batch folders of all steps of a cohort; of other forms than volumes, what is packed."""
    if not in_volumes(wildcards.cohort):
        return f"{RESULTS}/cohorts/{wildcards.cohort}/packed"
    steps = ask(SETTINGS.steps, wildcards.cohort)
    numbers = batches(wildcards.cohort)
    return [
        f"{RESULTS}/cohorts/{wildcards.cohort}/{s}/batch-{b}"
        for s in steps
        for b in numbers
    ]


def weights_of(stage, run):
    """Return the weights that a stage of a run ends with; a text, not a list of one: scripts take it as a path.

    ``run`` has paper, dataset, method, seed and fold. The stage may be that of another method or dataset.
    """
    place = {**run}
    owner = ask(
        SETTINGS.trained_as, place["paper"], place["dataset"], place["method"], stage
    )
    path = f"{PAPER}/models/{RUN}/{{stage}}/weights.safetensors"
    return path.format_map({**place, **owner._asdict()})


def previous_stage(wildcards):
    """Return the weights of the stage before, or nothing for the first stage."""
    own = wildcards.dataset, wildcards.method
    stages = ask(SETTINGS.stages, wildcards.paper, *own)
    if wildcards.stage not in stages:
        stop(
            f"method '{wildcards.method}' has no training stage '{wildcards.stage}'; it has {', '.join(stages) or 'none'}"
        )
    owner = ask(SETTINGS.trained_as, wildcards.paper, *own, wildcards.stage)
    if owner != (*own, wildcards.stage):
        stop(
            f"method '{wildcards.method}' on '{wildcards.dataset}' does not train its stage "
            f"'{wildcards.stage}', which is {owner}; ask for {weights_of(wildcards.stage, wildcards)}"
        )
    place = stages.index(wildcards.stage)
    if place == 0:
        return []
    return weights_of(stages[place - 1], wildcards)


def task_of(wildcards):
    return ask(SETTINGS.paper, wildcards.paper)["datasets"][wildcards.dataset]["task"]


def options_of(wildcards):
    """Return a method's options without its training keys, so that those rerun training alone."""
    return ask(SETTINGS.options, wildcards.paper, wildcards.dataset, wildcards.method)


def last_weights(wildcards):
    """Return the final weights of a trained method, or nothing for one that is not trained."""
    stages = ask(SETTINGS.stages, wildcards.paper, wildcards.dataset, wildcards.method)
    if not stages:
        return []
    return weights_of(stages[-1], wildcards)


def used_runs(wildcards):
    """Return the runs whose predictions and weights a method takes as input."""
    where = wildcards.paper, wildcards.dataset
    found = []
    for method in ask(SETTINGS.uses, *where, wildcards.method):
        seeds = ask(SETTINGS.seeds, *where, method)
        seed = int(wildcards.seed) if int(wildcards.seed) in seeds else seeds[0]
        found.append({**wildcards, "method": method, "seed": seed})
    return found


def used_predictions(wildcards):
    return [f"{PAPER}/predictions/{RUN}".format(**run) for run in used_runs(wildcards)]


def used_trained(wildcards):
    """Return those of the used methods that have weights, in the order of their weights."""
    where = wildcards.paper, wildcards.dataset
    return [
        run["method"]
        for run in used_runs(wildcards)
        if ask(SETTINGS.stages, *where, run["method"])
    ]


def used_weights(wildcards):
    trained = used_trained(wildcards)
    where = wildcards.paper, wildcards.dataset
    return [
        weights_of(ask(SETTINGS.stages, *where, run["method"])[-1], run)
        for run in used_runs(wildcards)
        if run["method"] in trained
    ]


def runs(wildcards):
    """Return dataset, method, seed and fold of every run of a paper; untrained methods run once."""
    paper = ask(SETTINGS.paper, wildcards.paper)
    found = []
    for dataset, setup in paper["datasets"].items():
        for method in setup["methods"]:
            for seed in ask(SETTINGS.seeds, wildcards.paper, dataset, method):
                for fold in range(paper.get("folds", 1)):
                    found.append(
                        dict(dataset=dataset, method=method, seed=seed, fold=fold)
                    )
    return found


def scores(wildcards):
    return [
        f"{PAPER}/scores/{RUN}.csv".format(paper=wildcards.paper, **run)
        for run in runs(wildcards)
    ]


def training_reports(wildcards):
    """Return the train.json of every stage of every trained run, each once where runs share one."""
    found = []
    for run in runs(wildcards):
        own = dict(run, paper=wildcards.paper)
        stages = ask(SETTINGS.stages, own["paper"], own["dataset"], own["method"])
        found += [f"{Path(weights_of(s, own)).parent}/train.json" for s in stages]
    return list(dict.fromkeys(found))


def uses_of(slug):
    """Return by dataset and method, for methods that were run, the methods that each takes as input."""
    return {
        dataset: {
            method: ask(SETTINGS.uses, slug, dataset, method)
            for method in setup["methods"]
        }
        for dataset, setup in ask(SETTINGS.paper, slug)["datasets"].items()
    }


def taken_trainings(slug):
    """Return by dataset and method the trainings that are another method's or dataset's: dataset, method, stage."""
    found = {}
    for dataset, setup in ask(SETTINGS.paper, slug)["datasets"].items():
        for method in setup["methods"]:
            own = [
                (stage, ask(SETTINGS.trained_as, slug, dataset, method, stage))
                for stage in ask(SETTINGS.stages, slug, dataset, method)
            ]
            others = [list(t) for s, t in own if t != (dataset, method, s)]
            if others:
                found.setdefault(dataset, {})[method] = others
    return found


def reported(slug):
    return SETTINGS.root / f"resources/papers/{slug}.yaml"


def own_of(slug):
    """Return the cohort of each of a paper's datasets that is the user's own data."""
    return ask(own_data, SETTINGS, slug)


def tables_of(slug):
    """Return the ids of the tables that the paper reports, and of those of datasets that it does not have."""
    known = {dataset["id"] for dataset in SETTINGS.reported(slug)["datasets"]}
    own = [own_table(dataset) for dataset in own_of(slug) if dataset not in known]
    return ask(SETTINGS.tables, slug) + own


def reported_table(wildcards):
    """Return the file of what the paper reports, for a table of it."""
    known = tables_of(wildcards.paper)
    if wildcards.table not in known:
        stop(
            f"paper '{wildcards.paper}' has no table '{wildcards.table}'{suggest(wildcards.table, known)}"
        )
    return reported(wildcards.paper)


def made_of(wildcards):
    """Return what of a cohort's configuration makes its raw data."""
    cohort = ask(SETTINGS.cohort, wildcards.cohort)
    if (
        str(SETTINGS.root_of(wildcards.cohort))
        != f"{RESULTS}/cohorts/{wildcards.cohort}/{wildcards.raw}"
    ):
        stop(
            f"cohort '{wildcards.cohort}' has no '{wildcards.raw}' that the workflow makes; its data are in {SETTINGS.root_of(wildcards.cohort)}"
        )
    left_out = ("preprocess", "about", "read", "folds")
    return {k: v for k, v in cohort.items() if k not in left_out}


def figures_of(slug):
    return list(SETTINGS.paper(slug).get("figures", {}))


def cohorts_of(slug):
    return ask(SETTINGS.cohorts_of, slug)


def figure_of(wildcards):
    """Return what a paper's config says of a figure."""
    figures = ask(SETTINGS.paper, wildcards.paper).get("figures", {})
    if wildcards.figure not in figures:
        why = SETTINGS.left_out.get(wildcards.paper) or (
            f"it has {', '.join(figures) or 'none'}"
        )
        stop(
            f"paper '{wildcards.paper}' has no figure '{wildcards.figure}' here; {why}"
        )
    return figures[wildcards.figure]


def figure_setup(wildcards):
    """Return what a paper's config says of a figure's dataset."""
    paper = ask(SETTINGS.paper, wildcards.paper)
    return paper["datasets"][figure_of(wildcards)["dataset"]]


def figure_runs(wildcards):
    """Return the runs of a figure's methods, first seed and fold."""
    figure, paper = figure_of(wildcards), SETTINGS.paper(wildcards.paper)
    first = dict(dataset=figure["dataset"], seed=paper["seeds"][0], fold=0)
    return {method: dict(first, method=method) for method in figure["methods"]}


def figure_trained(wildcards):
    """Return those of a figure's methods that have weights, in the order of their weights."""
    return [
        method
        for method, run in figure_runs(wildcards).items()
        if ask(SETTINGS.stages, wildcards.paper, run["dataset"], method)
    ]


def figure_weights(wildcards):
    own = figure_runs(wildcards)
    found = []
    for method in figure_trained(wildcards):
        run = dict(own[method], paper=wildcards.paper)
        stages = ask(SETTINGS.stages, wildcards.paper, run["dataset"], method)
        found.append(weights_of(stages[-1], run))
    return found
