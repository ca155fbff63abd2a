"""The part `device` of a run's configuration: what the device for which a circuit is trained must have shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from federation.domain.quantum.devices import DEVICES, DeviceSpec
from federation.domain.quantum.noise import NoiseModel
from federation.domain.quantum.spec import SpecError, noise_of

VOLUMES = tuple(2**n for n in range(2, 7))  # 4 to 64: the largest that the heavy-output test is made for here


@dataclass(frozen=True)
class DeviceRequirement:
    """The run starts only if this quantum volume of the device was measured and confirmed shortly before.

    Attributes
    ----------
    name : str
        Of the device, in the registry: a machine, or a simulator under the noise that the circuit is trained under.
    quantum_volume : int, 4 to 64, a power of 2
        The least one, confirmed by the heavy-output test: the lower bound of its share is above 2/3 [1]_.

    References
    ----------
    .. [1] A. W. Cross et al., Validating quantum computers using randomized model circuits, Phys. Rev. A 100, 032328
       (2019).
    """

    name: str
    quantum_volume: int

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or self.name not in DEVICES:
            raise SpecError(
                "device", "expected a device among %(known)s, got %(got)s", known=", ".join(DEVICES),
                got=repr(self.name),
            )  # fmt: skip
        if type(self.quantum_volume) is not int or self.quantum_volume not in VOLUMES:
            raise SpecError(
                "quantum_volume", "expected a quantum volume among %(known)s, got %(got)s",
                known=", ".join(map(str, VOLUMES)), got=repr(self.quantum_volume),
            )  # fmt: skip

    @property
    def device(self) -> DeviceSpec:
        return DEVICES[self.name]

    def noise_of(self, spec: Mapping[str, Any]) -> NoiseModel | None:
        """The noise model under which the volume must have been measured; None: the machine's own noise."""
        return noise_of(spec) if self.device.noise else None

    def check_fits(self, spec: Mapping[str, Any], *, on_devices: bool) -> None:
        """Raise SpecError unless it says something of this model.

        Parameters
        ----------
        spec : mapping
            Of the quantum model.
        on_devices : bool
            Can its circuit be ordered on a device?
        """
        if not on_devices:
            raise SpecError(
                "device", "expected no required device, got %(got)s: the circuit of this kind of model runs on no "
                "device here", got=self.name,
            )  # fmt: skip
        if self.device.subject(self.noise_of(spec)) == "noiseless simulator":
            raise SpecError(
                "device", "expected a machine, or a simulator under the noise that the circuit is trained under, got "
                "%(got)s without noise: every quantum volume is reached there", got=self.name,
            )  # fmt: skip

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> DeviceRequirement:
        """Read what `as_dict` wrote. Raises SpecError on anything else."""
        names = [f.name for f in fields(cls)]
        if set(raw) != set(names):
            raise SpecError(
                "device", "expected of a device its %(known)s, got %(got)s", known=" and ".join(names),
                got=", ".join(sorted(map(str, raw))) or "nothing",
            )  # fmt: skip
        return cls(**raw)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def requirement_of(config: Mapping[str, Any]) -> DeviceRequirement | None:
    """What a frozen configuration requires of a device, as it stands in an order; None: nothing."""
    part = config.get("device")
    return None if part is None else DeviceRequirement.from_dict(part)
