"""Checks the options that a suite gives to a component against its factory's keywords."""

import inspect
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from harness.errors import HarnessError, nearest, one_line, printable, shown
from harness.machine.paths import absolute
from harness.plugins.components import Component
from harness.plugins.foreign import foreign
from harness.settings import misfit


@dataclass(frozen=True)
class ComponentSpec:
    """A component as a suite asks for it: its name, its options, and the folder against which paths resolve."""

    name: str
    options: Mapping[str, Any]
    directory: Path


class OptionError(HarnessError):
    """An option that a component does not accept: ``key`` is the option, ``what`` the reason."""

    def __init__(self, key: str, what: str) -> None:
        super().__init__(f"{key}: {what}")
        self.key = key
        self.what = what


def build(
    component: Component,
    options: Mapping[str, Any],
    directory: Path,
    beside: Iterable[str] = (),
    given: Mapping[str, Any] | None = None,
) -> Any:
    """Call the component's factory with the options, and return the result.

    The annotations of the keywords are enforced; a `pathlib.Path` is resolved against ``directory``. ``beside``: the
    keys that every component's table has, which a misspelt option may have been meant for. ``given``: keywords of the
    factory that are no options.

    Raises:
        OptionError: an option is unknown or missing, has a wrong type, or the factory refuses it with a ``ValueError``
            whose text is ``option: reason``.
        HarnessError: the component cannot be imported, the keywords of its factory cannot be read, or it raises another
            error.
    """
    given = given or {}
    values = checked(component, options, directory, beside, given)
    factory = component.load()
    try:
        with foreign():
            return factory(**given, **values)
    except ValueError as error:
        text = printable(str(error))
        key, _, what = text.partition(": ")
        known = _model(factory)[0] - given.keys()
        raise (OptionError(key, what) if key in known else OptionError("name", text)) from None
    except HarnessError:
        raise
    except Exception as error:
        msg = f"{component.spoken}: {one_line(error)}"
        raise HarnessError(msg) from error


def checked(
    component: Component,
    options: Mapping[str, Any],
    directory: Path,
    beside: Iterable[str] = (),
    given: Collection[str] = (),
) -> dict[str, Any]:
    """Return the options as `build` gives them to the factory, ``given`` being the names of what else it gets.

    Raises:
        OptionError: an option is unknown or missing, or has a wrong type.
        HarnessError: the component cannot be imported, or the keywords of its factory cannot be read.
    """
    factory = component.load()
    try:
        keywords, model = _model(factory, frozenset(given))
    except Exception as error:
        msg = f"{component.spoken}: the keywords of its factory cannot be read: {one_line(error)}"
        raise HarnessError(msg) from error
    for key in options:
        if key not in keywords:
            known = nearest(key, [*beside, *sorted(keywords)])
            what = f"{component.kind} {component.name!r} has no such option. {known}"
            raise OptionError(key, what)
    try:
        # As JSON, strictly: an array may become a tuple and a text a path, but a text does not become a number.
        values = model.model_validate_json(json.dumps(options, default=str), strict=True)
    except ValidationError as error:
        items = error.errors(include_url=False)
        item = items[0]
        if item["type"] == "missing" and len(item["loc"]) > 1:  # an element of a tuple
            lacking = sum(other["loc"][0] == item["loc"][0] and other["type"] == "missing" for other in items)
            elements = options[str(item["loc"][0])]
            what = f"{shown(elements)} has {len(elements)} of the {len(elements) + lacking} values that it needs"
        elif item["type"] == "missing":
            what = f"is missing, and {component.kind} {component.name!r} needs it"
        else:
            # JSON has dates and other values of TOML as text.
            given_as_is = {} if len(item["loc"]) > 1 else {"input": options[str(item["loc"][0])]}
            what = misfit({**item, **given_as_is}, str(item["loc"][0]), listed=len(item["loc"]) > 1)
        raise OptionError(str(item["loc"][0]), what) from None
    return {key: _resolve(key, getattr(values, key), directory) for key in options}


def setting(component: Component, options: Mapping[str, Any], key: str) -> Any:
    """Return an option that `build` accepts: the given value, or the factory's default; None if there is neither."""
    _, model = _model(component.load())
    return options.get(key, model.model_fields[key].default if key in model.model_fields else None)


def located(component: Component, options: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return the options by which a component finds its files in a folder: its ``directory``, if it takes one.

    Otherwise the paths among its options: relative ones in the folder, absolute ones by their names.

    Raises:
        HarnessError: as `checked` does.
    """
    if "directory" in _model(component.load())[0]:
        return {"directory": str(folder)}
    values = checked(component, options, folder)

    def within(given: Any) -> Any:
        if isinstance(given, list):
            return [within(each) for each in given]
        path = Path(given).expanduser()
        return str(folder / (path.name if path.is_absolute() else path))

    paths = {
        key: within(options[key])
        for key, value in values.items()
        if all(isinstance(each, Path) for each in (value if isinstance(value, list) else [value]))
    }
    return paths or {"directory": str(folder)}


@cache
def _model(factory: Any, given: frozenset[str] = frozenset()) -> tuple[frozenset[str], type[BaseModel]]:
    """Return the names of a factory's keywords but for ``given``, and a model that checks them by their annotations."""
    with foreign():
        hints = get_type_hints(_annotated(factory), include_extras=True)  # Annotated[int, Field(ge=1)] says a range
        fields: dict[str, Any] = {}
        for name, parameter in inspect.signature(factory).parameters.items():
            if name in given or parameter.kind in {parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL}:
                continue
            default = Field(...) if parameter.default is parameter.empty else parameter.default
            fields[name] = (hints.get(name, Any), default)
        settings = ConfigDict(arbitrary_types_allowed=True, allow_inf_nan=False)
        return frozenset(fields), create_model("Options", __config__=settings, **fields)


def _annotated(factory: Any) -> Any:
    """Return the function that a call of the factory reaches, whose annotations are those of the keywords."""
    while isinstance(factory, partial):
        factory = factory.func
    if inspect.isclass(factory):
        return factory.__init__
    return factory if inspect.isroutine(factory) else type(factory).__call__


def _resolve(key: str, value: Any, directory: Path) -> Any:
    if isinstance(value, Path):
        try:
            return absolute(value, directory)
        except HarnessError as error:
            raise OptionError(key, str(error)) from None
    if isinstance(value, list):
        return [_resolve(key, item, directory) for item in value]
    return value
