"""What federation reacts to. Imported by `ready()`."""

from core import events
from federation import services, training, witnessing

events.on("order.manifest", "federation", services.manifest_answered)
events.on("order.train", "federation", training.train_answered)
events.on("order.evaluate", "federation", training.evaluate_answered)
events.on("order.witness", "federation", witnessing.witness_answered)
