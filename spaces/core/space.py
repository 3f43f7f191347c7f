"""A space: the domains of one method under their conditions.

A joint: several methods in one conditional space.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from spaces.core.domains import Choice, Domain, Float, Int, Ramp, nearest

RAMP = "_ramp"
"""Suffix of the configuration key that holds a ramp's length."""


class Space:
    """What may be tried for one method: a domain for each hyperparameter.  Immutable.

    A domain's ``when={"form": ("beta",)}`` makes it active only where the named hyperparameter,
    declared before it, is active and has one of these values.
    """

    def __init__(self, **domains: Domain | Ramp) -> None:
        self._fields = tuple(domains)
        self._flat: dict[str, Domain] = {}
        for name, domain in domains.items():
            assert not name.endswith(RAMP), f"{name}: the suffix {RAMP} is kept for ramps"
            if isinstance(domain, Ramp):
                length = replace(domain.length, above=0.0, most=1.0, when=domain.when)
                self._flat[name] = replace(domain.end, when=domain.when)
                self._flat[name + RAMP] = length
            else:
                self._flat[name] = domain
            for parent, values in (domain.when or {}).items():
                other = self._flat.get(parent)
                assert parent != name and isinstance(other, Choice), (
                    f"{name} depends on {parent}, which must be a Choice declared before it"
                )
                assert set(values) <= set(other.possible), f"{name} waits for a value {parent} never has"

    @property
    def fields(self) -> tuple[str, ...]:
        """The hyperparameters' names: the fields of the method's ``Hyperparameters``."""
        return self._fields

    @property
    def domains(self) -> Mapping[str, Domain]:
        """The domain of each configuration key; a ramp is two keys."""
        return dict(self._flat)

    @property
    def searched(self) -> tuple[str, ...]:
        """The configuration keys that are free, at least in some trials."""
        return tuple(k for k, d in self._flat.items() if d.fixed is None and not self.dormant(k))

    @property
    def shared(self) -> tuple[str, ...]:
        """The free configuration keys that every trial has, whatever the others are."""
        return tuple(key for key in self.searched if self.certain(key))

    def suggest(self, trial: Any, prefix: str = "") -> dict[str, Any]:
        """A configuration from an Optuna trial (or anything like one), fixed values included.

        Hyperparameters that are inactive in it are left out. Optuna's names are ``prefix`` + key.
        """
        config: dict[str, Any] = {}
        for key, domain in self._flat.items():
            if self._active(domain, config):
                free = domain.fixed is None
                config[key] = domain.suggest(trial, prefix + key) if free else domain.fixed
        return config

    def to_tune(self) -> dict[str, Any]:
        """The same space for Ray Tune's ``param_space``.

        Ray knows no conditions: a hyperparameter that is inactive in one trial is drawn there and
        not read.
        """
        return {
            key: domain.to_tune() if domain.fixed is None else domain.fixed
            for key, domain in self._flat.items()
            if not self.dormant(key)
        }

    def override(self, changes: Mapping[str, Any]) -> Space:
        """This space with a sweep's wishes.  Raises ``ValueError`` naming the key.

        ``gamma: 6.4`` fixes; ``gamma: {low:, high:, log:}`` narrows or widens; ``gamma: [1, 10]``
        lists the values; ``network: [burgess, mlp]`` sets the options; ``batch_size: search`` opens
        what is fixed by default.
        """
        changed = dict(self._flat)
        for key, value in changes.items():
            self._known(key)
            try:
                changed[key] = changed[key].change(value)
            except ValueError as error:
                raise ValueError(f"{key}: {error}") from None
        space = Space()
        space._fields, space._flat = self._fields, changed
        return space

    def check(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """``config`` (whole or in part) in the domains' types.

        Raises ``ValueError`` for an unknown key or an impossible value; a value outside the
        searched range is fine.
        """
        checked = {}
        for key, value in config.items():
            self._known(key)
            try:
                checked[key] = self._flat[key].check(value)
            except ValueError as error:
                raise ValueError(f"{key}: {error}") from None
        return checked

    def dormant(self, key: str) -> str:
        """Why ``key`` can be active in no trial, or the empty string where it can."""
        for parent, values in (self._flat[key].when or {}).items():
            if reason := self.dormant(parent):
                return reason
            fixed = self._flat[parent].fixed
            tried = self._flat[parent].options if fixed is None else (fixed,)
            if not set(tried or ()) & set(values):
                wanted = " or ".join(str(value) for value in values)
                return (
                    f"{key} is read only where {parent} is {wanted}, and here {parent} is "
                    f"{' or '.join(map(str, tried or ()))}"
                )
        return ""

    def certain(self, key: str) -> bool:
        """Whether ``key`` is active in every trial."""
        for parent, values in (self._flat[key].when or {}).items():
            fixed = self._flat[parent].fixed
            tried = self._flat[parent].options if fixed is None else (fixed,)
            if not set(tried or ()) <= set(values) or not self.certain(parent):
                return False
        return True

    def _known(self, key: str) -> None:
        if key not in self._flat:
            known = tuple(self._flat)
            raise ValueError(f"unknown hyperparameter {key!r}; there are {', '.join(known)}" + nearest(str(key), known))

    @staticmethod
    def _active(domain: Domain, config: Mapping[str, Any]) -> bool:
        return all(parent in config and config[parent] in values for parent, values in (domain.when or {}).items())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Space) and self._flat == other._flat

    def __hash__(self) -> int:
        return hash(tuple(self._flat))

    def __repr__(self) -> str:
        return f"Space({', '.join(f'{k}={d!r}' for k, d in self._flat.items())})"


class Joint:
    """The spaces of several methods as one conditional space, whose first choice is the method.

    Immutable.
    """

    def __init__(self, spaces: Mapping[str, Space]) -> None:
        assert spaces, "a joint space needs methods"
        self.spaces: Mapping[str, Space] = dict(spaces)

    @property
    def searched(self) -> tuple[str, ...]:
        """Optuna's names of what is free: ``method``, ``beta_vae.beta``, ..."""
        inner = (f"{name}.{key}" for name, space in self.spaces.items() for key in space.searched)
        return ("method", *inner)

    @property
    def shared(self) -> tuple[str, ...]:
        """What every trial has: the method alone."""
        return ("method",)

    def suggest(self, trial: Any) -> dict[str, Any]:
        """``{"method": name, **configuration}`` from an Optuna trial.

        Other methods' parameters are not asked for.
        """
        name = trial.suggest_categorical("method", tuple(self.spaces))
        return {"method": name, **self.spaces[name].suggest(trial, prefix=f"{name}.")}

    def to_tune(self) -> dict[str, Any]:
        """For Ray Tune: ``method`` and every method's keys with its name before them.

        The chosen method's are read.
        """
        from ray import tune

        domains: dict[str, Any] = {"method": tune.choice(list(self.spaces))}
        for name, space in self.spaces.items():
            domains |= {f"{name}.{key}": domain for key, domain in space.to_tune().items()}
        return domains


__all__ = ["RAMP", "Choice", "Domain", "Float", "Int", "Joint", "Ramp", "Space"]
