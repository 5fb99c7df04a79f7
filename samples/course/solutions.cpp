// Answers to the course's exercises, computed and checked.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iostream>
#include <numbers>
#include <string>
#include <vector>

#include "autograd/backward.h"
#include "autograd/ops.h"
#include "boft/geometry/angles.h"
#include "boft/methods/hra.h"
#include "boft/methods/lora.h"
#include "boft/methods/methods.h"
#include "boft/methods/oft.h"
#include "boft/model/plan.h"
#include "boft/ops.h"
#include "boft/ops/butterfly_graph.h"
#include "boft/ops/butterfly_shape.h"
#include "nn/layers/linear.h"
#include "nn/models/vit.h"
#include "tensor/creation.h"

using namespace papilio;

constexpr double kDegrees = 180 / std::numbers::pi;

// Prints an answer and compares it with what was computed by hand.
void answer(int exercise, const std::string& what, double value, double expected) {
  std::cout << exercise << ". " << what << ": " << value << '\n';
  check<Error>(std::abs(value - expected) <= 1e-6 * std::abs(expected), "exercise ", exercise, ": ",
               what, ": expected ", expected, ", got ", value);
}

struct Layer : nn::Module {
  nn::Linear fc{16, 16};
  void visit(nn::Visitor& v) override { v("fc", fc); }
  std::string describe() const override { return "Layer"; }
};

double freedom(const boft::AdapterConfig& config) {
  Layer layer;
  return double(boft::plan_adapter(layer, config).layers.at(0).degrees_of_freedom);
}

// A block turned by these angles, as rows.
Tensor turned(const std::vector<double>& degrees) {
  const auto n = int64_t(2 * degrees.size());
  Tensor s = zeros({1, n, n}, {.dtype = DType::float64});
  for (size_t i = 0; i < degrees.size(); ++i) {
    const double sigma = std::tan(degrees[i] / kDegrees / 2);
    s.data<double>()[int64_t(2 * i) * n + int64_t(2 * i) + 1] = -sigma;
    s.data<double>()[(int64_t(2 * i) + 1) * n + int64_t(2 * i)] = sigma;
  }
  return s;
}

int main() try {
  const Tensor x = leaf(tensor<double>({2}, {1}));
  backward(sum((x * x + 3) * x));
  answer(1, "df/dx = 3 x^2 + 3", grad(x).item(), 15);

  nn::ViTForImageClassification vit({.image_size = 32,
                                     .patch_size = 4,
                                     .num_channels = 3,
                                     .hidden_size = 96,
                                     .num_hidden_layers = 1,
                                     .num_attention_heads = 3,
                                     .intermediate_size = 192});
  double embedding = 0;
  for (const auto& [name, tensor] : nn::named_parameters(vit))
    if (name.find("patch_embeddings") != std::string::npos) embedding += double(tensor->numel());
  answer(2, "parameters of the patch embedding, 96 * 48 + 96", embedding, 4704);
  const Tensor P = vit.attention_probabilities(zeros({1, 3, 32, 32}))[0];
  answer(2, "tokens, 64 patches and one of the class", double(P.size(2)), 65);
  answer(2, "numbers of one head's P", double(P.size(2) * P.size(3)), 4225);

  const Tensor q = cayley(tensor<double>({0, -1, 1, 0}, {2, 2}));
  const Tensor column = matmul(q, tensor<double>({1, 0}, {2, 1}));  // where the first axis goes
  const auto at = column.to_vector<double>();
  answer(3, "degrees that a column turns by at sigma = 1", std::atan2(at[1], at[0]) * kDegrees,
         -90);
  answer(3, "sigma of 60 degrees, tan 30", std::tan(30 / kDegrees), 1 / std::sqrt(3));

  answer(4, "degrees at most, 2 atan(eps / sqrt(2 N))",
         2 * std::atan(1 / std::sqrt(16.)) * kDegrees, 28.072486935852957);

  const ButterflyShape dense = butterfly_shape("solutions", 1024, 4, 0, 9);
  answer(5, "coordinates reached by 1 + log2(1024 / 4) = 9 factors", double(dense.segment()), 1024);
  answer(5, "angles, 9 * 1024 * 3 / 2", 9 * 1024 * 3 / 2., 13824);
  answer(5, "of all, in percent", 100 * 13824 / (1024 * 1023 / 2.), 2.639296187683284);
  answer(6, "edges, 9 * 1024 * 4", double(butterfly_edges(dense)), 36864);
  answer(6, "a dense matrix's edges are as many times more", 1024. * 1024 / 36864,
         28.444444444444443);

  int64_t largest = 0;
  for (const int64_t b : {2, 4, 8, 16, 32, 64})
    if (const int64_t N = 64 / b; int64_t(0.1 * double(N)) > 0) largest = b;
  answer(7, "largest b of which N = 64 / b has int(0.1 N) > 0", double(largest), 4);

  answer(8, "freedom of 4 reflections, 4 * 16 - 4 * 5 / 2",
         freedom(boft::HraConfig{.r = 4, .target_modules = {"fc"}}), 54);
  answer(8, "of LoRA r = 4, 4 * (16 + 16 - 4)",
         freedom(boft::LoraConfig{.r = 4, .target_modules = {"fc"}}), 112);
  answer(8, "of OFT b = 4, 4 * 6, the one whose change has full rank",
         freedom(boft::OftConfig{.oft_block_size = 4, .target_modules = {"fc"}}), 24);

  const Tensor s = turned({40, 10}), whole = cayley(s);
  const auto quarter = boft::rotation_angles(rotation_power(whole, s, 0.25));
  answer(9, "degrees at strength 0.25, the first plane", quarter[0] * kDegrees, 10);
  answer(9, "and the second", quarter[1] * kDegrees, 2.5);
  const Tensor back = matmul(rotation_power(whole, s, -1), whole);
  check<Error>(max(abs(back - eye(4, {.dtype = DType::float64}))).item() < 1e-12,
               "strength -1 undoes it");
  answer(9, "a scale of 3 at strength 0.5, 1 + (3 - 1) / 2", 1 + 0.5 * (3 - 1), 2);

  constexpr double rows = 1000, d = 1024, b = 4, m = 4, segment = b * 8;
  answer(10, "multiplications factor by factor, rows m d b", rows * m * d * b, 16384000);
  answer(10, "as a dense matrix, rows d^2", rows * d * d, 1048576000);
  const double once = segment * m * d * b;  // every axis of every segment through the factors
  answer(10, "collapsed, rows d segment and the products once", rows * d * segment + once,
         33292288);
  answer(10, "rows from which the products are less than a tenth, 10 m b",
         10 * once / (d * segment), 160);
} catch (const std::exception& e) {
  std::cerr << "solutions: " << e.what() << '\n';
  return 1;
}
