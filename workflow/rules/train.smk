# Training, stage by stage. A killed job goes on from its last checkpoint.


def previous_stage(wildcards):
    """Return the weights of the stage before, or nothing for the first stage."""
    stages = ask(SETTINGS.stages, wildcards.paper, wildcards.dataset, wildcards.method)
    if wildcards.stage not in stages:
        raise WorkflowError(
            f"method '{wildcards.method}' has no training stage '{wildcards.stage}'"
        )
    place = stages.index(wildcards.stage)
    if place == 0:
        return []
    return expand(
        f"{PAPER}/models/{RUN}/{{before}}/weights.safetensors",
        before=stages[place - 1],
        **wildcards,
    )


def task_of(wildcards):
    return ask(SETTINGS.paper, wildcards.paper)["datasets"][wildcards.dataset]["task"]


def options_of(wildcards):
    """Return a method's options without its training keys, so that those rerun training alone."""
    options = ask(SETTINGS.method, wildcards.paper, wildcards.dataset, wildcards.method)
    return {k: v for k, v in options.items() if k not in ("train", "stages")}


rule train:
    input:
        data=packed,
        previous=previous_stage,
    output:
        weights=f"{PAPER}/models/{RUN}/{{stage}}/weights.safetensors",
        report=f"{PAPER}/models/{RUN}/{{stage}}/train.json",
        curve=f"{PAPER}/models/{RUN}/{{stage}}/curve.csv",
    log:
        f"{LOGS}/train/{{paper}}/{RUN}/{{stage}}.log",
    benchmark:
        f"{BENCHMARKS}/train/{{paper}}/{RUN}/{{stage}}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: need("train", "threads")
    resources:
        gpu=GPU,
        mem_mb=need("train", "mem_mb"),
        runtime=need("train", "runtime"),
    params:
        task=task_of,
        options=options_of,
        train=lambda w: SETTINGS.schedule(w.paper, w.dataset, w.method, w.stage),
        device=SETTINGS.device,
        runs=lambda w: f"{RESULTS}/{w.paper}/.runs",
    message:
        "train {wildcards.method} on {wildcards.dataset} ({wildcards.paper}, seed {wildcards.seed})"
    script:
        "../scripts/train.py"
