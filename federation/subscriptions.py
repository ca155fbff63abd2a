"""What federation reacts to. Imported by `ready()`."""

from core import events
from federation import (  # noqa: F401 - some for their jobs
    aggregation,
    answers,
    contribution_answers,
    contribution_studies,
    contributions,
    feature_studies,
    qkd,
    quantum_running,
    quantum_tasks,
    secure_agreement,
    secure_rounds,
    secure_sums,
    services,
    site_statements,
    training,
    witnessing,
)

events.on("order.manifest", "federation", services.manifest_answered)
events.on("order.train", "federation", answers.train_answered)
events.on("order.evaluate", "federation", answers.evaluate_answered)
events.on("order.qkd_status", "federation", qkd.status_answered)
events.on("order.contribution", "federation", contribution_answers.scored)
events.on("order.feature_summary", "federation", feature_studies.summary_answered)
events.on("order.witness", "federation", witnessing.witness_answered)
for kind in ("secure_keys", "secure_pairs"):
    events.on(f"order.{kind}", "federation", secure_agreement.agreement_answered)
for kind in ("secure_shares", "secure_unmask"):
    events.on(f"order.{kind}", "federation", secure_rounds.answered)
for kind in ("device_submit", "device_poll"):
    events.on(f"order.{kind}", "quantum", quantum_running.order_answered)
events.on("order.device_cancel", "quantum", quantum_tasks.cancel_answered)
events.on("job.dead", "federation", answers.given_up)
events.on("job.dead", "quantum", quantum_running.given_up)
events.on("order.propose", "federation", site_statements.proposal_answered)
events.on("order.train", "opt_outs", site_statements.opt_outs_shown)
events.on("site.approval", "federation", site_statements.approval_told)
events.on("site.opt_out", "federation", site_statements.opt_out_told)
