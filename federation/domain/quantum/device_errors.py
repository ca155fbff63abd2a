"""Why a device was refused: one type per reason, so that a page can offer the remedy that fits."""

from __future__ import annotations


class DeviceError(Exception):
    """A circuit that will not be run as asked. The message says what was expected, what came and what to do."""

    def __init__(self, device: str, *, expected: str, got: str, remedy: str) -> None:
        self.device, self.expected, self.got, self.remedy = device, expected, got, remedy
        super().__init__(f"{device}: expected {expected}, got {got}. {remedy}")


class UnknownDevice(DeviceError):
    """No device of the registry has this name."""


class ExtraNotInstalled(DeviceError):
    """The packages of the optional extra `requirements-hardware.txt` are missing."""


class MissingCredentials(DeviceError):
    """The environment of the process lacks a variable that the provider's client needs."""


class TooManyQubits(DeviceError):
    """More qubits than the device has, or than memory holds when they are simulated."""


class ShotsRefused(DeviceError):
    """Too many shots, or none where the device can only sample."""


class ConsentMissing(DeviceError):
    """Encoded features would leave the house, and the site has not consented to exactly this device."""


class UnsupportedOption(DeviceError):
    """The device cannot do what is asked of it: a noise model on a noiseless device, a local run of a cloud device."""


class UnusableCircuit(DeviceError):
    """A gate, an angle or a measurement that the device cannot run."""
