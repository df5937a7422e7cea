"""Tables of an experiment that name a plugin's component, and have its options."""

from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict

from harness.settings import Name, Positive, Table


class ComponentTable(Table):
    """A table that names a plugin's component; its other keys are that component's options."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    name: Name

    @property
    def options(self) -> dict[str, Any]:
        """The component's options."""
        return dict(self.model_extra or {})


class OptimizerTable(ComponentTable):
    """``optimizer``: the update rule, the learning rate that schedules start from, and the rule's options."""

    learning_rate: Positive


def _named(value: Any) -> Any:
    """Return the table that a name alone means."""
    return {"name": value} if isinstance(value, str) else value


class BackendTable(ComponentTable):
    """``backend`` with options: its name, and the options of its factory."""


class ModelTable(ComponentTable):
    """``model``: what makes the network's layers, and its options."""


class LossTable(ComponentTable):
    """``loss``: what training minimises, by its name alone or a table with the loss's options."""


NamedLoss = Annotated[LossTable, BeforeValidator(_named, json_schema_input_type=Name | LossTable)]
NamedModel = Annotated[ModelTable, BeforeValidator(_named, json_schema_input_type=Name | ModelTable)]
CROSS_ENTROPY = LossTable(name="cross_entropy")
