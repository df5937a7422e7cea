"""Nothing of it is in use."""

__all__: list[str] = []


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return lambda *_args, **_keys: (_ for _ in ()).throw(NotImplementedError(name))
