"""The commands, one file each: a file `verb` has a function, or a typer application of several, named `verb`."""
