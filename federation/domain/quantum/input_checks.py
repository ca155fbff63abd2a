"""What is asked of a circuit's numbers before it is run, whoever runs it; each refusal is a `CircuitError`."""

from __future__ import annotations

import torch
from torch import Tensor

from federation.domain.quantum.devices import free_memory
from federation.domain.quantum.errors import NotFinite, TooLarge, WrongShape

MAX_QUBITS = 26  # one state of complex128 is then 1 GiB
SHARE_OF_MEMORY = 0.8
SMALL = 2**28  # bytes; less is not worth the look


def require_qubits(n_qubits: int) -> None:
    if n_qubits > MAX_QUBITS:
        raise TooLarge(
            expected=f"at most {MAX_QUBITS} qubits",
            got=f"{n_qubits}, which is {2.0 ** (n_qubits - 26):.0f} GiB for one state",
            remedy="Use fewer qubits, or a PennyLane device that does not keep the whole state.",
        )


def require_shapes(inputs: Tensor, weights: Tensor, *, n_inputs: int, weight_shape: tuple[int, ...]) -> None:
    if inputs.dim() != 2 or inputs.shape[1] != n_inputs:
        raise WrongShape(
            expected=f"inputs of shape (batch, {n_inputs})", got=f"{tuple(inputs.shape)}",
            remedy="Give one row of inputs for each sample.",
        )  # fmt: skip
    if weights.shape != weight_shape:
        raise WrongShape(
            expected=f"weights of shape {tuple(weight_shape)}", got=f"{tuple(weights.shape)}",
            remedy="Give the weights of this circuit.",
        )  # fmt: skip
    if inputs.is_complex() or weights.is_complex():
        raise WrongShape(
            expected="inputs and weights that are real numbers", got=f"{inputs.dtype} and {weights.dtype}",
            remedy="Give real and imaginary parts as inputs of their own, or the absolute values.",
        )  # fmt: skip


def transformed() -> bool:
    """Whether `torch.func` traces the call, and no number may be looked at."""
    return torch._C._are_functorch_transforms_active()


def samples_in(inputs: Tensor) -> int:
    """Samples of the whole call: under `torch.func` a batch hides those that it is mapped over."""
    if not transformed():
        return len(inputs)
    whole = inputs
    while torch._C._functorch.is_functorch_wrapped_tensor(whole):
        whole = torch._C._functorch.get_unwrapped(whole)
    return max(len(inputs), whole.numel() // max(inputs.shape[1], 1))


def no_answers(inputs: Tensor, weights: Tensor, width: int) -> Tensor:
    """The answers to an empty batch, (0, width), which have a derivative as others have."""
    return inputs.new_zeros(0, width) + inputs.sum() + weights.sum().to(inputs.dtype)


def require_finite(name: str, tensor: Tensor) -> None:
    if not bool(torch.isfinite(tensor).all()):
        bad = int((~torch.isfinite(tensor)).sum())
        raise NotFinite(
            expected=f"{name} that are finite numbers", got=f"NaN or infinity in {bad} of {tensor.numel()} places",
            remedy="Look for what made them: missing values in the data, or a learning rate that is too high.",
        )  # fmt: skip


def require_memory(needed: int, *, n_qubits: int, batch: int, device: torch.device) -> None:
    """Refuse states of `needed` bytes that would not fit."""
    if needed < SMALL:
        return
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else free_memory()
    if needed > SHARE_OF_MEMORY * free:
        raise TooLarge(
            expected=f"states that fit into {SHARE_OF_MEMORY * free / 2**30:.1f} GiB",
            got=f"{n_qubits} qubits for {batch} samples at once, about {needed / 2**30:.1f} GiB",
            remedy="Use smaller batches, fewer qubits, or float32.",
        )
