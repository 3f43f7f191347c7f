"""The parts of a sweep: dataset, objectives, constraints, budget, seeds, sampler, schedule."""

from __future__ import annotations

import copy
import dataclasses
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

from search import sweep_data as check
from search.problems import refuse, unknown
from search.row_check import NAME
from spaces.core.domains import shown
from trainables.core.conditions import CONDITIONS
from trainables.core.subset import Subset

SAMPLERS = ("tpe", "gp", "cmaes", "qmc", "nsga2", "random")
SCHEDULES = ("asha", "hyperband", "median", "none")
MOST = 5
"""Seeds that ``seeds: adaptive`` gives a promising configuration."""
SIZE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) ?([kKMGT]B)")
UNITS = {"KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}
DURATION = re.compile(r"(?:([\d.]+)d)?(?:([\d.]+)h)?(?:([\d.]+)m)?(?:([\d.]+)s)?")


def _whole(value: Any) -> int:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise PydanticCustomError("int_type", "a whole number")
    return value


def _seconds(value: Any) -> Any:
    """``"2h30m"`` as seconds; numbers are seconds already."""
    if not isinstance(value, str):
        return value
    match = DURATION.fullmatch(value) if value else None
    try:
        if match is None:
            raise ValueError(value)
        return sum(float(n) * s for n, s in zip(match.groups(), (86400, 3600, 60, 1), strict=True) if n)
    except ValueError:
        raise ValueError(f"{shown(value)} is no wall time; write 90s, 6m, 2h30m or seconds.") from None


def _bytes(value: Any) -> Any:
    """``"20GB"`` as bytes."""
    match = SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    # What was recorded is a number of bytes; who writes a small one means another unit.
    if value is not None and not (match or (isinstance(value, float) and value >= UNITS["KB"])):
        raise ValueError(f"{shown(value)} is no size; write 500MB, 20GB or 1.5TB.")
    return float(match[1]) * UNITS[match[2].upper()] if match else value


def named(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


def listed(value: Any) -> Any:
    return (value,) if isinstance(value, (str, Mapping, BaseModel)) else value


Whole = Annotated[int, BeforeValidator(_whole)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Seed = Annotated[Whole, Field(ge=0, le=2**32 - 1)]


class Part(BaseModel):
    """Frozen; unknown keys are refused; defaults are checked like anything else."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, revalidate_instances="always")


class DataSpec(Part):
    """A dataset, its options, which of its images are used, and a second dataset beside it."""

    name: str = Field(description="the name of a dataset")
    options: Mapping[str, Any] = {}
    subset: Mapping[str, Any] = {}
    secondary: Annotated[DataSpec | None, BeforeValidator(named)] = None

    @field_validator("name")
    @classmethod
    def _exists(cls, name: str) -> str:
        return check.dataset(name)

    @field_validator("options")
    @classmethod
    def _possible(cls, options: Mapping[str, Any], info: ValidationInfo) -> Mapping[str, Any]:
        if "name" in info.data:
            refuse(check.options_problems(info.data["name"], options))
        return copy.deepcopy(dict(options))

    @field_validator("subset")
    @classmethod
    def _subset(cls, subset: Mapping[str, Any], info: ValidationInfo) -> Mapping[str, Any]:
        """Only what differs from the whole dataset, so that one meaning has one identity."""
        subset = {k: int(v) if isinstance(v, float) and v.is_integer() else v for k, v in subset.items()}
        if not {"name", "options"} <= set(info.data):
            return subset
        refuse(check.subset_problems(info.data["name"], info.data["options"], subset))
        whole = dataclasses.asdict(Subset())
        return {k: v for k, v in dataclasses.asdict(Subset(**subset)).items() if v != whole[k]}

    @field_validator("secondary")
    @classmethod
    def _single(cls, secondary: DataSpec | None) -> DataSpec | None:
        if secondary is not None and secondary.secondary is not None:
            raise ValueError("a second dataset has no secondary of its own; two datasets are all that a method takes.")
        return secondary

    @model_serializer(mode="wrap")
    def _short(self, inner: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without what is not used, so that sweeps of one whole dataset are written as they always were."""
        return {k: v for k, v in inner(self).items() if k in ("name", "options") or v}


class Objective(Part):
    """A metric and where it should go; without a direction, the metric's natural one.

    ``over_seeds`` says how its values under several seeds become one: ``replicates.over_seeds``.
    """

    metric: str = Field(description="the name of a metric, such as score/mig")
    direction: Literal["maximize", "minimize"]
    over_seeds: Literal["mean", "median", "lower_bound"] = "mean"

    @model_validator(mode="before")
    @classmethod
    def _natural(cls, value: Any) -> Any:
        value = {"metric": value} if isinstance(value, str) else value
        if isinstance(value, Mapping) and "direction" not in value:
            known = check.metrics().get(str(value.get("metric")))
            return {**value, "direction": known.direction if known else "maximize"}
        return value

    @model_serializer(mode="wrap")
    def _short(self, inner: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without the plain mean, so that sweeps of one seed are written as they always were."""
        return {k: v for k, v in inner(self).items() if (k, v) != ("over_seeds", "mean")}

    @field_validator("metric")
    @classmethod
    def _exists(cls, metric: str) -> str:
        if metric not in check.metrics():
            raise ValueError(unknown("metric", metric, check.metrics()))
        return metric


class Constraint(Part):
    """A failure condition that a configuration must not meet; ``at_most`` is its own limit when left out."""

    condition: str = Field(description="the name of a failure condition, such as collapsed")
    at_most: Number

    @model_validator(mode="before")
    @classmethod
    def _own_limit(cls, value: Any) -> Any:
        value = {"condition": value} if isinstance(value, str) else value
        if isinstance(value, Mapping) and "at_most" not in value:
            known = CONDITIONS.get(str(value.get("condition")))
            return {**value, "at_most": known.limit if known else 0.0}
        return value

    @field_validator("condition")
    @classmethod
    def _exists(cls, name: str) -> str:
        if name not in CONDITIONS:
            raise ValueError(unknown("condition", name, CONDITIONS))
        return name


class Seeds(Part):
    """How many seeds a configuration is trained under: ``count`` at once, or ``adaptive``, one and more if promising.

    The seeds are the sweep's own, the next one, and so on: replicate r of every configuration has the same.
    """

    count: Annotated[Whole, Field(ge=1, le=100)] = 1
    adaptive: bool = False

    @model_validator(mode="before")
    @classmethod
    def _shorthand(cls, value: Any) -> Any:
        if value == "adaptive":
            return {"count": MOST, "adaptive": True}
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return {"count": value}
        if not isinstance(value, (Mapping, Seeds)):
            raise ValueError(
                f"seeds is {shown(value)}; it must be how many, the word adaptive, or both, such as "
                "{count: 5, adaptive: true}."
            )
        return value

    @model_validator(mode="after")
    def _several(self) -> Self:
        if self.adaptive and self.count < 2:
            raise ValueError(
                f"seeds: adaptive gives promising configurations up to `count` seeds, and count is {self.count}."
            )
        return self


class Picked(Part):
    """Which trial of which sweep this one trains for good, on train and validation images, measured on test images."""

    sweep: str
    trial: Annotated[Whole, Field(ge=0)]

    @field_validator("sweep")
    @classmethod
    def _named(cls, name: str) -> str:
        """It names an experiment and a folder of MLflow."""
        if not NAME.fullmatch(name):
            raise ValueError(f"picked.sweep is {shown(name)}, and no sweep can be called that.")
        return name


class Budget(Part):
    """When the search ends.

    After ``trials`` trials of ``steps`` steps, or ``wall_time`` seconds, whichever is first. The weights of complete
    trials take ``disk`` bytes at most: those of the best ranked stay, and every trial's reports and pictures.
    """

    trials: Annotated[Whole, Field(ge=1, le=10**6)] = 32
    steps: Annotated[Whole, Field(ge=1, le=10**9)] = 2000
    wall_time: Annotated[Annotated[Number, Field(gt=0)] | None, BeforeValidator(_seconds)] = None
    disk: Annotated[Annotated[Number, Field(gt=0)] | None, BeforeValidator(_bytes)] = None


class SamplerSpec(Part):
    """Who suggests, from which seed, after how many random first trials (``None``.

    The sampler's own number).
    """

    name: str = "tpe"
    seed: Seed = 0
    startup: Annotated[Whole, Field(ge=1)] | None = None

    @field_validator("name")
    @classmethod
    def _exists(cls, name: str) -> str:
        if name not in SAMPLERS:
            raise ValueError(unknown("sampler", name, SAMPLERS))
        return name


class ScheduleSpec(Part):
    """Who stops a trial early, and at which steps.

    ``rungs``, or ``grace`` times powers of ``reduction_factor``.
    """

    name: str = "asha"
    rungs: tuple[Annotated[Whole, Field(ge=1)], ...] | None = None
    reduction_factor: Annotated[Number, Field(ge=1.5)] = 3.0
    grace: Annotated[Whole, Field(ge=1)] | None = None

    @field_validator("name")
    @classmethod
    def _exists(cls, name: str) -> str:
        if name not in SCHEDULES:
            raise ValueError(unknown("schedule", name, SCHEDULES))
        return name
