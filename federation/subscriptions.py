"""What federation reacts to. Imported by `ready()`."""

from core import events
from federation import contributions, qkd, quantum_running, services, training, witnessing  # noqa: F401 - jobs

events.on("order.manifest", "federation", services.manifest_answered)
events.on("order.train", "federation", training.train_answered)
events.on("order.evaluate", "federation", training.evaluate_answered)
events.on("order.qkd_status", "federation", qkd.status_answered)
events.on("order.witness", "federation", witnessing.witness_answered)
for kind in ("device_submit", "device_poll"):
    events.on(f"order.{kind}", "quantum", quantum_running.order_answered)
events.on("job.dead", "quantum", quantum_running.given_up)
