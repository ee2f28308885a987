"""A GPU imitated on the CPU: from `begin()` on, autocast on the CPU gives each operation the types that CUDA's would give it.

For tests, and for `make imitate-gpu`: it shows, where there is no GPU, which operations would meet which types there. It is
slow, and says nothing of tensors that lie on the wrong device.
"""

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

# What CUDA's autocast does and the CPU's does otherwise: by torch's documentation of autocast and its autocast_mode.h. That no
# operation is missing is checked by a test, against the tables of torch's dispatcher.
TO_SINGLE = (
    "acos asin cosh erfinv exp expm1 log log10 log1p log2 reciprocal rsqrt sinh tan softplus pow.Scalar pow.Tensor_Scalar "
    "pow.Tensor_Tensor cumprod cumsum sum sum.dim_IntList softmax.int log_softmax.int logsumexp layer_norm native_layer_norm "
    "group_norm rms_norm norm.Scalar norm.ScalarOpt_dim frobenius_norm.dim nuclear_norm nuclear_norm.dim linalg_vector_norm "
    "linalg_matrix_norm linalg_matrix_norm.str_ord cosine_similarity dist pdist renorm upsample_bicubic2d upsample_bilinear2d "
    "upsample_linear1d upsample_nearest1d upsample_nearest2d upsample_nearest3d upsample_trilinear3d _upsample_bicubic2d_aa "
    "_upsample_bilinear2d_aa _upsample_nearest_exact1d _upsample_nearest_exact2d _upsample_nearest_exact3d"
)
TO_HALF = (
    "addmv addr chain_matmul convolution _convolution einsum gru_cell linalg_multi_dot lstm_cell mv rnn_relu_cell rnn_tanh_cell"
)
TO_WIDEST = "addcdiv addcmul atan2 bilinear cross dot grid_sampler index_put scatter_add tensordot vdot"
REFUSED = "binary_cross_entropy"
OTHER_NAMES = {"mkldnn_rnn_layer", "_native_multi_head_attention", "_addmm_activation"}  # CUDA kernels of other names do this


@functools.cache
def begin() -> torch.library.Library:
    """From now on, autocast on the CPU treats each operation as autocast on CUDA does."""
    library = torch.library.Library("aten", "IMPL")
    register = functools.partial(library.impl, dispatch_key="AutocastCPU", allow_override=True)
    for names, dtype in ((TO_SINGLE, torch.float32), (TO_HALF, torch.bfloat16), (TO_WIDEST, None)):
        for name in names.split():
            register(name, _casting(name, dtype))
    register(REFUSED, _refuse)
    for name in treated("AutocastCPU") - treated("AutocastCUDA") - OTHER_NAMES:
        register(name, torch.library.fallthrough_kernel)
    return library


@functools.cache
def treated(key: str) -> frozenset[str]:
    """The operations for which torch, as it comes, has a kernel under this dispatch key."""
    operations = [name for name in torch._C._dispatch_get_all_op_names() if name.startswith("aten::")]
    tables = ((name, torch._C._dispatch_dump_table(name)) for name in operations)
    lines = ((name, line) for name, table in tables for line in table.splitlines() if line.startswith(f"{key}:"))
    return frozenset(name.removeprefix("aten::") for name, line in lines if "fallthrough" not in line)


def _casting(name: str, dtype: torch.dtype | None) -> Callable:
    packet, _, overload = name.partition(".")
    operation = getattr(getattr(torch.ops.aten, packet), overload or "default")

    def run(*args: Any, **kwargs: Any) -> Any:
        target = dtype or (torch.float32 if any(t.dtype == torch.float32 for t in _tensors(args)) else torch.bfloat16)

        def cast(value: Any) -> Any:
            if isinstance(value, (list, tuple)):
                return type(value)(map(cast, value))
            narrow = isinstance(value, Tensor) and value.dtype in (torch.float32, torch.bfloat16, torch.float16)
            return value.to(target) if narrow else value

        with torch._C._ExcludeDispatchKeyGuard(torch._C.DispatchKeySet(torch._C.DispatchKey.AutocastCPU)):
            return operation(*map(cast, args), **{key: cast(value) for key, value in kwargs.items()})

    return run


def _tensors(values: Any) -> list[Tensor]:
    if isinstance(values, (list, tuple)):
        return [tensor for value in values for tensor in _tensors(value)]
    return [values] if isinstance(values, Tensor) else []


def _refuse(*_: Any, **__: Any) -> None:
    raise RuntimeError("binary_cross_entropy is unsafe to autocast on CUDA: use binary_cross_entropy_with_logits, on logits")
