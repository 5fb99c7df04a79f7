#include "samples/papilio/run/training_record.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <sstream>

#include "samples/papilio/options/options.h"

namespace papilio::cli {

namespace {

// Every bit of a number, as text.
std::string exact(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%a", value);
  return text;
}

// Settings that say how a run is done and shown, not what it computes.
bool may_differ(const std::string& line) {
  for (const char* key : {"version", "threads", "device", "cuda-graph", "out", "keep-checkpoints",
                          "checkpoint-steps", "save", "workers", "corrupt"}) {
    if (line.starts_with(std::string(key) + " = ")) return true;
  }
  return false;
}

// The value of a line "key = value", or nothing.
std::string value_of(const std::string& settings, const std::string& key) {
  std::istringstream lines(settings);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(key + " = ")) return line.substr(key.size() + 3);
  return "";
}

}  // namespace

nn::TrainingNotes TrainingRecord::notes(const std::string& settings) const {
  return {{"settings", settings},
          {"steps", str(steps)},
          {"images", str(images)},
          {"loss", exact(loss)},
          {"norm", exact(norm)},
          {"seconds", exact(seconds)},
          {"train_loss", exact(train_loss)},
          {"accuracy", exact(accuracy)},
          {"best_accuracy", exact(best_accuracy)},
          {"kept_accuracy", exact(kept_accuracy)}};
}

void TrainingRecord::set(const nn::TrainingNotes& notes) {
  const auto number = [&](const char* key) {
    const auto found = notes.find(key);
    return found == notes.end() ? 0 : std::strtod(found->second.c_str(), nullptr);
  };
  steps = int64_t(number("steps"));
  images = int64_t(number("images"));
  loss = number("loss");
  norm = number("norm");
  seconds = number("seconds");
  train_loss = number("train_loss");
  accuracy = number("accuracy");
  best_accuracy = number("best_accuracy");
  kept_accuracy = number("kept_accuracy");
}

std::vector<std::string> check_same_settings(const std::string& then, const std::string& now,
                                             const std::filesystem::path& out) {
  std::istringstream a(then), b(now);
  std::string before, after;
  const auto next = [](std::istringstream& lines, std::string& line) {
    do {
      line.clear();
      std::getline(lines, line);
    } while (may_differ(line));
  };
  do {
    next(a, before);
    next(b, after);
    check<UsageError>(before == after, "--resume: the run began with ",
                      before.empty() ? "no such setting" : before, ", now it would be ",
                      after.empty() ? "left out" : after, "; give --config ",
                      (out / "run.toml").string());
  } while (!before.empty() || !after.empty());
  const std::string threads = value_of(then, "threads"), own = value_of(now, "threads");
  std::vector<std::string> warnings;
  const std::string device = value_of(then, "device"), here = value_of(now, "device");
  if (device != here) {
    warnings.push_back("--resume: the run began on " + device + ", now it is on " + here +
                       ": sums are rounded in another order, so its numbers are as good but not "
                       "the same bits");
  }
  if (threads == own) return warnings;
  warnings.push_back(
      "--resume: the run began with " + threads + " threads, now it has " + own +
      ": sums are rounded in another order, so its numbers are as good but not the same bits");
  return warnings;
}

}  // namespace papilio::cli
