"""Warm workers: one process of a workflow run has the libraries loaded and forks a child for each job.

Without them, three quarters of the CPU time of a small run goes into importing torch, Lightning, pandas and
matplotlib again for every job. Four processes take part:

- Snakemake starts the server when its first job is to run (:mod:`.start`), and runs each script as ever;
- the script's process, the client (:mod:`.client`), hands script, directory, environment and terminal over
  and waits, so that Snakemake sees the job's own exit status or signal;
- the server (:mod:`.server`) imports what the job's rule needs, once, and forks;
- the child (:mod:`.child`) runs the script.

The server reads end-of-file on its standard input when Snakemake is gone, in whatever way, and ends with all
its children. It has a single thread and has touched no GPU when it forks; where that is not so, and wherever
else a job cannot be handed over, the script's process does the job itself.
"""

# where clients find the server: the path of its socket
SOCKET = "MLMI2023_WARM"
