// Papilio's half of the timing beside PEFT; bench_peft.py starts it and reads its one line.
//
//   papilio_times step BASE BATCH METHOD DTYPE RECOMPUTE SECONDS
//   papilio_times forward BASE BATCH DTYPE SECONDS
//   papilio_times layer IN OUT B M ROWS SECONDS     one adapted Linear, forward and backward
//   papilio_times cayley B COUNT SECONDS            forward and backward
//
//   papilio_times pictures FOLDER WORKERS SECONDS   a picture read and augmented, the mean of all
//
// METHOD: full, or an adapter's folder. DTYPE: of products, float32 or bfloat16. RECOMPUTE: off,
// blocks or selective. Prints the shortest call in seconds and by how many bytes the process grew
// at its largest.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "autograd/autocast.h"
#include "autograd/backward.h"
#include "autograd/grad_mode.h"
#include "autograd/ops.h"
#include "boft/files/checkpoint.h"
#include "boft/ops/cayley.h"
#include "nn/data/image_batches.h"
#include "nn/data/loader.h"
#include "nn/data/sources/image_folder.h"
#include "nn/layers/block.h"
#include "nn/models/pretrained.h"
#include "nn/optim/optimizer.h"
#include "tensor/copy.h"
#include "tensor/files/safetensors.h"
#include "tensor/random.h"
#include "tests/bench/targets.h"
#include "tests/peers/or_say.h"
#include "tests/peers/process_bytes.h"

namespace papilio::test {
namespace {

template <class F>
void report(int64_t before, double seconds, F&& call) {
  for (int i = 0; i < 3; ++i) call();
  double best = std::numeric_limits<double>::infinity(), spent = 0;
  while (spent < seconds) {
    const double one = bench::best_seconds(1, call);
    best = std::min(best, one);
    spent += one;
  }
  std::cout << best << ' ' << process_bytes("VmHWM") - before << '\n';
}

// What both sides load.
struct Work {
  nn::PretrainedClassifier base;
  Tensor images, labels;
  DType precision;

  Work(const std::string& base_folder, const std::string& batch_file, const std::string& dtype)
      : base(nn::from_pretrained(base_folder)),
        precision(dtype == "bfloat16" ? DType::bfloat16 : DType::float32) {
    const SafetensorsFile batch = load_safetensors(batch_file);
    images = copy_of(batch.tensors.at("pixel_values"));
    labels = copy_of(batch.tensors.at("labels"));
  }
  Tensor logits() const {
    const Autocast scope(precision);
    return (*base.model)(images);
  }
};

nn::Recompute recompute_of(const std::string& word) {
  if (word == "off") return nn::Recompute::off;
  if (word == "blocks") return nn::Recompute::blocks;
  check(word == "selective", "papilio_times: RECOMPUTE is off, blocks or selective");
  return nn::Recompute::selective;
}

void time_forward(const Work& work, double seconds) {
  const int64_t before = process_bytes("VmRSS");
  const NoGrad no_grad;
  nn::eval(*work.base.model);
  report(before, seconds, [&] { work.logits(); });
}

void time_step(const Work& work, const std::string& method, const std::string& recompute,
               double seconds) {
  nn::ImageClassifier& model = *work.base.model;
  nn::set_recompute(model, recompute_of(recompute));
  const int64_t before = process_bytes("VmRSS");
  std::unique_ptr<boft::AdapterModel> adapters;
  nn::train(model);
  if (method == "full") {
    nn::set_trainable(model, true);
  } else {
    adapters = std::make_unique<boft::AdapterModel>(model);
    boft::load_adapter(*adapters, method);
  }
  nn::AdamW optimizer({{.parameters = nn::trainable_parameters(model)}});
  report(before, seconds, [&] {
    optimizer.zero_grad();
    backward(cross_entropy(work.logits(), work.labels));
    optimizer.step();
  });
}

struct OneLayer : nn::Module {
  nn::Linear linear;
  OneLayer(int64_t in, int64_t out) : linear(in, out) {}
  void visit(nn::Visitor& v) override { v("linear", linear); }
  std::string describe() const override { return "OneLayer"; }
};

void time_layer(int64_t in, int64_t out, int64_t b, int64_t m, int64_t rows, double seconds) {
  OneLayer model(in, out);
  const Tensor x = leaf(randn({rows, in})), dy = randn({rows, out});
  const int64_t before = process_bytes("VmRSS");
  boft::AdapterModel adapters(model);
  adapters.add_adapter("default", boft::BoftConfig{.boft_block_size = b,
                                                   .boft_n_butterfly_factor = m,
                                                   .target_modules = {"linear"},
                                                   .init_weights = false});
  report(before, seconds, [&] {
    nn::zero_grad(model);
    zero_grad(x);
    backward(model.linear(x), dy);
  });
}

void time_cayley(int64_t b, int64_t count, double seconds) {
  const Tensor r = leaf(normal({count, b, b}, 0, 0.1)), dq = normal({count, b, b}, 0, 1);
  report(process_bytes("VmRSS"), seconds, [&] {
    zero_grad(r);
    backward(cayley(r), dq);
  });
}

// Batches of 32 at 224 pixels, as bench_pictures.py makes them: a part resized, a flip,
// RandAugment.
void time_pictures(const std::string& folder, int64_t workers, double seconds) {
  const int64_t before = process_bytes("VmRSS");
  nn::ImageBatchOptions options;
  options.transform = {.processor = nn::image_processor_for(224, 224, 3),
                       .crop = nn::TrainTransform::Crop::resized,
                       .interpolation = nn::Interpolation::bilinear,
                       .hflip = 0.5,
                       .rand_augment = {}};
  nn::Loader loader(nn::batches_of(nn::image_folder(folder), options),
                    {.batch_size = 32, .workers = workers});
  const auto now = [] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
  };
  // Until next() waits for the workers: then none lies ready when the clock starts or stops.
  for (int i = 0; i < 8; ++i) loader.next();
  int64_t pictures = 0;
  const double begin = now();
  while (now() - begin < seconds) pictures += loader.next().size();
  std::cout << (now() - begin) / double(pictures) << ' ' << process_bytes("VmHWM") - before << '\n';
}

int run(const std::vector<std::string>& words) {
  const auto number = [&](size_t i) { return std::stoll(words.at(i)); };
  const double seconds = std::stod(words.back());
  if (words[0] == "step" && words.size() == 7) {
    time_step({words[1], words[2], words[4]}, words[3], words[5], seconds);
  } else if (words[0] == "forward" && words.size() == 5) {
    time_forward({words[1], words[2], words[3]}, seconds);
  } else if (words[0] == "layer" && words.size() == 7) {
    time_layer(number(1), number(2), number(3), number(4), number(5), seconds);
  } else if (words[0] == "pictures" && words.size() == 4) {
    time_pictures(words[1], number(2), seconds);
  } else {
    check(words[0] == "cayley" && words.size() == 4,
          "papilio_times: expected step, forward, layer, pictures or cayley");
    time_cayley(number(1), number(2), seconds);
  }
  return 0;
}

}  // namespace
}  // namespace papilio::test

int main(int argc, char** argv) {
  return papilio::test::or_say([&] {
    papilio::check(argc > 1, "papilio_times: expected step, forward, layer, pictures or cayley");
    return papilio::test::run({argv + 1, argv + argc});
  });
}
