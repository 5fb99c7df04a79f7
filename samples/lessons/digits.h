// What lessons 12 to 15 share: the digits, a small net, and how a model learns them.
#pragma once

#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "autograd/ops.h"
#include "nn/data/batch_source.h"
#include "nn/data/image_batches.h"
#include "nn/data/loader.h"
#include "nn/data/sources/digits.h"
#include "nn/data/sources/image_dataset.h"
#include "nn/layers/linear.h"
#include "nn/optim/optimizer.h"
#include "nn/optim/schedule.h"
#include "nn/train/fit.h"

#ifndef PAPILIO_DIGITS  // the build says where the repository is
#define PAPILIO_DIGITS "samples/data/optdigits.csv.gz"
#endif

namespace papilio::lessons {

// The digits of the file that a program's second argument names, or of the repository's.
inline nn::ImageSplits read_digits(int argc, char** argv) {
  const std::string path = argc > 2 ? argv[2] : PAPILIO_DIGITS;
  std::ifstream file(path, std::ios::binary);
  check<Error>(file.good(), "cannot read ", path);
  return nn::digits_splits(std::string(std::istreambuf_iterator<char>(file), {}), path);
}

// Those of some classes, which are then 0, 1, 2, ...
inline nn::Batches digits_of(const nn::ImageData& part, const std::vector<int64_t>& classes) {
  return nn::plain_batches(nn::with_classes(part, classes), nn::digits_processor());
}

// 64 pixels, two hidden layers, and a head.
struct Net : nn::Module {
  nn::Linear fc1{64, 64}, fc2{64, 64}, head;

  explicit Net(int64_t classes) : head(64, classes) {}
  Tensor features(const Tensor& x) { return relu(fc2(relu(fc1(flatten(x, 1))))); }
  Tensor operator()(const Tensor& x) { return head(features(x)); }
  void visit(nn::Visitor& v) override { v("fc1", fc1), v("fc2", fc2), v("head", head); }
  std::string describe() const override { return "Net"; }
};

// Trains what trains in the model; the rate falls to 0 as half a cosine.
template <class Model>
void learn(Model& model, const nn::Batches& data, int64_t steps, double lr, uint64_t seed = 1) {
  nn::Loader loader(data, {.batch_size = 64, .seed = seed});
  nn::AdamW optimizer({{.parameters = nn::trainable_parameters(model)}}, {.lr = lr});
  nn::fit(model, [&](const Tensor& x) { return model(x); }, loader, optimizer,
          {.steps = steps, .schedule = {.kind = nn::Schedule::Kind::cosine, .total_steps = steps}});
}

}  // namespace papilio::lessons
