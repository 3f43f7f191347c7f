"""Sweep: the frozen specification of one search, checked where it is made, before any work.

A sweep says what is searched and within which means; it knows nothing of files (``sweep_file``), of
Optuna or of Ray, and making or refusing one imports neither torch nor any other heavy library.
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import (
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

import spaces
from search import sweep_check as check
from search.problems import refuse
from search.row_check import NAME
from search.sweep_parts import (
    Budget,
    Constraint,
    DataSpec,
    Objective,
    Part,
    Picked,
    SamplerSpec,
    ScheduleSpec,
    Seed,
    Seeds,
    Whole,
    listed,
    named,
)
from search.sweep_ramps import ramp_ends
from search.sweep_resources import Resources
from search.sweep_space import overridden
from spaces import RAMP, Joint, Space
from spaces.core.domains import shown

LATER = ("constraints", "scores", "seeds", "picked")

FIRST_RUNG = 3
"""What divides a trial's steps to give the first rung.

At a ninth, MIG says next to nothing of what it will be at the end, and the best were stopped (``make bench-search``).
"""


class Sweep(Part):
    """One search, wholly specified.

    Raises pydantic's ``ValidationError`` (a ``ValueError``) with every problem.
    """

    name: str = Field(description="what the results will be called, such as first_look")
    methods: Annotated[tuple[str, ...], BeforeValidator(listed)] = Field(
        description="a list of methods, such as [beta_vae, factor_vae]"
    )
    data: Annotated[DataSpec, BeforeValidator(named)] = Field(
        description="a dataset, such as sprites, or its name, options, subset and secondary"
    )
    objectives: Annotated[tuple[Objective, ...], BeforeValidator(listed)] = Field(
        description="a list of metrics, such as [score/mig]"
    )
    constraints: Annotated[tuple[Constraint, ...], BeforeValidator(listed)] = ()
    scores: Annotated[tuple[str, ...], BeforeValidator(listed)] = ()
    budget: Budget = Budget()
    seeds: Seeds = Seeds()
    space: Mapping[str, Any] = {}
    sampler: Annotated[SamplerSpec, BeforeValidator(named)] = SamplerSpec()
    schedule: Annotated[ScheduleSpec, BeforeValidator(named)] = ScheduleSpec()
    resources: Resources = Resources()
    concurrency: Annotated[Whole, Field(ge=1, le=10**5)] | None = None
    storage: str = "results"
    seed: Seed = 0
    report_every: Annotated[Whole, Field(ge=1)] | None = None
    picked: Picked | None = None

    @model_validator(mode="before")
    @classmethod
    def _shorthand(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        value = dict(value)
        for one, many in (("method", "methods"), ("objective", "objectives")):
            if one in value and many not in value:
                value[many] = value.pop(one)
        return value

    @field_validator("name")
    @classmethod
    def _writable(cls, name: str) -> str:
        if not NAME.fullmatch(name):
            raise ValueError(
                f"name is {shown(name)}; it must be 1 to 80 letters, digits, dots, dashes or "
                "underscores, "
                "beginning with a letter or digit (it names a folder, so no path)."
            )
        return name

    @field_validator(*check.PROBLEMS)
    @classmethod
    def _fits(cls, value: Any, info: ValidationInfo) -> Any:
        """Check a field against the fields before it.

        Those that were refused themselves are missing there.
        """
        assert info.field_name is not None
        refuse(check.PROBLEMS[info.field_name](value, info.data))
        return copy.deepcopy(dict(value)) if info.field_name == "space" else value

    @model_serializer(mode="wrap")
    def _short(self, inner: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without what came later and is not used, so that a sweep keeps the identity it always had."""
        one = {"count": 1, "adaptive": False}
        return {k: v for k, v in inner(self).items() if k not in LATER or (v and v != one)}

    def replace(self, **changes: Any) -> Self:
        """This sweep with other fields, checked again."""
        return type(self).model_validate({**self.model_dump(), **changes})

    def spaces(self) -> dict[str, Space]:
        """The space of each method after the overrides."""
        return overridden(self.methods, self.space)[0]

    def search_space(self) -> Space | Joint:
        """What the sampler is given: the one method's space, or the joint one."""
        each = self.spaces()
        return next(iter(each.values())) if len(each) == 1 else spaces.join(each)

    @property
    def rungs(self) -> tuple[int, ...]:
        """The steps at which a trial may be stopped, ascending, all below ``budget.steps``.

        Unless it is said, the first is at a third of the steps; HyperBand, which spares some trials its first, begins
        where the reduction factor squared divides them. None lies before the shortest ramp that a trial may have has
        ended; and where some ramps are longer than the last rung, one lies at the end of the longest, if a tenth of the
        steps is left then.
        """
        steps, spec = self.budget.steps, self.schedule
        if spec.name == "none":
            return ()
        if spec.rungs is not None:
            return spec.rungs
        shortest, longest = ramp_ends(self.spaces(), steps)
        part = spec.reduction_factor**2 if spec.name == "hyperband" else FIRST_RUNG
        rung: float = spec.grace or max(math.ceil(steps / part), shortest)
        if spec.name == "median":
            return tuple(s for s in self._intervals() if rung <= s < steps)
        found = []
        while round(rung) < steps:
            found.append(round(rung))
            rung *= spec.reduction_factor
        if found and found[-1] < longest <= 0.9 * steps:
            found.append(longest)
        return tuple(dict.fromkeys(found))

    @property
    def report_steps(self) -> tuple[int, ...]:
        """The steps at which a trial reports, ascending; the last is ``budget.steps``."""
        return tuple(sorted({*self.rungs, *self._intervals(), self.budget.steps}))

    def _intervals(self) -> range:
        every = self.report_every or max(1, self.budget.steps // 8)
        return range(every, self.budget.steps + 1, every)

    def judged_from(self, config: Mapping[str, Any]) -> int:
        """The first step at which early stopping may judge a configuration.

        The end of its longest ramp, or 0.
        """
        lengths = [float(v) for k, v in config.items() if k.endswith(RAMP)]
        return max((max(1, round(length * self.budget.steps)) for length in lengths), default=0)

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits of the sha256 of the name and all that makes a trial.

        Not part of it: storage, concurrency, resources, and how many trials, seconds or bytes there are,
        so that a sweep keeps its identity when it moves or is extended.
        """
        said = self.model_dump(
            mode="json",
            exclude={
                "storage": True,
                "concurrency": True,
                "resources": True,
                "budget": {"trials", "wall_time", "disk"},
            },
        )
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:12]
