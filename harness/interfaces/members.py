"""Whether an object has what a protocol asks for, itself or by delegation."""

from typing import TypeVar

from typing_extensions import TypeIs, get_protocol_members

T = TypeVar("T")


def implements(value: object, protocol: type[T]) -> TypeIs[T]:
    """Return whether an object has every member of a protocol; a method that is None is missing.

    From Python 3.12 on, `isinstance` looks members up statically (`inspect.getattr_static`) and misses those that a
    wrapper passes on by ``__getattr__``. This asks as a caller would, the same on every Python.

    >>> from typing import Protocol
    >>> class Closing(Protocol):
    ...     def close(self) -> None: ...
    >>> class Wrapper:
    ...     def __init__(self, inner): self.inner = inner
    ...     def __getattr__(self, name): return getattr(self.inner, name)
    >>> import io
    >>> implements(Wrapper(io.BytesIO()), Closing), implements(Wrapper(1), Closing)
    (True, False)
    """
    methods = {name: callable(getattr(protocol, name, None)) for name in get_protocol_members(protocol)}
    return all(hasattr(value, name) and not (methods[name] and getattr(value, name) is None) for name in methods)
