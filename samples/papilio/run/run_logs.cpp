#include "samples/papilio/run/run_logs.h"

#include <cstdint>
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

RunLogs::RunLogs(const std::filesystem::path& out, std::optional<Resumed> resumed, Warn warn)
    : warn_(std::move(warn)),
      epochs_(open_log(out / "log.csv", {std::begin(kColumns), std::end(kColumns)},
                       resumed ? std::optional(resumed->epochs_after) : std::nullopt)),
      steps_(open_log(out / "steps.csv", {std::begin(kStepColumns), std::end(kStepColumns)},
                      resumed ? std::optional(resumed->steps_after) : std::nullopt)),
      tensorboard_(out / "tensorboard") {}

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
    steps_.write({double(r.step), r.loss, r.lr, r.gradient_norm, double(r.images), r.seconds});
  });
  try_to([&] {
    tensorboard_.write(
        r.step,
        {{"train/loss", r.loss}, {"train/lr", r.lr}, {"train/gradient_norm", r.gradient_norm}});
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
