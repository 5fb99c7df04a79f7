#include "autograd/ops/quantize_scales.h"

#include <cstdint>

#include "autograd/grad_mode.h"
#include "autograd/ops/arithmetic.h"
#include "autograd/ops/detail/check.h"
#include "autograd/ops/detail/quantized_blocks.h"
#include "kernels/quantize.h"
#include "tensor/creation.h"
#include "tensor/pick.h"

namespace papilio {

QuantizedMatrix quantize_scales(const QuantizedMatrix& w) {
  check(w.defined() && w.kind != Quantization::int8 && w.absmax.dtype() == DType::float32,
        "quantize_scales: expected a matrix in nf4 or fp4 with scales of float32, got ",
        !w.defined()                   ? "none"
        : w.kind == Quantization::int8 ? "int8"
                                       : "one whose scales are codes");
  const NoGrad no_grad;
  QuantizedMatrix q = w.to(Device::cpu());
  if (!q.nested_table) {
    q.nested_table = empty({256});
    pick_cpu(cpu::dynamic_table)(view(q.nested_table), true);
  }
  q.nested_offset = double(pick_cpu(cpu::mean_of_scales)(view(q.absmax)));
  const Tensor rest = q.absmax - q.nested_offset;
  const int64_t n = rest.numel();
  q.absmax = empty({n}, {.dtype = DType::uint8});
  q.nested_absmax = empty({blocks_of(n, q.nested_block_size)});
  pick_cpu(cpu::quantize_8bit)(view(q.absmax), view(q.nested_absmax), view(rest),
                               view(q.nested_table), q.nested_block_size);
  return q.to(w.device());
}

}  // namespace papilio
