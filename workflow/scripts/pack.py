from mlmi2023.engine.scripting import logged

with logged(snakemake):
    from pathlib import Path

    from mlmi2023.cohorts.forms import VOLUMES, form_of, load_form
    from mlmi2023.cohorts.seal import stamp

    config, root = dict(snakemake.params.cohort), Path(snakemake.params.root)
    name, out = snakemake.wildcards.cohort, Path(snakemake.output[0])
    if form_of(config) == VOLUMES:
        from mlmi2023.cohorts.find.label_names import label_names
        from mlmi2023.cohorts.forms.volumes.reader import pack

        pack([Path(p) for p in snakemake.input], label_names(config, root), out, name)
    else:
        load_form(form_of(config)).pack(config, root, out, name)
    stamp(out)
