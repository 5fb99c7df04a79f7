#include "samples/papilio/run/memory.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nn/data/loader.h"
#include "nn/layers/block.h"
#include "nn/parallel/data_parallel.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/options/settings_file.h"
#include "samples/papilio/options/toml.h"
#include "samples/papilio/output/table.h"
#include "samples/papilio/run/optimization.h"
#include "samples/papilio/run/ranks.h"
#include "samples/papilio/run/shared_run.h"
#include "tensor/available_memory.h"
#include "tensor/files/detail/regular_file.h"
#include "tensor/text.h"

namespace papilio::cli {

namespace {

constexpr double kGB = 1e9;

using Part = std::pair<std::string, size_t>;

std::vector<Part> parts_of(const RunMemory& memory) {
  const nn::MemoryPlan& p = memory.plan;
  std::vector<Part> parts{{"weights", p.parameters},  {"optimiser", p.optimizer},
                          {"gradients", p.gradients}, {"activations", p.activations},
                          {"workspace", p.workspace}, {memory.samples, p.batches}};
  if (p.exchange > 0) parts.emplace_back("exchange", p.exchange);
  if (memory.pictures > 0) parts.emplace_back("validation pictures", memory.pictures);
  return parts;
}

// How many ranks take what this one's device has. A GPU is taken to be one's own: a rank may see no
// other rank's.
int ranks_sharing(Device device) {
  return device.is_cpu() ? ranks().ranks_of_host() : 1;
}

// The same run with other settings, or on samples of another size.
MemoryQuestion with(const MemoryQuestion& q, const TrainingSettings& settings) {
  MemoryQuestion other = q;
  other.settings = settings;
  return other;
}
MemoryQuestion with_size(const MemoryQuestion& q, int64_t size) {
  MemoryQuestion other = q;
  other.size = size;
  return other;
}

// Fewer samples at a time, as many in a step.
TrainingSettings divided(const TrainingSettings& s, int64_t batch_size) {
  TrainingSettings other = s;
  other.batch_size = batch_size;
  other.accumulate = s.accumulate * s.batch_size / batch_size;
  return other;
}

// Below so many tokens at a time products are too flat to be fast, and computing blocks again, a
// third more time, costs less: at 197 an image of ViT-S took 1.9 times as long as at 1,576
// (tests/bench/results, 2026-11-30).
constexpr int64_t kWideTokens = 1024;

// The largest batch that divides the step, has `least` samples or more, and fits; all of the step
// only if it is `whole`.
std::optional<TrainingSettings> accumulated(const MemoryQuestion& q, const TrainingSettings& s,
                                            bool whole, int64_t least) {
  for (int64_t batch = s.batch_size - (whole ? 0 : 1); batch >= least; --batch) {
    if (s.batch_size % batch != 0) continue;
    const TrainingSettings other = divided(s, batch);
    if (plan_memory(with(q, other)).fits()) return other;
  }
  return {};
}

// The same steps in less memory, for the least time: fewer samples at a time, then blocks computed
// again too, then samples so few that products are slow.
std::optional<TrainingSettings> fitted(const MemoryQuestion& q) {
  const int64_t wide = std::min((kWideTokens + q.tokens - 1) / q.tokens, q.settings.batch_size);
  std::vector<std::string> ways{q.settings.recompute};
  if (q.recomputes && ways[0] == "off") ways.emplace_back("selective");
  if (q.recomputes && ways[0] != "blocks") ways.emplace_back("blocks");
  for (const int64_t least : {wide, int64_t(1)})
    for (const std::string& recompute : ways) {
      TrainingSettings s = q.settings;
      s.batch_size = std::min(s.batch_size, q.samples);
      s.recompute = recompute;
      if (auto found = accumulated(q, s, recompute != q.settings.recompute, least)) return found;
    }
  return {};
}

// As options: "--batch-size 16 --accumulate 4 --recompute blocks".
std::string options_of(const TrainingSettings& s, const TrainingSettings& before) {
  return str("--batch-size ", s.batch_size, " --accumulate ", s.accumulate,
             s.recompute != before.recompute ? " --recompute " + s.recompute : "");
}

// The largest size below the run's that fits, or 0.
int64_t fitting_size(const MemoryQuestion& q) {
  int64_t fits = 0, too_large = (q.size + q.size_step - 1) / q.size_step;
  while (too_large - fits > 1) {
    const int64_t middle = (fits + too_large) / 2;
    (plan_memory(with_size(q, middle * q.size_step)).fits() ? fits : too_large) = middle;
  }
  return fits * q.size_step;
}

// What the run in `out` took, if it makes the same steps of as many samples.
std::optional<TrainingSettings> taken_before(const TrainingSettings& s, const std::string& out) {
  TrainingSettings before = s;
  const std::string file = (std::filesystem::path(out) / kRunSettings).string();
  try {
    for (const TomlEntry& entry : parse_toml(read_file(file, size_t(1) << 20), file)) {
      if (entry.values.size() != 1) continue;
      if (entry.key == "batch-size") before.batch_size = std::stoll(entry.values[0]);
      if (entry.key == "accumulate") before.accumulate = std::stoll(entry.values[0]);
      if (entry.key == "recompute") before.recompute = entry.values[0];
    }
  } catch (const std::exception&) {
    return {};  // the checkpoint will say what is wrong
  }
  if (before.batch_size * before.accumulate != s.batch_size * s.accumulate) return {};
  return before;
}

// --memory can only ask for less than there is.
std::string how_to_have_more(const std::string& bound) {
  if (bound == "--memory") return "; --memory GB says how much it may take";
  const bool limit = bound.starts_with("ulimit") || bound.ends_with("limit");
  return limit ? "; a larger " + bound + " leaves it more" : "";
}

}  // namespace

std::string RunMemory::text() const {
  std::vector<std::string> parts;
  for (const auto& [name, bytes] : parts_of(*this))
    parts.push_back(name + (' ' + bytes_text(bytes)));
  return str(bytes_text(needed), " of ", bytes_text(available), " (", bound,
             sharing > 1 ? str(" for each of ", sharing, " ranks") : "",
             "): ", joined(parts, ", "));
}

nlohmann::json RunMemory::json() const {
  nlohmann::json parts = nlohmann::json::object(), operations = nlohmann::json::object();
  for (const auto& [name, bytes] : parts_of(*this)) parts[name] = bytes;
  for (const auto& [name, bytes] : plan.by_operation) operations[name] = bytes;
  return {{"needed", needed}, {"available", available}, {"bound", bound},
          {"fits", fits()},   {"parts", parts},         {"activations", operations}};
}

std::string RunMemory::table() const {
  std::vector<std::vector<std::string>> rows{{"memory", "bytes", ""}};
  const auto row = [&](const std::string& name, size_t bytes) {
    rows.push_back({name, with_commas(int64_t(bytes)), bytes_text(bytes)});
  };
  for (const auto& [name, bytes] : parts_of(*this)) row(name, bytes);
  row("all", needed);
  std::vector<std::pair<std::string, size_t>> operations(plan.by_operation.begin(),
                                                         plan.by_operation.end());
  std::ranges::sort(operations, std::ranges::greater(), &std::pair<std::string, size_t>::second);
  for (const auto& [name, bytes] : operations) row("activations of " + name, bytes);
  return nn::table(rows);
}

std::string layers_text(int64_t layers, int64_t width) {
  return str(layers, layers == 1 ? " layer" : " layers", " of width ", width);
}

std::string plan_line(const std::string& what, const TrainingSettings& s, const RunMemory& memory) {
  return str(what, ", batch ", s.batch_size, s.accumulate > 1 ? str(" x ", s.accumulate) : "",
             "; memory ", memory.text());
}

RunMemory plan_memory(const MemoryQuestion& q) {
  const TrainingSettings& s = q.settings;
  const nn::DataParallel parallel{
      .ranks = ranks(), .reproducible_parts = s.reproducible, .gradients = gradients_of(s)};
  nn::set_recompute(q.model, nn::recompute_named(s.recompute));
  nn::PlannedTraining run = q.run(s, q.size);
  run.batch_size = std::min(samples_at_a_time(s), q.samples);
  run.accumulation_steps = s.accumulate;
  run.evaluation_batch = q.validates ? s.batch_size : 0;
  run.batches_ahead = q.workers * nn::Loader::Options{}.prefetch;
  run.optimizer = [&] { return make_optimizer(q.model, s); };
  run.average = s.ema > 0;
  run.parallel = &parallel;
  RunMemory memory;
  memory.samples = q.sample + 's';
  memory.plan = nn::plan_training(q.model, run);
  const Device device = nn::device_of(q.model);
  const int sharing = ranks_sharing(device);
  const AvailableMemory free = available_memory(device, sharing);
  // The weights are there already. Samples, and sums in order, are in the CPU's memory.
  const size_t elsewhere = memory.plan.batches + (s.reproducible > 0 ? memory.plan.exchange : 0);
  memory.needed = memory.plan.total() - (device.is_cpu() ? 0 : elsewhere);
  memory.available = std::max(memory.plan.parameters + free.bytes, free.bytes);  // no wrap
  memory.bound = free.bound;
  if (!free.bound.starts_with("ulimit")) memory.sharing = sharing;
  if (const auto given = size_t(s.memory * kGB); given > 0 && given < memory.available) {
    memory.available = given;
    memory.bound = "--memory";
    memory.sharing = 1;
  }
  return memory;
}

void add_pictures(RunMemory& memory, size_t bytes) {
  const size_t step = memory.plan.activations + memory.plan.workspace;
  memory.pictures = std::max(bytes, step) - step;
  const size_t rest = memory.needed - step;
  memory.needed += memory.pictures;
  check<OutOfMemoryError>(memory.fits(), "--validation-prompt: making a picture takes ",
                          bytes_text(bytes), " beside the run's ", bytes_text(rest), "; there are ",
                          bytes_text(memory.available), " (", memory.bound,
                          "); a smaller --resolution takes less");
}

std::vector<std::string> what_would_fit(const MemoryQuestion& q) {
  std::vector<std::string> ways;
  const auto add = [&](const std::string& way, const MemoryQuestion& other) {
    const RunMemory memory = plan_memory(other);
    if (memory.fits()) ways.push_back(str(way, " (", bytes_text(memory.needed), ")"));
  };
  if (const auto other = fitted(q)) add(options_of(*other, q.settings), with(q, *other));
  if (q.recomputes && q.settings.recompute != "blocks") {
    TrainingSettings again = q.settings;
    again.recompute = "blocks";
    add("--recompute blocks", with(q, again));
  }
  if (q.settings.precision == "float32") {
    TrainingSettings half = q.settings;
    half.precision = "bfloat16";
    add("--precision bfloat16", with(q, half));
  }
  if (!q.size_option.empty()) {
    if (const int64_t smaller = fitting_size(q); smaller > 0)
      add(str(q.size_option, ' ', smaller), with_size(q, smaller));
  }
  return ways;
}

RunMemory settle_memory(const Options& options, MemoryQuestion q, TrainingSettings& s,
                        const std::string& out) {
  check_ranks(s);
  const auto take = [&](const TrainingSettings& other) { s = q.settings = other; };
  if (s.fit_memory && s.resume) {
    if (const auto before = taken_before(s, out)) take(*before);
  }
  const auto planned = [&] {
    RunMemory memory = plan_memory(q);
    if (memory.fits() && nn::device_of(q.model).is_cpu()) keep_memory_below(memory.available);
    return memory;
  };
  RunMemory memory = planned();
  if (memory.fits()) return memory;
  if (s.fit_memory && !s.resume) {
    if (const auto other = fitted(q)) {
      const TrainingSettings before = s;
      take(*other);
      warn(options, {str("--fit-memory: a batch of ", before.batch_size, " needs ",
                         bytes_text(memory.needed), " of ", bytes_text(memory.available), " (",
                         memory.bound, "); the run is ", options_of(s, before))});
      return planned();
    }
  }
  const std::vector<std::string> ways = what_would_fit(q);
  throw OutOfMemoryError(
      str("the run needs ", memory.text(), ". ",
          ways.empty() ? str("Not even one ", q.sample, " at a time fits")
                       : "It fits with " + joined(ways, ", or with "),
          ways.empty() || s.fit_memory ? "" : "; --fit-memory takes the first of these",
          how_to_have_more(memory.bound)));
}

}  // namespace papilio::cli
