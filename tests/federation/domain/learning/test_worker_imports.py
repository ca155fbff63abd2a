import subprocess
import sys

# Seconds of start-up and megabytes a site worker never needs, and what the pure domain must not know.
UNWANTED = ("django", "celery", "redis", "web3", "pennylane", "monai", "opacus", "dp_accounting", "scipy")


def test_a_site_worker_trains_without_django_and_without_slow_imports():
    code = (
        "import sys; import federation.domain.learning.local, federation.domain.learning.evaluation, "
        "federation.domain.strategies.fedavg, federation.domain.learning.defaults; "
        f"print([name for name in {UNWANTED!r} if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
