// One training step whose instructions tests/bench/instructions counts: one_step METHOD, of the
// digits' model, batch 16, on one thread.
#include <iostream>
#include <string>
#include <string_view>
#include <utility>

#include "kernels/threads.h"
#include "tensor/random.h"
#include "tests/bench/vit_step.h"

namespace papilio::bench {

// What callgrind collects: all that happens inside this function.
[[gnu::noinline]] void counted_step(Step& step) {
  step();
}

}  // namespace papilio::bench

int main(int argc, char** argv) {
  using namespace papilio;
  const std::string_view word = argc == 2 ? argv[1] : "";
  for (const auto& [name, method] : {std::pair{"full", bench::Method::full},
                                     {"boft", bench::Method::boft},
                                     {"oft", bench::Method::oft},
                                     {"lora", bench::Method::lora}}) {
    if (word != name) continue;
    set_num_threads(1);
    manual_seed(1);
    bench::Size size = bench::kDigits;
    size.batch = 16;
    bench::Step step(size, method, {});
    step();  // its memory and BLAS' are there afterwards
    bench::counted_step(step);
    return 0;
  }
  std::cerr << "one_step: expected full, boft, oft or lora\n";
  return 2;
}
