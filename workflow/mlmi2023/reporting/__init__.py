"""From the tidy metrics file to tables, claims, figures and pages; the same for every paper.

``metrics`` (the tidy file) and ``reported`` (what the paper prints) come in; ``grammar`` and ``resolve`` read
a claim's check, ``samples`` picks its values, ``statistics`` gives effect, interval and p, ``claims`` the
verdict; ``tables`` sets ours beside the paper's and looks at the controls; ``plots``, ``page`` and
``overview`` show it.
"""
