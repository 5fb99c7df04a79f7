// A small vision transformer learns to read handwritten digits. Arguments: device, data file.
#include <cstddef>
#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include "autograd/backward.h"
#include "autograd/ops.h"
#include "nn/data/batch_source.h"
#include "nn/data/image_batches.h"
#include "nn/data/loader.h"
#include "nn/data/sources/digits.h"
#include "nn/data/sources/image_dataset.h"
#include "nn/models/vit.h"
#include "nn/optim/optimizer.h"
#include "nn/optim/parameter_groups.h"
#include "nn/train/fit.h"
#include "tensor/device_named.h"

#ifndef PAPILIO_DIGITS  // the build says where the repository is
#define PAPILIO_DIGITS "samples/data/optdigits.csv.gz"
#endif

using namespace papilio;

// values: (rows, columns) as characters, from ' ' for the smallest to '@' for the largest.
void draw(const Tensor& values) {
  const double low = min(values).item(), high = max(values).item();
  const auto v = values.to_vector<double>();
  for (size_t i = 0; i < v.size(); ++i) {
    const char c = " .:-=+*#%@"[int(9.99 * (v[i] - low) / (high - low))];
    std::cout << c << c << ((i + 1) % size_t(values.size(1)) ? "" : "\n");
  }
}

int main(int argc, char** argv) try {
  const Device device = device_named("DEVICE", argc > 1 ? argv[1] : "cpu");
  const std::string path = argc > 2 ? argv[2] : PAPILIO_DIGITS;
  std::ifstream file(path, std::ios::binary);
  check<Error>(file.good(), "cannot read ", path);
  const std::string bytes(std::istreambuf_iterator<char>(file), {});
  const nn::ImageSplits digits = nn::digits_splits(bytes, path);
  const nn::Batches train = nn::plain_batches(digits.train, nn::digits_processor()),
                    test = nn::plain_batches(digits.test, nn::digits_processor());

  manual_seed(4);
  nn::ViTForImageClassification model({.image_size = 8,
                                       .patch_size = 2,
                                       .num_channels = 1,
                                       .hidden_size = 32,
                                       .num_hidden_layers = 2,
                                       .num_attention_heads = 4,
                                       .intermediate_size = 64,
                                       .num_labels = 10,
                                       .initializer_range = 0.1});
  nn::to(model, device);
  std::cout << nn::trainable_parameters_line(model) << "\n\n";
  nn::AdamW optimizer(nn::parameter_groups(model, {.weight_decay = 0.05}), {.lr = 3e-3});
  nn::Loader loader(train, {.batch_size = 64, .seed = 4});

  double first = 0, last = 0;
  for (int step = 0; step <= 150; ++step) {
    const nn::Batch batch = loader.next();
    const Tensor images = to(batch.inputs, device), labels = to(batch.labels, device);
    const Tensor loss = cross_entropy(model(images), labels);  // images (64, 1, 8, 8)
    optimizer.zero_grad();
    backward(loss);
    optimizer.step();
    last = loss.item();
    if (step == 0) first = last;
    if (step % 15 == 0) std::cout << "step " << step << "  loss " << last << '\n';
  }
  const auto forward = [&](const Tensor& images) { return model(images); };
  const nn::Evaluation result = nn::evaluate(model, forward, test);
  std::cout << "\naccuracy on " << test->size() << " digits never seen: " << result.accuracy
            << '\n';

  const Tensor image = slice(nn::whole_batch(*test).inputs, 0, 8, 9);  // (1, 1, 8, 8)
  std::cout << "\nthis is read as " << result.predicted[8] << " with probability "
            << result.probability[8] << ":\n";
  draw(reshape(image, {8, 8}));
  // Where the class token (number 0) looks in the last layer: the mean of its four heads, (17).
  const Tensor looks =
      mean(select(model.attention_probabilities(to(image, device))[1], 2, 0), {0, 1});
  std::cout << "its class token looks at these patches:\n";
  draw(reshape(slice(looks, 0, 1), {4, 4}));
  check<Error>(first > 1.5, "an untrained model should be near the loss of guessing, ln 10 = 2.3");
  check<Error>(last < 0.6 && result.accuracy > 0.85, "the model did not learn");
} catch (const std::exception& e) {
  std::cerr << "04_vit: " << e.what() << '\n';
  return 1;
}
