"""Shows how far a run is: HTML in a notebook, a live picture on a terminal, lines elsewhere.

Beside the command line, the only room that writes to standard error, and only for a caller who asks for it.
"""
