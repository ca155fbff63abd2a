"""Django's own deployment check finds nothing on the production settings."""

from __future__ import annotations

import os
import subprocess
import sys

from qflethics.launcher.state import ROOT


def test_the_production_settings_pass_the_deployment_check():
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "qflethics.settings.prod",
        "SECRET_KEY": "k" * 25 + "".join(chr(33 + i) for i in range(60)),
    }
    answer = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
