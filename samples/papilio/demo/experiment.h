// The main job: pretrain on the old classes, adapt to the new ones by every method, and measure.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "boft/model/model.h"
#include "nn/data/batch_source.h"
#include "nn/data/sources/image_dataset.h"
#include "nn/layers/linear.h"
#include "nn/models/vit.h"
#include "nn/train/fit.h"
#include "samples/papilio/demo/methods.h"
#include "samples/papilio/demo/task.h"

namespace papilio::demo {

// A pretrained model as values, from which every run starts anew.
struct Pretrained {
  nn::ViTConfig config;
  nn::StateDict state = {};
  double accuracy = 0;            // on the old classes' test pictures
  Device device = Device::cpu();  // where the runs compute
};

// What a run says while it goes: the step, its loss, images in it. False ends the run.
using OnStep = std::function<bool(int64_t step, double loss, int64_t images)>;

Pretrained pretrain(const Task& task, const Hyperparameters& hyperparameters, uint64_t seed,
                    Device device, const OnStep& on_step);

// One adaptation: a model with its adapter (if the method has one) and the pretrained head beside
// it.
class Run {
 public:
  Run(const Pretrained& pretrained, const DemoMethod& method, uint64_t seed);

  struct Point {
    int64_t step;
    double loss;  // of this training batch
  };
  struct Accuracy {
    int64_t step;
    double new_digits, old_digits;  // on the test digits
  };
  // Trains; measures accuracy on the test digits at the start, every `every` steps and at the end
  // (which a run that was ended does not reach).
  void train(const Task& task, const Hyperparameters& hyperparameters, int64_t every,
             const OnStep& on_step);

  // Before training: the new head is fitted to the features of the frozen backbone.
  void fit_head(const Task& task, const Hyperparameters& hyperparameters);
  // A head fitted afresh to what the features are now, on the old classes: its test accuracy. The
  // model's own head stays.
  double probe_old(const Task& task, const Hyperparameters& hyperparameters);
  // After training: so much of what was trained; see AdapterModel::set_strength. Of full finetuning
  // so much of the difference to the pretrained weights, each time of what was trained. The new
  // head stays.
  void set_strength(const Pretrained& pretrained, double strength);

  nn::Evaluation evaluate(const nn::Batches& pictures);
  double accuracy_old(const Task& task);  // of the test pictures, through the pretrained head
  Tensor logits(const Tensor& images);
  int64_t trainable_parameters();
  // Weights of the layers that the methods adapt, as they act now, by path; on the CPU.
  std::map<std::string, Tensor> weights();

  nn::ViTForImageClassification& model() { return *model_; }
  boft::AdapterModel* adapters() { return adapters_.get(); }
  const DemoMethod& method() const { return method_; }
  const std::vector<Point>& losses() const { return losses_; }
  const std::vector<Accuracy>& accuracies() const { return accuracies_; }

 private:
  DemoMethod method_;
  uint64_t seed_;
  std::unique_ptr<nn::ViTForImageClassification> model_;
  std::unique_ptr<nn::Linear> old_head_;
  std::unique_ptr<boft::AdapterModel> adapters_;
  nn::StateDict trained_;  // of full finetuning, before its strength was changed
  std::vector<Point> losses_;
  std::vector<Accuracy> accuracies_;
};

// Sum of the hyperspherical energies of all layers.
double total_energy(const std::map<std::string, Tensor>& weights);

struct StepTime {
  double seconds;  // median of one training step with the method
  double ratio;    // to the same step with every adapter off and activation gradients kept,
                   // alternating with it
};
StepTime time_step(const Pretrained& pretrained, const DemoMethod& method, const Task& task,
                   const Hyperparameters& hyperparameters, int64_t repeats);

}  // namespace papilio::demo
