"""Flower's SecAgg+ in one process, for another Python: a line of input asks for a round, and is answered in seconds.

Run by `round.py` with the Python of an environment that has flwr (FLWR_PYTHON). Nothing is sent over a network and no
process is started, which in Flower's own deployment costs seconds: only its protocol, messages and strategy are timed.
"""

from __future__ import annotations

import copy
import logging
import os
import sys
import time

os.environ["FLWR_TELEMETRY_ENABLED"], os.environ["FLWR_DISABLE_UPDATE_CHECK"] = "0", "1"

import flwr
import numpy as np
from flwr.client import ClientApp, NumPyClient
from flwr.client.mod import secaggplus_mod
from flwr.common import ArrayRecord, ConfigRecord, Context, RecordDict
from flwr.server import LegacyContext, ServerConfig
from flwr.server.compat.grid_client_proxy import GridClientProxy
from flwr.server.strategy import FedAvg
from flwr.server.workflow import SecAggPlusWorkflow
from flwr.server.workflow.constant import MAIN_CONFIGS_RECORD, MAIN_PARAMS_RECORD, Key
from flwr.serverapp import Grid
from flwr.supercore.task_identity import TaskIdentity

SITES, SIZE, THRESHOLD = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
logging.getLogger("flwr").setLevel(logging.ERROR)
TaskIdentity.run_id = TaskIdentity.task_id = TaskIdentity.node_id = 1


class Client(NumPyClient):
    """Trains nothing: its update is there already."""

    def fit(self, parameters, config):
        return [parameters[0] + np.float32(0.01)], 50, {}


APP = ClientApp(client_fn=lambda context: Client().to_client(), mods=[secaggplus_mod])


class InProcess(Grid):
    """Calls the clients instead of sending."""

    def __init__(self) -> None:
        self._contexts = {
            n: Context(run_id=1, node_id=n, node_config={}, state=RecordDict(), run_config={}) for n in get_ids()
        }

    def set_run(self, run) -> None: ...

    @property
    def run(self):
        return None

    def create_message(self, *args, **kwargs):
        raise NotImplementedError

    def get_node_ids(self):
        return get_ids()

    def push_messages(self, messages):
        raise NotImplementedError

    def pull_messages(self, message_ids):
        raise NotImplementedError

    def send_and_receive(self, messages, *, timeout=None):
        replies = []
        for number, message in enumerate(messages):
            message.metadata.__dict__["_message_id"] = f"m{number}"
            message.content = copy.deepcopy(message.content)  # as sending would; the clients change what they get
            replies.append(APP(message, self._contexts[message.metadata.dst_node_id]))
        return replies


def get_ids() -> list[int]:
    return list(range(1, SITES + 1))


def one_round(grid: InProcess) -> float:
    started = time.perf_counter()
    strategy = FedAvg(min_fit_clients=SITES, min_available_clients=SITES)
    context = LegacyContext(
        Context(run_id=1, node_id=0, node_config={}, state=RecordDict(), run_config={}), ServerConfig(1), strategy
    )
    for n in get_ids():
        context.client_manager.register(GridClientProxy(n, grid, 1))
    context.state.array_records[MAIN_PARAMS_RECORD] = ArrayRecord([np.zeros(SIZE, dtype=np.float32)])
    context.state.config_records[MAIN_CONFIGS_RECORD] = ConfigRecord({Key.CURRENT_ROUND: 1})
    workflow = SecAggPlusWorkflow(num_shares=1.0, reconstruction_threshold=THRESHOLD / SITES, clipping_range=1.0)
    workflow(grid, context)
    seconds = time.perf_counter() - started
    mean = context.state.array_records[MAIN_PARAMS_RECORD].to_numpy_ndarrays()[0]
    if abs(float(mean.mean()) - 0.01) > 1e-3:
        raise SystemExit(f"Flower's mean is {mean.mean()}, expected 0.01")
    return seconds


print(f"flwr {flwr.__version__}", flush=True)
grid = InProcess()
for _ in sys.stdin:
    print(one_round(grid), flush=True)
