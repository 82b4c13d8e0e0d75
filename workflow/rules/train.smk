# Training, stage by stage. A killed job goes on from its last checkpoint.


rule train:
    input:
        data=packed,
        previous=previous_stage,
        used=used_predictions,
        used_weights=used_weights,
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
    threads: config["resources"]["train"]["threads"]
    resources:
        **needs("train", subjects=for_training, network=True),
    params:
        task=task_of,
        options=options_of,
        used_trained=used_trained,
        train=lambda w: SETTINGS.schedule(w.paper, w.dataset, w.method, w.stage),
        runs=lambda w: f"{RESULTS}/{w.paper}/.runs",
    message:
        "train {wildcards.method} on {wildcards.dataset} ({wildcards.paper}, seed {wildcards.seed})"
    script:
        "../scripts/train.py"
