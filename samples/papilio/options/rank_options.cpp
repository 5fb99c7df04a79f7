#include "samples/papilio/options/rank_options.h"

#include "samples/papilio/options/options.h"

namespace papilio::cli {

void add_rank_options(Options& options, TrainingSettings& s) {
  options.section("Several processes (mpirun -n N papilio ...)");
  options
      .add("reproducible", &s.reproducible, "N",
           "cut each batch into N parts, each computed with one thread: the same bits on 1 to N "
           "processes; 0: a part for each process")
      .range(0, 1e6)
      .may_differ_on_resume();
  options
      .add("gradients", &s.gradients, "DTYPE",
           "as which gradients travel: float32, or bfloat16, which is half as much")
      .choices({"float32", "bfloat16"})
      .may_differ_on_resume();
  options
      .add("rank-timeout", &s.rank_timeout, "SECONDS",
           "that the others wait for a process that does not come before the run ends")
      .range(1, 1e6)
      .line_only();
}

void settle_rank_options(Options& options, const TrainingSettings& s) {
  options.applies_when(s.reproducible == 0, {&s.gradients}, "--reproducible 0");
  options.name_if_given({&s.reproducible, &s.gradients});
}

}  // namespace papilio::cli
