from mlmi2023.engine.scripting import logged

with logged(snakemake):
    from pathlib import Path

    from mlmi2023.cohorts.forms import VOLUMES, form_of, load_form

    config, out = dict(snakemake.params.cohort), Path(snakemake.output[0])
    if form_of(config) == VOLUMES:
        from mlmi2023.cohorts.find.label_names import label_names
        from mlmi2023.preprocessing.qc import make_qc

        folders = [Path(p) for p in snakemake.input]
        steps = {step: [f for f in folders if f.parent.name == step] for step in snakemake.params.steps}
        names = label_names(config, Path(snakemake.params.root))
        make_qc(snakemake.params.records, steps, names, out, snakemake.threads)
    else:
        from mlmi2023.core.files import atomic
        from mlmi2023.preprocessing.doubts import doubts_of, write_doubts

        form, packed = load_form(form_of(config)), Path(snakemake.input[0])
        with atomic(out) as part:
            part.mkdir()
            form.draw_samples(packed, part / "samples.png")
            write_doubts(part, doubts_of(form, config, Path(snakemake.params.root), packed))
