"""Studies of devices and noise whose results stand in docs/design/quantum-devices.md: slow, seeded, run by hand."""
