"""Where a new run starts. Chosen by measurement; anyone may propose other values before the run is frozen.

Classification, on UCI heart (4 hospitals, 62 to 152 training patients, 5 rounds, 3 seeds, scored on patients outside
training): accuracy of the circuit 0.81 with this noise and 0.82 without. Epsilon is per site: 2.6 to 4.2, largest where
patients are fewest. The values were chosen on the same patients, so these figures flatter them; those of patients who
chose nothing, beside the twin and logistic regression, stand in docs/design/quantum-models.md, "Rows of a table".

Segmentation, on phantoms of 32 px (4 sites, 4 rounds, Dice of the hybrid on validation patients):

======================  =====================  =================================
training patients/site  without noise          with noise
======================  =====================  =================================
250                     0.91 to 0.93, 3 seeds  0.88 to 0.91, epsilon 2.3, 3 seeds
20                      0.85 to 0.87, 2 seeds  0.10 to 0.29, epsilon 6.3, 2 seeds
======================  =====================  =================================

Images of 64 px and more, on lgg (five sites, 57 training patients, 40 rounds): see docs/design/quantum-models.md.

Real imaging sites look like the second row, so segmentation starts without differential privacy; a run over hundreds of
patients a site should take `private_config`.
"""

from __future__ import annotations

from federation.domain.data.dataset import Task
from federation.domain.learning.config import DPConfig, LocalConfig

MEASURED_SIDE = 64
_DP = {
    "classification": DPConfig(noise_multiplier=3.0, max_grad_norm=0.5, delta=1e-4),
    "segmentation": DPConfig(noise_multiplier=2.0, max_grad_norm=0.5, delta=1e-4),
}


def default_config(task: Task, side: int | None = None) -> LocalConfig:
    """Recommended local training for one round: rows of a table with differential privacy, images without.

    Parameters
    ----------
    side : int or None
        Of the images, in pixels; None stands for rows of a table or, in segmentation, for small images. Convolutions do
        not learn at the rate of `private_config`: on 300 phantoms of chests AUC 0.5 at 0.03, 0.87 to 0.91 at 0.005, the
        rate chosen on the same phantoms, which flatters it; for honest figures see "Rows of a table" as above.

    Raises
    ------
    ValueError
        For an unknown task.
    """
    if task == "classification" and side is not None:
        return LocalConfig(epochs=3, batch_size=16, learning_rate=0.005)
    if task == "segmentation" and side is not None and side >= MEASURED_SIDE:
        return LocalConfig(epochs=1, batch_size=2, learning_rate=0.001, schedule="cosine", augment="full", slices=16)
    if task == "segmentation":
        return LocalConfig(epochs=1, batch_size=8, learning_rate=0.005)
    return private_config(task)


def default_rounds(task: Task, side: int | None = None) -> int:
    """Recommended rounds of a new run: those after which its kind was measured (docs/design/quantum-models.md).

    Parameters as in `default_config`.
    """
    return 160 if task == "segmentation" and side is not None and side >= MEASURED_SIDE else 5


def private_config(task: Task) -> LocalConfig:
    """Recommended local training for one round with patient-level differential privacy.

    Raises
    ------
    ValueError
        For an unknown task.
    """
    if task == "classification":
        return LocalConfig(epochs=3, batch_size=32, learning_rate=0.03, dp=_DP[task])
    if task == "segmentation":
        return LocalConfig(epochs=2, batch_size=32, learning_rate=0.005, dp=_DP[task])
    raise ValueError(f"expected the task classification or segmentation, got {task!r}")
