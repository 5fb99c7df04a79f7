#include "samples/papilio/run/training_record.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include "samples/papilio/options/keys.h"
#include "samples/papilio/options/option.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/options/toml.h"

namespace papilio::cli {

namespace {

// Every bit of a number, as text.
std::string exact(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%a", value);
  return text;
}

// What a setting that came after 0.1.0 was in every run that does not name it.
bool was_always(const std::string& line) {
  return line == "model-type = \"vit\"";
}

// "key = value" -> "key"; the line if it has no value.
std::string name_of(const std::string& line) {
  return line.substr(0, line.find(" = "));
}
// "key = value" -> "key = "
std::string key_of(const std::string& line) {
  const std::string name = name_of(line);
  return name == line ? line : name + " = ";
}

// The lines that must be the same, in whatever order.
std::vector<std::string> lines_to_compare(const std::string& settings,
                                          const std::set<std::string>& may_differ) {
  std::vector<std::string> result;
  std::istringstream lines(settings);
  for (std::string line; std::getline(lines, line);) {
    const std::string name = name_of(line);
    if (!line.empty() && name != "version" && !may_differ.contains(name)) result.push_back(line);
  }
  return result;
}

// The line that begins with `key`, or nothing.
std::string line_of(const std::vector<std::string>& lines, const std::string& key) {
  const auto found =
      std::ranges::find_if(lines, [&](const std::string& line) { return line.starts_with(key); });
  return found == lines.end() ? "" : *found;
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
          {"stale", str(stale)},
          {"accuracy", exact(accuracy)},
          {"best_accuracy", exact(best_accuracy)},
          {"kept_accuracy", exact(kept_accuracy)}};
}

void TrainingRecord::set(const nn::TrainingNotes& notes, int64_t steps_per_epoch) {
  const auto number = [&](const char* key, const char* expected, auto&& allowed) {
    const auto found = notes.find(key);
    const std::string text = found == notes.end() ? "nothing" : found->second;
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    check<FileError>(end == text.c_str() + text.size() && !text.empty() && allowed(value), "note ",
                     key, ": expected ", expected, ", got ", text);
    return value;
  };
  const auto count = [&](const char* key, int64_t most) {
    return int64_t(number(key, str("a whole number from 0 to ", most).c_str(), [&](double v) {
      return v >= 0 && v <= double(most) && v == std::floor(v);
    }));
  };
  const auto sum = [&](const char* key) {
    return number(key, "a number >= 0", [](double v) { return v >= 0 && std::isfinite(v); });
  };
  // Nothing is NaN or -1.
  const auto share = [&](const char* key) {
    return number(key, "a share",
                  [](double v) { return std::isnan(v) || v == -1 || (v >= 0 && v <= 1); });
  };
  TrainingRecord read;
  read.steps = count("steps", steps_per_epoch);
  read.images = count("images", int64_t(1) << 52);
  read.loss = sum("loss");
  read.norm = sum("norm");
  read.seconds = sum("seconds");
  if (notes.contains("stale")) read.stale = count("stale", int64_t(1) << 52);
  read.train_loss =
      number("train_loss", "a loss", [](double v) { return std::isnan(v) || v >= 0; });
  read.accuracy = share("accuracy");
  read.best_accuracy = share("best_accuracy");
  read.kept_accuracy = share("kept_accuracy");
  *this = read;
}

std::vector<std::string> check_same_settings(const std::string& then, const std::string& now,
                                             const std::set<std::string>& may_differ,
                                             const std::filesystem::path& out) {
  const std::vector<std::string> a = lines_to_compare(then, may_differ),
                                 b = lines_to_compare(now, may_differ);
  const auto compare = [&](const std::string& before, const std::string& after) {
    check<UsageError>(before == after, "--resume: the run began with ",
                      before.empty() ? "no such setting" : before, ", now it would be ",
                      after.empty() ? "left out" : after, "; give --config ",
                      (out / "run.toml").string(), " and no other ",
                      name_of(before.empty() ? after : before));
  };
  for (const std::string& line : a) compare(line, line_of(b, key_of(line)));
  for (const std::string& line : b) {
    const std::string before = line_of(a, key_of(line));
    if (!before.empty() || !was_always(line)) compare(before, line);
  }
  std::vector<std::string> warnings;
  const auto differs = [&](const std::string& began, const std::string& is_now) {
    warnings.push_back(
        "--resume: the run began " + began + ", now " + is_now +
        ": sums are rounded in another order, so its numbers are as good but not the same bits");
  };
  const std::string device = value_of(then, kDeviceKey), here = value_of(now, kDeviceKey);
  if (device != here) differs("on " + device, "it is on " + here);
  const std::string by = value_of(now, kProductsKey);
  std::string began_by = value_of(then, kProductsKey);
  if (began_by.empty() && !by.empty()) began_by = toml_string("openblas");  // the only one then
  if (by != began_by) differs("with products by " + began_by, "they are by " + by);
  const std::string threads = value_of(then, kThreadsKey), own = value_of(now, kThreadsKey);
  if (threads != own) differs("with " + threads + " threads", "it has " + own);
  return warnings;
}

}  // namespace papilio::cli
