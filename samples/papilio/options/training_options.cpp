#include "samples/papilio/options/training_options.h"

#include "samples/papilio/options/option.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/options/rank_options.h"

namespace papilio::cli {

void add_batch_options(Options& options, TrainingSettings& s) {
  options.add("batch-size", &s.batch_size, "N", "samples in a batch").range(1, 1e6);
  options.add("accumulate", &s.accumulate, "N", "batches whose gradients make one step")
      .range(1, 1e6);
  options
      .add("precision", &s.precision, "DTYPE",
           "of matrix products: float32 or bfloat16 (mixed precision: weights, statistics, "
           "rotations and the optimiser stay float32)")
      .choices({"float32", "bfloat16"});
  options
      .add("ema", &s.ema, "D",
           "average the weights over the steps with this decay, and use the average; 0: do not")
      .below(0, 1);
}

void add_rate_options(Options& options, TrainingSettings& s) {
  options.add("lr", &s.lr, "RATE", "highest learning rate").range(0);
  options.add("weight-decay", &s.weight_decay, "W", "decoupled; not on biases, norms and scales")
      .range(0);
  options.add("schedule", &s.schedule, "NAME", "of the rate: cosine, linear or constant")
      .choices({"cosine", "linear", "constant"});
  options.add("warmup", &s.warmup, "SHARE", "of all steps, in which the rate rises").below(0, 1);
  options.add("clip", &s.clip, "NORM", "largest norm of the gradient; 0 for any").range(0);
  options
      .add("seed", &s.seed, "N",
           "of every random choice; the same seed and --threads give the same weights")
      .range(0);
}

void add_checkpoint_options(Options& options, TrainingSettings& s) {
  options.section("Checkpoints");
  options.flag("resume", s.resume, "go on from the newest checkpoint in the folder to write")
      .line_only();
  options
      .add("checkpoint-steps", &s.checkpoint_steps, "N",
           "save every N steps too; 0: only at the end of an epoch, or of a run that counts steps")
      .range(0)
      .may_differ_on_resume();
  options.add("keep-checkpoints", &s.keep_checkpoints, "N", "the newest ones that stay")
      .range(1, 1e6)
      .may_differ_on_resume();
}

void add_memory_limit(Options& options, TrainingSettings& s) {
  options
      .add("memory", &s.memory, "GB",
           "that the run may take at most; one that would take more does not begin, and says what "
           "would fit")
      .range(0)
      .default_is("what is free")
      .line_only();
}

void add_fit_memory(Options& options, TrainingSettings& s, const std::string& besides) {
  options
      .flag("fit-memory", s.fit_memory,
            "if a batch would take more memory than there is, take fewer samples at a time, "
            "accumulated to as many in a step" +
                besides)
      .line_only();
}

void add_recompute(Options& options, TrainingSettings& s) {
  options
      .add("recompute", &s.recompute, "WHAT",
           "to compute again in the backward pass instead of keeping it: off, blocks (least "
           "memory, a third more time) or selective (each block's MLP); the bits are the same")
      .choices({"off", "blocks", "selective"})
      .may_differ_on_resume();
}

void add_memory_options(Options& options, TrainingSettings& s) {
  add_batch_options(options, s);
  add_recompute(options, s);
  options
      .add("optimizer", &s.optimizer, "NAME",
           "adamw, adamw8bit (its moments in 8 bits, as bitsandbytes has them) or sgd")
      .choices({"adamw", "adamw8bit", "sgd"});
  add_memory_limit(options, s);
}

std::vector<Options::Handle> memory_options(const TrainingSettings& s) {
  return {&s.batch_size, &s.accumulate, &s.precision, &s.ema,
          &s.recompute,  &s.optimizer,  &s.memory};
}

void add_training_options(Options& options, TrainingSettings& s) {
  options.section("Training");
  options.add("epochs", &s.epochs, "N", "passes over the training samples").range(1, 1e6);
  add_memory_options(options, s);
  add_rate_options(options, s);
  options.option(&s.weight_decay).help =
      "adamw: decoupled; sgd: added to the gradient; not on biases, norms and scales";
  options.add("head-lr", &s.head_lr, "RATE", "highest rate of the classifier; 0: it stays")
      .range(0)
      .default_is("--lr");
  options.add("momentum", &s.momentum, "M", "of sgd").below(0, 1);
  options.add("min-lr", &s.min_lr, "RATE", "where the schedule ends").range(0);
  options
      .add("layer-decay", &s.layer_decay, "D",
           "each layer learns D times as fast as the one after it; 1: all alike")
      .range(0.01, 1);
  options.add("label-smoothing", &s.label_smoothing, "E", "share spread over all classes")
      .below(0, 1);
  add_fit_memory(options, s, ", and compute blocks again (--recompute) if that is not enough");
  options
      .flag("cuda-graph", s.cuda_graph,
            "on a GPU: launch each step as one CUDA graph; for small models, whose steps are "
            "mostly launches")
      .may_differ_on_resume();
  options
      .add("patience", &s.patience, "N",
           "stop after N epochs in a row without a better validation accuracy; 0: do not")
      .range(0, 1e6);
  add_augmentation(options, s.augment);
  add_rank_options(options, s);
  add_checkpoint_options(options, s);
  options.add("save", &s.save, "WHICH", "weights of the last or the best epoch, by validation")
      .choices({"last", "best"})
      .may_differ_on_resume();
}

void check_training_options(Options& options, const TrainingSettings& s, Device device) {
  options.applies_when(s.optimizer == "sgd", {&s.momentum}, "--optimizer sgd");
  options.applies_when(s.schedule != "constant", {&s.min_lr}, "--schedule cosine or linear");
  options.applies_when(s.accumulate == 1, {&s.cuda_graph}, "--accumulate 1");
  check<UsageError>(s.min_lr <= s.lr, "--min-lr: expected at most the rate ", s.lr, ", got ",
                    s.min_lr);
  options.applies_when(!device.is_cpu(), {&s.cuda_graph}, "--device cuda");
  options.name_if_given({&s.head_lr, &s.patience});
  settle_rank_options(options, s);
  check<UsageError>(s.lr > 0 || s.head_lr <= 0, "--head-lr: needs an --lr above 0");
}

}  // namespace papilio::cli
