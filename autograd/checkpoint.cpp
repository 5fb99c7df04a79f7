#include "autograd/checkpoint.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "autograd/autocast.h"
#include "autograd/detail/outline.h"
#include "autograd/grad_mode.h"
#include "autograd/saved.h"
#include "tensor/error.h"
#include "tensor/random.h"

namespace papilio {

namespace {

constexpr const char* kName = "checkpoint";

thread_local bool in_recomputation = false;

// While it lives, f is computed again, and the default generator is at `start`.
class Recomputing {
 public:
  explicit Recomputing(const GeneratorState& start)
      : before_(std::exchange(in_recomputation, true)), random_(default_generator().state()) {
    default_generator().set_state(start);
  }
  ~Recomputing() {
    default_generator().set_state(random_);
    in_recomputation = before_;
  }
  Recomputing(const Recomputing&) = delete;
  Recomputing& operator=(const Recomputing&) = delete;

 private:
  bool before_;
  GeneratorState random_;
};

std::string step_text(const Outline& outline, size_t i) {
  if (i >= outline.steps.size()) return "nothing more";
  const Outline::Step& step = outline.steps[i];
  return str(step.operation, " of ", step.dtype, " ", step.shape);
}

void check_same_steps(const Outline& first, const Outline& second) {
  const auto same = [](const Outline::Step& a, const Outline::Step& b) {
    return std::string_view(a.operation) == b.operation && a.shape == b.shape && a.dtype == b.dtype;
  };
  const auto [a, b] = std::ranges::mismatch(first.steps, second.steps, same);
  if (a == first.steps.end() && b == second.steps.end()) return;
  const auto i = size_t(a - first.steps.begin());
  throw Error(str(kName, ": f computed again recorded ", step_text(second, i),
                  " as its operation number ", i + 1, ", and ", step_text(first, i),
                  " the first time; it must do the same both times"));
}

// f(x), and all that must be as it was the first time.
struct Replay {
  std::function<Tensor(const Tensor&)> f;
  Saved x = {};
  std::shared_ptr<Node> x_node;
  DType product_dtype;
  GeneratorState begin, end = {};  // of the random numbers that f takes
  Outline outline = {};

  Tensor operator()() const {
    check<Error>(!outline.changed(), kName,
                 ": a tensor that f uses was changed in place after the forward pass");
    Outline second;
    const EnableGrad recording;
    const Autocast dtypes(product_dtype);
    const Recomputing scope(begin);
    const Outlining outlining(second, false);
    Tensor in = x.get();
    in.set_node(x_node);
    Tensor y = f(in);
    check_same_steps(outline, second);
    check<Error>(default_generator().state() == end, kName,
                 ": f computed again drew another number of random numbers than the first time");
    return y;
  }
};

}  // namespace

bool recomputing() {
  return in_recomputation;
}

Tensor checkpoint(const std::function<Tensor(const Tensor&)>& f, const Tensor& x) {
  check(f != nullptr, kName, ": there is no f");
  check(x.defined(), kName, ": x is undefined");
  if (!grad_enabled()) return f(x);
  Replay replay{.f = f,
                .x_node = x.node(),
                .product_dtype = autocast_dtype(),
                .begin = default_generator().state()};
  Tensor y;
  {
    const Outlining outlining(replay.outline, true);
    y = f(x);
  }
  check(y.defined(), kName, ": f returned an undefined tensor");
  // Something that f did not compute: x itself, or a tensor from outside.
  if (!y.requires_grad() || !y.node()->hollow) return y;
  replay.end = default_generator().state();
  replay.x = Saved(x);
  y = y.detach();
  const auto node = attach_node(kName, y, {&x, 1});
  if (!node->hollow) node->recompute = std::move(replay);
  return y;
}

}  // namespace papilio
