"""A workflow that is over ends at once."""

import threading


def drop_timers_at_the_end() -> None:
    """Cancel what is still to happen later, once the main thread is done.

    After every look at its queue Snakemake plans another one (in the ``max-jobs-per-timespan`` of the
    default profile), and Python waits for such timers before it ends the process.
    """
    threading.Thread(target=_wait_and_drop, daemon=True).start()


def _wait_and_drop() -> None:
    threading.main_thread().join()
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.cancel()
