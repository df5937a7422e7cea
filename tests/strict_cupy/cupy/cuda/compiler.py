"""The compiler's error."""


class CompileException(Exception):  # noqa: N818 - CuPy's name
    """What the compiler said of a source."""

    def __init__(self, msg, source, name, options, backend="nvrtc"):
        super().__init__(msg)
        self._msg, self.source, self.name, self.options, self.backend = msg, source, name, options, backend

    def __str__(self):
        return self._msg
