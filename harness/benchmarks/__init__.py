"""The benchmarks, for pytest-benchmark: every installed backend, the user's own too. Loaded only where asked for.

From the command line, wherever harness and a plugin are installed::

    pytest --pyargs harness.benchmarks --bench-backend NAME
"""
