#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "kernels/adamw_8bit.h"
#include "kernels/quantize.h"
#include "nn/optim/detail/adamw_rule.h"
#include "nn/optim/optimizer.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/pick.h"

namespace papilio::nn {

namespace {

constexpr int64_t kLeast = 4096;  // elements of a parameter whose moments are codes

bool coded(const ParameterSlot& slot) {
  return slot.first.dtype == DType::uint8;
}

Tensor dynamic_map(bool is_signed, Device device) {
  const Tensor map = empty({256});
  pick_cpu(cpu::dynamic_table)(view(map), is_signed);
  return copy_of(map, device);
}

struct AdamW8bitRule : AdamWRule {
  Tensor first, second;

  AdamW8bitRule(const AdamWOptions& options, Device device)
      : AdamWRule("AdamW8bit", options),
        first(dynamic_map(true, device)),
        second(dynamic_map(false, device)) {}
  bool in_8_bits(const Tensor& p) const override {
    return p.dtype() == DType::float32 && p.numel() >= kLeast;
  }
  void update(Device device, std::span<const ParameterSlot> slots, StepRates rates) const override {
    AdamWRule::update(device, those(slots, false), rates);
    pick(device, cpu::adamw_8bit, cuda::adamw_8bit)(those(slots, true), step, rates, maps());
  }
  void update_live(Device device, std::span<const ParameterSlot> slots,
                   const LiveStep* live) const override {
    AdamWRule::update_live(device, those(slots, false), live);
    pick_cuda("AdamW8bit", device, cuda::adamw_8bit_live)(those(slots, true), step, live, maps());
  }

 private:
  static std::vector<ParameterSlot> those(std::span<const ParameterSlot> slots, bool in_8_bits) {
    std::vector<ParameterSlot> result;
    for (const ParameterSlot& slot : slots)
      if (coded(slot) == in_8_bits) result.push_back(slot);
    return result;
  }
  MomentMaps maps() const { return {view(first), view(second)}; }
};

Device device_of(const std::vector<ParameterGroup>& groups) {
  for (const ParameterGroup& group : groups)
    for (const Tensor& p : group.parameters) return p.device();
  return Device::cpu();
}

}  // namespace

AdamW8bit::AdamW8bit(const std::vector<ParameterGroup>& groups, AdamWOptions options)
    : Optimizer(groups, options.lr, {"exp_avg", "exp_avg_sq"},
                std::make_unique<AdamW8bitRule>(options, device_of(groups))) {}

}  // namespace papilio::nn
