#include <cstdint>

#include "nn/optim/detail/check_state.h"
#include "tensor/error.h"

namespace papilio::nn {

void check_state(const char* who, const std::map<std::string, Tensor>& mine,
                 const std::map<std::string, Tensor>& state, const std::string& count) {
  for (const auto& [name, tensor] : mine) {
    const auto found = state.find(name);
    check(found != state.end(), who, ": the state has no ", name);
    const Tensor& saved = found->second;
    check(saved.shape() == tensor.shape(), who, ": expected ", name, " of shape ", tensor.shape(),
          ", got ", saved.shape());
    check(saved.dtype() == tensor.dtype(), who, ": expected ", name, " of ", tensor.dtype(),
          ", got ", saved.dtype());
  }
  check(state.size() == mine.size(), who, ": the state is of another model or kind (", state.size(),
        " tensors, expected ", mine.size(), ")");
  const auto counted = state.at(count).item<int64_t>();
  check(counted >= 0, who, ": expected ", count, " >= 0, got ", counted);
}

}  // namespace papilio::nn
