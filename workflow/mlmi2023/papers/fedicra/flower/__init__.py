"""The federation with one process a site, joined by Flower over loopback.

    pip install -r envs/flower.txt
    python -m mlmi2023.papers.fedicra.flower <train.json> --data <packed cohort> --out <folder>

``train.json`` is what a training in one process has left: it says what is trained, and its weights lie beside
it. The same :class:`~mlmi2023.papers.fedicra.client.Client` runs in every process and draws the same samples,
so that with the same number of threads the global weights are the same, which is checked. A site trains on
its own images alone.

========  ===============================================================
site      a client's process: rounds of its :class:`Client`, by Flower's messages
strategy  the server's: messages for each site, averages, bytes
launch    starts all of them, and compares
========  ===============================================================

Flower 1.42 calls ``start_server`` and ``start_client`` deprecated in favour of its SuperLink, which needs an
installed app and more processes. They are what is used here; its telemetry is switched off.
"""
