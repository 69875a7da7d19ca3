"""The settings of a `binder_ner` component, checked whenever one is changed: in the config, in code or by a load."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Optional, Union

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from thinc.api import Config

from .config import check_name
from .errors import Errors

Text = Annotated[str, Field(strict=True, min_length=1, pattern=r"\S")]
Flag = Annotated[bool, Field(strict=True)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Fraction = Annotated[Number, Field(ge=0, le=1)]


class Calibration(BaseModel):
    """Scores are sigmoid(scale · margin + bias)."""

    model_config = ConfigDict(extra="forbid")
    scale: Annotated[Number, Field(gt=0)]
    bias: Number


class Example(BaseModel):
    """A span in its sentence: tokens, whether a space follows each, the first token and the one after the last."""

    model_config = ConfigDict(extra="forbid")
    words: Annotated[list[Annotated[str, Field(strict=True, min_length=1)]], Field(min_length=1)]
    spaces: list[Flag]
    start: Annotated[int, Field(strict=True, ge=0)]
    end: Annotated[int, Field(strict=True)]

    @model_validator(mode="after")
    def _check(self) -> Example:
        if len(self.words) != len(self.spaces) or not self.start < self.end <= len(self.words):
            raise ValueError("it has no such tokens")
        return self


Texts = Union[Text, Annotated[list[Text], Field(min_length=1)]]


class Described(BaseModel):
    """What describes a type that has examples."""

    model_config = ConfigDict(extra="forbid")
    description: Texts
    examples: list[Example]


KINDS: dict[str, Any] = {
    "labels": dict[Text, Union[Text, Annotated[list[Text], Field(min_length=1)], Described]],
    "trained": list[Text],
    "spans_key": Text,
    "threshold": Fraction,
    "thresholds": dict[Text, Fraction],
    "calibration": Optional[Calibration],
    "allow_overlap": Flag,
    "joint_inference": Flag,
    "annotate_ents": Flag,
    "window_merge": Literal["best_context", "union"],
    "repeat_weight": Fraction,
    "sample_descriptions": Flag,
}
LOSS_WEIGHTS = dict[Literal["start", "end", "span", "gold", "threshold"], Annotated[Number, Field(ge=0)]]
CHECKS = {setting: TypeAdapter(kind) for setting, kind in {**KINDS, "loss_weights": LOSS_WEIGHTS}.items()}


def check_setting(name: str, setting: str, value: Any) -> None:
    """Check the value of a setting.

    name (str): Name of the component.
    setting (str): A key of `CHECKS`.
    value (Any): The value.
    RAISES (ValueError): If the setting can't have this value.
    """
    try:
        CHECKS[setting].validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = "".join(f"[{part!r}]" for part in first["loc"] if part != "[key]")
        found = {"setting": setting + where, "value": f"{first['input']!r:.60}", "problem": first["msg"]}
        message = Errors.B006.format(name=name, **found)
        raise ValueError(message) from None


def check_keys(name: str, setting: str, given: Mapping[str, Any]) -> None:
    """Check that a config has the keys of a dict as they are. It is a text of lines such as "key = value".

    name (str): Name of the component.
    setting (str): The setting, which may also be set in `cfg`.
    given (Mapping): What a config gives.
    RAISES (ValueError): If a key would be read from the config as another one.
    """
    for key in given:
        try:
            read = Config().from_str(Config({"section": {key: 0}}).to_str())
        except ValueError:
            read = {}
        if read != {"section": {key: 0}}:
            problem = "A config can't have such a key. Set it in code, which is saved too: `nlp.get_pipe(...)"
            found = {
                "setting": setting,
                "value": repr(dict(given)),
                "problem": f"{problem}.cfg['{setting}'] = {{...}}`",
            }
            raise ValueError(Errors.B006.format(name=name, **found))


class ComponentSettings(dict[str, Any]):
    """The `cfg` of a component. Unknown settings and impossible values are refused.

    To change a label or the threshold of one label, set the whole dict. So each prediction sees one state of it.
    """

    def __init__(self, name: str, **settings: Any) -> None:
        """
        name (str): Name of the component, for messages.
        **settings: The settings.
        """
        super().__init__()
        self.name = name
        self.update(settings)

    def __reduce__(self) -> Any:
        return _restore, (self.name, dict(self))

    def __setitem__(self, setting: str, value: Any) -> None:
        self.update({setting: value})

    def __ior__(self, settings: Any) -> ComponentSettings:  # type: ignore[override]
        self.update(settings)
        return self

    def update(self, settings: Mapping[str, Any] = {}, /, **more: Any) -> None:  # type: ignore[override]
        """Change several settings, or none if one is refused.

        settings (Mapping): The settings and their new values, such as those of a saved component.
        RAISES (ValueError): If there is no such setting, or it can't have this value.
        """
        if not isinstance(settings, Mapping):
            found = {"setting": "cfg", "value": f"{settings!r:.60}", "problem": "It has to be a dict"}
            raise ValueError(Errors.B006.format(name=self.name, **found))
        for setting, value in {**settings, **more}.items():
            check_name(f"setting of component '{self.name}'", setting, KINDS)
            check_setting(self.name, setting, value)
        super().update(settings, **more)

    def setdefault(self, setting: str, default: Any = None) -> Any:
        """RETURNS (Any): The value of a setting, which becomes `default` if it has none."""
        if setting not in self:
            self[setting] = default
        return self[setting]


def _restore(name: str, settings: dict[str, Any]) -> ComponentSettings:
    return ComponentSettings(name, **settings)
