# Tidy metrics -> tables, claims, figures -> a page per paper and one for all.


rule metrics:
    input:
        scores=scores,
        reports=training_reports,
    output:
        metrics=f"{PAPER}/metrics.csv",
        learned=f"{PAPER}/learned.csv",
    log:
        f"{LOGS}/metrics/{{paper}}.log",
    benchmark:
        f"{BENCHMARKS}/metrics/{{paper}}.tsv"
    conda:
        "../../envs/report.yaml"
    threads: config["resources"]["report"]["threads"]
    resources:
        **needs("report", together=of_a_report),
    params:
        uses=lambda w: uses_of(w.paper),
        taken=lambda w: taken_trainings(w.paper),
    message:
        "gather the metrics of {wildcards.paper}"
    script:
        "../scripts/metrics.py"


rule table:
    input:
        metrics=f"{PAPER}/metrics.csv",
        learned=f"{PAPER}/learned.csv",
        reported=reported_table,
    output:
        csv=f"{PAPER}/tables/{{table}}.csv",
        md=f"{PAPER}/tables/{{table}}.md",
        status=f"{PAPER}/tables/{{table}}.json",
        png=f"{PAPER}/figures/{{table}}.png",
        svg=f"{PAPER}/figures/{{table}}.svg",
    log:
        f"{LOGS}/table/{{paper}}/{{table}}.log",
    benchmark:
        f"{BENCHMARKS}/table/{{paper}}/{{table}}.tsv"
    conda:
        "../../envs/report.yaml"
    threads: config["resources"]["report"]["threads"]
    resources:
        **needs("report", together=of_a_report),
    params:
        own=lambda w: own_of(w.paper),
    message:
        "{wildcards.table} of {wildcards.paper}: reported and ours"
    script:
        "../scripts/table.py"


rule claims:
    input:
        metrics=f"{PAPER}/metrics.csv",
        learned=f"{PAPER}/learned.csv",
        tables=lambda w: expand(
            f"{PAPER}/tables/{{table}}.csv", paper=w.paper, table=tables_of(w.paper)
        ),
        reported=lambda w: reported(w.paper),
    output:
        csv=f"{PAPER}/claims.csv",
        png=f"{PAPER}/figures/claims.png",
        svg=f"{PAPER}/figures/claims.svg",
    log:
        f"{LOGS}/claims/{{paper}}.log",
    benchmark:
        f"{BENCHMARKS}/claims/{{paper}}.tsv"
    conda:
        "../../envs/report.yaml"
    threads: config["resources"]["report"]["threads"]
    resources:
        **needs("report", together=of_a_report),
    params:
        judged=SETTINGS.scale != "demo",
        own=lambda w: own_of(w.paper),
    message:
        "judge the claims of {wildcards.paper}"
    script:
        "../scripts/claims.py"


rule figure:
    input:
        data=lambda w: f"{RESULTS}/cohorts/{figure_setup(w)['cohort']}/packed",
        weights=figure_weights,
        predictions=lambda w: [
            f"{PAPER}/predictions/{RUN}".format(paper=w.paper, **run)
            for run in figure_runs(w).values()
        ],
        reported=lambda w: reported(w.paper),
    output:
        png=f"{PAPER}/figures/{{figure}}.png",
        svg=f"{PAPER}/figures/{{figure}}.svg",
    log:
        f"{LOGS}/figure/{{paper}}/{{figure}}.log",
    benchmark:
        f"{BENCHMARKS}/figure/{{paper}}/{{figure}}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: config["resources"]["figure"]["threads"]
    resources:
        **needs("figure"),
    params:
        task=lambda w: figure_setup(w)["task"],
        methods=lambda w: {
            method: SETTINGS.options(w.paper, run["dataset"], method)
            for method, run in figure_runs(w).items()
        },
        run=lambda w: next(iter(figure_runs(w).values())),
        trained=figure_trained,
    message:
        "draw {wildcards.figure} of {wildcards.paper}"
    script:
        "../scripts/figure.py"


rule page:
    input:
        metrics=f"{PAPER}/metrics.csv",
        claims=f"{PAPER}/claims.csv",
        claims_figure=f"{PAPER}/figures/claims.png",
        reported=lambda w: reported(w.paper),
        tables=lambda w: expand(
            f"{PAPER}/tables/{{table}}.csv", paper=w.paper, table=tables_of(w.paper)
        ),
        figures=lambda w: expand(
            f"{PAPER}/figures/{{figure}}.png",
            paper=w.paper,
            figure=figures_of(w.paper),
        ),
        reports=training_reports,
        qc=lambda w: expand(
            f"{RESULTS}/cohorts/{{cohort}}/qc", cohort=cohorts_of(w.paper)
        ),
        packed=lambda w: expand(
            f"{RESULTS}/cohorts/{{cohort}}/packed", cohort=cohorts_of(w.paper)
        ),
        record=lambda w: record_input([w.paper]),
        record_parts=lambda w: record_parts([w.paper]),
        record_page=lambda w: [record_page(w.paper)] * (w.paper in recorded()),
    output:
        f"{PAPER}/index.html",
    log:
        f"{LOGS}/page/{{paper}}.log",
    benchmark:
        f"{BENCHMARKS}/page/{{paper}}.tsv"
    conda:
        "../../envs/report.yaml"
    threads: config["resources"]["report"]["threads"]
    resources:
        **needs("report", together=of_a_report),
    params:
        paper=lambda w: SETTINGS.paper(w.paper),
        scale=SETTINGS.scale,
        cohorts=lambda w: {
            name: {k: v for k, v in SETTINGS.cohort(name).items() if k != "layout"}
            for name in cohorts_of(w.paper)
        },
        record_today=lambda w: record_today(w.paper),
        own=lambda w: own_of(w.paper),
    message:
        "write the page of {wildcards.paper}"
    script:
        "../scripts/page.py"


rule overview:
    input:
        pages=expand(f"{PAPER}/index.html", paper=SETTINGS.papers),
        tables=[
            f"{RESULTS}/{p}/tables/{t}.csv"
            for p in SETTINGS.papers
            for t in tables_of(p)
        ],
        claims=expand(f"{PAPER}/claims.csv", paper=SETTINGS.papers),
        reported=[reported(p) for p in SETTINGS.known],
        records=record_input(SETTINGS.known),
        record_parts=lambda w: record_parts(SETTINGS.known),
        record_pages=[record_page(p) for p in recorded()],
    output:
        f"{RESULTS}/index.html",
    log:
        f"{LOGS}/overview.log",
    benchmark:
        f"{BENCHMARKS}/overview.tsv"
    conda:
        "../../envs/report.yaml"
    threads: config["resources"]["report"]["threads"]
    resources:
        **needs("report"),
    params:
        papers=SETTINGS.known,
        scale=SETTINGS.scale,
        records_today=lambda w: {p: record_today(p) for p in recorded()},
        record_pages={p: record_page(p) for p in recorded()},
        own=lambda w: {p: own_of(p) for p in SETTINGS.papers},
    message:
        "write the overview of all papers"
    script:
        "../scripts/overview.py"
