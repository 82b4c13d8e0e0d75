"""Claims: the language of their checks, the statistics behind them, and verdicts."""
