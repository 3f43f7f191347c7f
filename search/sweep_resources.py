"""The part of a sweep that says what a trial takes of the machine, and how it uses it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from search.problems import unknown
from search.sweep_parts import Number, Part
from spaces.core.domains import shown
from trainables.core.attempt import COMPILE, PRECISIONS

KNOWN = {"precision": ("precision", PRECISIONS), "compile": ("compile setting", COMPILE)}


class Resources(Part):
    """What one trial takes of the machine; several trials share a GPU by fractions of it.

    ``gpu: auto`` is measured before the sweep begins (``search.probe``), and recorded as the number that was found.
    """

    cpu: Annotated[Number, Field(ge=0)] = 1.0
    gpu: Annotated[Number, Field(ge=0)] | Literal["auto"] = 0.0
    precision: str = "auto"
    """In what networks compute while they train; ``auto`` is what is fast on the machine."""
    compile: str = "auto"
    """Whether convolutional networks are compiled; ``auto`` compiles where a trial is long enough."""

    @property
    def gpus(self) -> float:
        """How many GPUs a trial takes; the whole of one until ``auto`` is measured."""
        return 1.0 if self.gpu == "auto" else self.gpu

    @field_validator("gpu", mode="before")
    @classmethod
    def _worded(cls, gpu: Any) -> Any:
        if isinstance(gpu, str) and gpu != "auto":
            raise ValueError(f"gpu is {shown(gpu)}; it must be a number, such as 0.25, or auto, which measures it.")
        return gpu

    @field_validator("gpu")
    @classmethod
    def _divisible(cls, gpu: float | str) -> float | str:
        if not isinstance(gpu, str) and gpu > 1 and not gpu.is_integer():
            raise ValueError(f"{gpu:g} GPUs cannot be given to a trial: a fraction up to 1, or 1, 2, 3, ...")
        return gpu

    @field_validator("precision", "compile")
    @classmethod
    def _known(cls, word: str, info: ValidationInfo) -> str:
        kind, known = KNOWN[str(info.field_name)]
        if word not in known:
            raise ValueError(unknown(kind, word, known))
        return word
