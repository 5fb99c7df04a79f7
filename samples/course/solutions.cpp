// Answers to the course's exercises, and to those exam questions that can be computed, checked.
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
#include "boft/geometry/butterfly_factorization.h"
#include "boft/geometry/energy.h"
#include "boft/methods/boft.h"
#include "boft/methods/hra.h"
#include "boft/methods/lora.h"
#include "boft/methods/methods.h"
#include "boft/methods/oft.h"
#include "boft/model/model.h"
#include "boft/model/plan.h"
#include "boft/ops.h"
#include "boft/ops/butterfly_graph.h"
#include "boft/ops/butterfly_shape.h"
#include "nn/layers/linear.h"
#include "nn/models/vit.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/dry_run.h"
#include "tensor/random.h"

using namespace papilio;

constexpr double kDegrees = 180 / std::numbers::pi;

const TensorOptions f64{.dtype = DType::float64};

// Prints an answer and compares it with what was computed by hand.
void answer(int number, const std::string& what, double value, double expected) {
  std::cout << number << ". " << what << ": " << value << '\n';
  check<Error>(std::abs(value - expected) <= 1e-6 * std::abs(expected), number, ". ", what,
               ": expected ", expected, ", got ", value);
}

// What should be nothing but rounding.
void nothing(int number, const std::string& what, double value) {
  std::cout << number << ". " << what << ": " << value << '\n';
  check<Error>(std::abs(value) < 1e-5, number, ". ", what, ": expected 0, got ", value);
}

// What should be more than that.
void something(int number, const std::string& what, double value) {
  std::cout << number << ". " << what << ": " << value << '\n';
  check<Error>(std::abs(value) > 1e-3, number, ". ", what, ": expected a change, got ", value);
}

struct Layer : nn::Module {
  nn::Linear fc;
  explicit Layer(int64_t d = 16) : fc(d, d) {}
  void visit(nn::Visitor& v) override { v("fc", fc); }
  std::string describe() const override { return "Layer"; }
};

boft::LayerPlan plan(const boft::AdapterConfig& config, int64_t d) {
  const DryRun no_memory;
  Layer layer(d);
  return boft::plan_adapter(layer, config).layers.at(0);
}

double freedom(const boft::AdapterConfig& config) {
  return double(plan(config, 16).degrees_of_freedom);
}

double largest(const Tensor& x) {
  return max(abs(x)).item();
}

// A block turned by these angles, as rows.
Tensor turned(const std::vector<double>& degrees) {
  const auto n = int64_t(2 * degrees.size());
  Tensor s = zeros({1, n, n}, f64);
  for (size_t i = 0; i < degrees.size(); ++i) {
    const double sigma = std::tan(degrees[i] / kDegrees / 2);
    s.data<double>()[int64_t(2 * i) * n + int64_t(2 * i) + 1] = -sigma;
    s.data<double>()[(int64_t(2 * i) + 1) * n + int64_t(2 * i)] = sigma;
  }
  return s;
}

void exercises() {
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
  check<Error>(max(abs(back - eye(4, f64))).item() < 1e-12, "strength -1 undoes it");
  answer(9, "a scale of 3 at strength 0.5, 1 + (3 - 1) / 2", 1 + 0.5 * (3 - 1), 2);

  constexpr double rows = 1000, d = 1024, b = 4, m = 4, segment = b * 8;
  answer(10, "multiplications factor by factor, rows m d b", rows * m * d * b, 16384000);
  answer(10, "as a dense matrix, rows d^2", rows * d * d, 1048576000);
  const double once = segment * m * d * b;  // every axis of every segment through the factors
  answer(10, "collapsed, rows d segment and the products once", rows * d * segment + once,
         33292288);
  answer(10, "rows from which collapsing is at most a tenth of the rest, 10 m b",
         10 * once / (d * segment), 160);
}

// Question 4: what leaves the energy as it is, and what does not.
void energies() {
  manual_seed(4);
  const Tensor W = randn({8, 16}, f64), R = cayley(randn({16, 16}, f64));
  const double energy = boft::hyperspherical_energy(W);
  const auto change = [&](const Tensor& w) { return boft::hyperspherical_energy(w) / energy - 1; };
  nothing(4, "energy's change by a common rotation", change(matmul(W, transpose(R, 0, 1))));
  nothing(4, "by a positive scale of each row", change(exp(randn({8, 1}, f64)) * W));
  Tensor sign = ones({8, 1}, f64);
  sign.data<double>()[0] = -1;
  something(4, "by a row that is turned round", change(sign * W));
}

// Question 8: ||p(i sigma)|^2 - 1| of the series whose last powers are 3 and 4, at sigma = 0.4.
void series() {
  const double sigma = 0.4;
  const Tensor a = tensor<double>({0, -sigma, sigma, 0}, {1, 2, 2});
  const auto error = [&](int64_t terms) {
    return boft::orthogonality_error(cayley_neumann(a, terms));
  };
  answer(8, "four terms, sigma^6", error(4), std::pow(sigma, 6));
  answer(8, "five terms, 1 - (1 - sigma^4)^2, which is more", error(5),
         1 - std::pow(1 - std::pow(sigma, 4), 2));
}

// Question 9: what trains in a layer of 4096 inputs and as many outputs.
void sizes() {
  constexpr int64_t d = 4096;
  const auto boft = plan(
                 boft::BoftConfig{
                     .boft_block_size = 4, .boft_n_butterfly_factor = 2, .target_modules = {"fc"}},
                 d),
             oft = plan(boft::OftConfig{.oft_block_size = 8, .target_modules = {"fc"}}, d),
             lora = plan(boft::LoraConfig{.r = 8, .target_modules = {"fc"}}, d);
  const auto reached = [](int64_t b, int64_t m) {
    return double(butterfly_shape("solutions", d, b, 0, m).segment());
  };
  answer(9, "BOFT stores m d b numbers and d scales", double(boft.parameters), 36864);
  answer(9, "of which m d (b - 1) / 2 angles and the scales act", double(boft.degrees_of_freedom),
         16384);
  answer(9, "and reaches, 2 b", reached(4, 2), 8);
  answer(9, "OFT stores d (b - 1) / 2 angles", double(oft.parameters), 14336);
  answer(9, "and reaches, b", reached(8, 1), 8);
  answer(9, "LoRA stores 2 d r numbers, and reaches all", double(lora.parameters), 65536);
}

// Question 11: two rotations, merged one after the other.
void two_adapters() {
  manual_seed(11);
  Layer layer;
  const Tensor W = copy_of(layer.fc.weight);
  boft::AdapterModel adapters(layer);
  std::vector<Tensor> turns;  // R_1^T, R_2^T
  for (const char* const name : {"first", "second"}) {
    adapters.add_adapter(name, boft::OftConfig{.oft_block_size = 4,
                                               .use_cayley_neumann = false,
                                               .target_modules = {"fc"},
                                               .init_weights = false});
    const Tensor q = adapters.layers(name)[0].adapter->rotations(false).detach();
    turns.push_back(transpose(butterfly_matrix(q), 0, 1));
  }
  adapters.merge(false, {"first", "second"});
  nothing(11, "W' - W R_1^T R_2^T, where x meets R_2 first",
          largest(layer.fc.weight - matmul(matmul(W, turns[0]), turns[1])));
  something(11, "W' - W R_2^T R_1^T",
            largest(layer.fc.weight - matmul(matmul(W, turns[1]), turns[0])));
}

// Question 12: a butterfly that turns u to an axis.
void to_axis() {
  const Tensor u = randn({16}, f64), unit = u / sqrt(sum(u * u));
  nothing(12, "u B - e_1",
          largest(butterfly_rotation(unit, boft::butterfly_to_axis(unit)) -
                  select(eye(16, f64), 0, 0)));
}

int main() try {
  std::cout << "Exercises\n";
  exercises();
  std::cout << "\nQuestions\n";
  energies();
  series();
  sizes();
  two_adapters();
  to_axis();
} catch (const std::exception& e) {
  std::cerr << "solutions: " << e.what() << '\n';
  return 1;
}
