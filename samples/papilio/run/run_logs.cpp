#include "samples/papilio/run/run_logs.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "tensor/error.h"

namespace papilio::cli {

namespace {

constexpr const char* kColumns[] = {"epoch",
                                    "step",
                                    "loss",
                                    "lr",
                                    "gradient_norm",
                                    "validation_loss",
                                    "validation_accuracy",
                                    "images_per_second"};

// The time comes last: the rest is the same in every run.
constexpr const char* kStepColumns[] = {"step", "loss", "lr", "gradient_norm", "images", "seconds"};

nn::CsvLog open_log(const std::filesystem::path& file, const std::vector<std::string>& columns,
                    std::optional<int64_t> after) {
  return after ? nn::CsvLog(file, columns, "step", *after) : nn::CsvLog(file, columns);
}

}  // namespace

std::map<std::string, std::vector<double>> read_log(const std::filesystem::path& path) {
  std::map<std::string, std::vector<double>> columns;
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored))
    return columns;  // a pipe would be waited for
  std::ifstream file(path);
  std::vector<std::string> names;
  std::string line, field;
  for (bool header = true; std::getline(file, line); header = false) {
    std::istringstream fields(line);
    for (size_t i = 0; std::getline(fields, field, ','); ++i) {
      if (header) {
        names.push_back(field);
      } else if (i < names.size()) {
        columns[names[i]].push_back(std::strtod(field.c_str(), nullptr));
      }
    }
  }
  return columns;
}

RunLogs::RunLogs(const std::filesystem::path& out, std::optional<Resumed> resumed, Warn warn)
    : warn_(std::move(warn)),
      epochs_(open_log(out / "log.csv", {std::begin(kColumns), std::end(kColumns)},
                       resumed ? std::optional(resumed->epochs_after) : std::nullopt)),
      steps_(open_log(out / "steps.csv", {std::begin(kStepColumns), std::end(kStepColumns)},
                      resumed ? std::optional(resumed->steps_after) : std::nullopt)),
      tensorboard_(out / "tensorboard",
                   resumed ? std::optional(resumed->epochs_after + 1) : std::nullopt) {
  // If a step keeps its figures and its epoch is made again, readers forget both.
  const std::vector<double>& last = steps_.last_kept();
  if (resumed && resumed->epochs_after < resumed->steps_after && !last.empty() &&
      int64_t(last[0]) == resumed->steps_after)
    step_to_tensorboard(resumed->steps_after, last[1], last[2], last[3]);
}

bool RunLogs::end_with_epoch_of(const std::filesystem::path& out, int64_t step) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(out / "log.csv", ignored))
    return false;  // a pipe would be waited for
  std::ifstream file(out / "log.csv");
  std::string last;
  for (std::string line; std::getline(file, line);) last = line;
  const size_t begin = last.find(',') + 1;  // behind the epoch
  return begin > 0 && last.substr(begin, last.find(',', begin) - begin) == std::to_string(step);
}

RunLogs::Spent RunLogs::spent_until(const std::filesystem::path& out, int64_t step) {
  Spent spent;
  std::map<std::string, std::vector<double>> columns = read_log(out / "steps.csv");
  const std::vector<double>&steps = columns["step"], &images = columns["images"],
        &seconds = columns["seconds"];
  for (size_t i = 0; i < steps.size() && i < images.size() && i < seconds.size(); ++i) {
    if (steps[i] > double(step)) break;
    spent.images += int64_t(images[i]);
    spent.seconds += seconds[i];
  }
  return spent;
}

template <class Write>
void RunLogs::try_to(Write&& write) {
  try {
    write();
  } catch (const FileError& e) {
    warn_(e.what());
  }
}

void RunLogs::step(const nn::StepReport& r) {
  try_to([&] {
    steps_.write({double(r.step), r.loss, r.lr, r.gradient_norm, double(r.samples), r.seconds});
  });
  step_to_tensorboard(r.step, r.loss, r.lr, r.gradient_norm);
}

void RunLogs::step_to_tensorboard(int64_t step, double loss, double lr, double gradient_norm) {
  try_to([&] {
    tensorboard_.write(
        step, {{"train/loss", loss}, {"train/lr", lr}, {"train/gradient_norm", gradient_norm}});
  });
}

void RunLogs::epoch(const EpochFigures& f) {
  try_to([&] {
    epochs_.write({double(f.epoch), double(f.step), f.loss, f.lr, f.gradient_norm,
                   f.validation_loss, f.validation_accuracy, f.images_per_second});
  });
  try_to([&] {
    tensorboard_.write(f.step, {{"train/epoch_loss", f.loss},
                                {"validation/loss", f.validation_loss},
                                {"validation/accuracy", f.validation_accuracy},
                                {"speed/images_per_second", f.images_per_second}});
  });
}

}  // namespace papilio::cli
