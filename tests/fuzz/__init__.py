"""Seeded fuzzers: what a stranger, a disk or a slip of the editor may hand the command line.

python -m tests.fuzz suites 17               # one mutation, with all that was said
python -m tests.fuzz stored --count 500      # mutations 0 … 499; --first sets where they begin
"""
