#include <nlohmann/json.hpp>

#include <cstdio>
#include <functional>
#include <string>

#include "samples/papilio/demo/methods.h"
#include "samples/papilio/run/shell.h"
#include "samples/papilio/run/training.h"

namespace papilio::cli {

TrainingSettings demo_recipe() {
  const demo::Schedule schedule;
  const nn::Augmentation augmentation = demo::augmentation();
  TrainingSettings s;
  s.epochs = schedule.pretrain_epochs;
  s.batch_size = schedule.batch_size;
  s.lr = schedule.pretrain_lr;
  s.weight_decay = schedule.weight_decay;
  s.label_smoothing = schedule.label_smoothing;
  s.augment.shift = augmentation.shift_pixels;
  s.augment.rotate = augmentation.rotation_degrees;
  return s;
}

void add_training(Options& options, TrainingSettings& s) {
  options.section("Training");
  options.add("epochs", &s.epochs, "N", "passes over the training images").range(1, 1e6);
  options.add("batch-size", &s.batch_size, "N", "images in a step").range(1, 1e6);
  options.add("lr", &s.lr, "RATE", "highest learning rate").range(0);
  options.add("optimizer", &s.optimizer, "NAME", "adamw or sgd").choices({"adamw", "sgd"});
  options.add("momentum", &s.momentum, "M", "of sgd").below(0, 1);
  options
      .add("weight-decay", &s.weight_decay, "W",
           "adamw: decoupled; sgd: added to the gradient; not on biases, norms and scales")
      .range(0);
  options.add("schedule", &s.schedule, "NAME", "of the rate: cosine, linear or constant")
      .choices({"cosine", "linear", "constant"});
  options.add("warmup", &s.warmup, "SHARE", "of all steps, in which the rate rises").below(0, 1);
  options.add("min-lr", &s.min_lr, "RATE", "where the schedule ends").range(0);
  options.add("accumulate", &s.accumulate, "N", "batches whose gradients make one step")
      .range(1, 1e6);
  options
      .add("layer-decay", &s.layer_decay, "D",
           "each layer learns D times as fast as the one after it; 1: all alike")
      .range(0.01, 1);
  options
      .add("ema", &s.ema, "D",
           "average the weights over the steps with this decay, and use the average; 0: do not")
      .below(0, 1);
  options.add("label-smoothing", &s.label_smoothing, "E", "share spread over all classes")
      .below(0, 1);
  options.add("clip", &s.clip, "NORM", "largest norm of the gradient; 0 for any").range(0);
  options
      .add("precision", &s.precision, "DTYPE",
           "of matrix products: float32 or bfloat16 (mixed precision: weights, statistics, "
           "rotations and the optimiser stay float32)")
      .choices({"float32", "bfloat16"});
  options.flag("cuda-graph", s.cuda_graph,
               "on a GPU: launch each step as one CUDA graph; for small models, whose steps are "
               "mostly launches");
  options.add("seed", &s.seed, "N", "of every random choice; the same seed gives the same weights")
      .range(0);
  add_augmentation(options, s.augment);
  options.section("Checkpoints");
  options.flag("resume", s.resume, "go on from the newest checkpoint in the folder to write")
      .line_only();
  options
      .add("checkpoint-steps", &s.checkpoint_steps, "N",
           "save every N steps too, not at the end of an epoch only; 0: do not")
      .range(0);
  options.add("keep-checkpoints", &s.keep_checkpoints, "N", "the newest ones that stay")
      .range(1, 1e6);
  options.add("save", &s.save, "WHICH", "weights of the last or the best epoch, by validation")
      .choices({"last", "best"});
}

void resolve(Options& options, const TrainingSettings& s) {
  options.applies_when(s.optimizer == "sgd", {"momentum"}, "--optimizer sgd");
  options.applies_when(s.schedule != "constant", {"min-lr"}, "--schedule cosine or linear");
  options.applies_when(s.accumulate == 1, {"cuda-graph"}, "--accumulate 1");
  check<UsageError>(s.min_lr <= s.lr, "--min-lr: expected at most the rate ", s.lr, ", got ",
                    s.min_lr);
}

void save_result(TrainingEnd& end, const std::function<void()>& save) {
  if (!end.trained) return;
  try {
    save();
    end.saved = true;
  } catch (const FileError& e) {
    end.failure += str(end.failure.empty() ? "" : "; ", e.what());
  }
}

int report_end(const Options& options, const TrainingEnd& end, const std::string& out) {
  const std::string who = "papilio " + options.command();
  std::string line;
  if (!end.failure.empty()) {
    line = end.failure;
    if (end.saved)
      line += str("; the model of step ", end.model_step, " is in ", out);
    else if (!end.trained)
      line += end.cleared ? "; nothing is written, and what was there before is removed, at least "
                            "in part"
                          : "; nothing is written";
  } else if (end.signal != 0) {
    line = str("interrupted after step ", end.steps, " of ", end.total_steps,
               "; what it learned is in ", out);
  } else {
    if (!end.warning.empty()) warn(options, {end.warning});
    return 0;
  }
  std::fprintf(stderr, "%s: %s\n", who.c_str(), printable(line).c_str());
  if (end.resumable)
    std::fprintf(stderr, "go on with: %s\n", resume_command(options.command(), out).c_str());
  return end.failure.empty() ? 128 + end.signal : 1;
}

void add_to_json(nlohmann::json& object, const TrainingEnd& end) {
  object["steps"] = end.steps;
  object["total_steps"] = end.total_steps;
  object["seconds"] = end.seconds;
  object["images_per_second"] = end.images_per_second;
  object["peak_memory_bytes"] = end.peak_memory;
  object["train_loss"] = end.train_loss;
  object["validation_accuracy"] = end.validation_accuracy;
  object["best_validation_accuracy"] = end.best_accuracy;
  object["interrupted"] = end.signal != 0;
  object["failure"] = end.failure.empty() ? nlohmann::json(nullptr) : nlohmann::json(end.failure);
}

}  // namespace papilio::cli
