// What holds for every layer and every valid setting, over random d, b, m, N and dtypes. (The
// rotation itself - orthogonal, det +1, equal to the dense product, the identity at the start - is
// drawn at random in ops/butterfly_rotation_test.cpp.)
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "autograd/grad_mode.h"
#include "boft/geometry/angles.h"
#include "boft/geometry/energy.h"
#include "boft/geometry/singular_values.h"
#include "boft/methods/oft.h"
#include "nn/layers/linear.h"
#include "tests/boft/one_layer.h"
#include "tests/compare.h"

namespace papilio::test {

using boft::AdapterModel;
using boft::BoftConfig;
using boft::OftConfig;

namespace {

constexpr int kRounds = 25;

// A layer's inputs and settings that the rules allow for them.
struct Setting {
  int64_t d, b, m, out;
};

class Draw {
 public:
  explicit Draw(uint64_t seed) : generator_(seed) { manual_seed(seed); }

  int64_t operator()(int64_t low, int64_t high) {
    return randint(low, high, {1}, DType::int64, generator_).item<int64_t>();
  }
  Setting setting() {
    for (;;) {
      const int64_t m = (*this)(1, 6), b = m == 1 ? (*this)(1, 17) : 2 * (*this)(1, 9);
      const int64_t d = b * (int64_t(1) << (m - 1)) * (*this)(1, 5);
      if (d <= 96) return {d, b, m, (*this)(1, 40)};
    }
  }
  // Another b and m for the same d.
  Setting other(const Setting& like) {
    for (;;) {
      const Setting found = setting();
      if (found.d == like.d) return {like.d, found.b, found.m, like.out};
    }
  }

 private:
  Generator generator_;
};

BoftConfig boft_config(Draw& draw, const Setting& s, bool random) {
  const bool by_number = draw(0, 2) == 0;
  return {.boft_block_size = by_number ? 0 : s.b,
          .boft_block_num = by_number ? s.d / s.b : 0,
          .boft_n_butterfly_factor = s.m,
          .target_modules = {"layer"},
          .init_weights = !random};
}

using Model = OneLayer<nn::Linear>;

// A base whose weights, biases and inputs use every bit that its dtype has.
Tensor become(Model& model, DType dtype) {
  nn::to(model, dtype);
  for (const auto& [name, tensor] : nn::named_parameters(model))
    copy_(tensor->detach(), normal(tensor->shape(), 0, 0.5, {.dtype = DType::float64}));
  return randn({5, model.layer.in_features()}, {.dtype = DType::float64});
}

double size_of_all(const std::vector<double>& values) {
  double largest = 1e-30;
  for (const double v : values) largest = std::max(largest, std::abs(v));
  return largest;
}

}  // namespace

TEST_CASE(
    "property: an adapted layer begins as its base, bit for bit, merged too, in every dtype") {
  Draw draw(1);
  for (const DType dtype : {DType::float32, DType::bfloat16, DType::float16, DType::float64}) {
    for (int round = 0; round < kRounds; ++round) {
      const Setting s = draw.setting();
      CAPTURE(str(dtype, " d ", s.d, " b ", s.b, " m ", s.m));
      Model model(s.d, s.out);
      const Tensor x = become(model, dtype);
      const auto base = outputs(model, x), weight = model.layer.weight.to_vector<double>();
      AdapterModel adapters(model);
      if (draw(0, 2) == 0) {
        adapters.add_adapter("boft", boft_config(draw, s, false));
      } else {
        adapters.add_adapter("oft", OftConfig{.oft_block_size = s.b,
                                              .use_cayley_neumann = draw(0, 2) == 0,
                                              .target_modules = {"layer"}});
      }
      CHECK(outputs(model, x) == base);
      adapters.merge(true);
      CHECK(model.layer.weight.to_vector<double>() == weight);
    }
  }
}

TEST_CASE("property: the adapted layer is s o (x R) W^T + bias as the dense factors have it") {
  Draw draw(2);
  for (int round = 0; round < kRounds; ++round) {
    const Setting s = draw.setting();
    CAPTURE(str("d ", s.d, " b ", s.b, " m ", s.m));
    Model model(s.d, s.out);
    const Tensor x = randn({5, s.d});
    AdapterModel adapters(model);
    adapters.add_adapter("boft", boft_config(draw, s, true));
    const Matrix w = dense_adapted(matrix_of(model.layer.weight), model.boft("boft"));
    Matrix want = matrix_of(x) * transposed(w);
    const auto bias = model.layer.bias.to_vector<double>();
    for (int64_t i = 0; i < 5; ++i) {
      for (int64_t j = 0; j < s.out; ++j) want(i, j) += bias[size_t(j)];
    }
    CHECK(largest_difference(outputs(model, x), want.values) < 1e-5 * size_of_all(want.values));
    adapters.merge(true);
    CHECK(largest_difference(model.layer.weight.to_vector<double>(), w.values) <
          1e-5 * size_of_all(w.values));
  }
}

TEST_CASE("property: merged = unmerged, unmerging is exact, for BOFT and OFT in every dtype") {
  Draw draw(3);
  struct Case {
    DType dtype;
    double tolerance;
  };
  for (const Case& c : {Case{DType::float32, 1e-5}, Case{DType::float64, 1e-12},
                        Case{DType::bfloat16, 0.05}, Case{DType::float16, 0.01}}) {
    for (int round = 0; round < kRounds; ++round) {
      const Setting s = draw.setting();
      CAPTURE(str(c.dtype, " d ", s.d, " b ", s.b, " m ", s.m));
      Model model(s.d, s.out);
      const Tensor x = become(model, c.dtype);
      const auto base = outputs(model, x), weight = model.layer.weight.to_vector<double>();
      AdapterModel adapters(model);
      if (draw(0, 2) == 0) {
        adapters.add_adapter("a", boft_config(draw, s, true));
      } else {
        adapters.add_adapter("a", OftConfig{.oft_block_size = s.b,
                                            .block_share = draw(0, 2) == 0,
                                            .use_cayley_neumann = draw(0, 2) == 0,
                                            .target_modules = {"layer"},
                                            .init_weights = false});
      }
      const auto adapted = outputs(model, x);
      adapters.merge(true);
      CHECK(largest_difference(outputs(model, x), adapted) < c.tolerance * size_of_all(adapted));
      adapters.unmerge();
      CHECK(model.layer.weight.to_vector<double>() == weight);
      CHECK(outputs(model, x) == adapted);
      adapters.unload();
      CHECK(outputs(model, x) == base);
    }
  }
}

TEST_CASE("property: active adapters compose in order, x meets the last one first") {
  Draw draw(4);
  for (int round = 0; round < kRounds; ++round) {
    const Setting first = draw.setting(), second = draw.other(first), third = draw.other(first);
    CAPTURE(str("d ", first.d, " b ", first.b, ' ', second.b, ' ', third.b));
    Model model(first.d, first.out);
    fill_(model.layer.bias, 0);
    const Tensor x = randn({3, first.d});
    AdapterModel adapters(model);
    adapters.add_adapter("first", boft_config(draw, first, true));
    adapters.add_adapter("second", boft_config(draw, second, true));
    adapters.add_adapter("third", boft_config(draw, third, true));
    adapters.set_adapter({"first", "second", "third"});
    Matrix w = matrix_of(model.layer.weight);
    for (const char* name : {"first", "second", "third"}) w = dense_adapted(w, model.boft(name));
    const Matrix want = matrix_of(x) * transposed(w);
    CHECK(largest_difference(outputs(model, x), want.values) < 1e-5 * size_of_all(want.values));
    adapters.merge(true);
    CHECK(largest_difference(outputs(model, x), want.values) < 1e-5 * size_of_all(want.values));
  }
}

TEST_CASE("property: a rotation leaves singular values, a rotation and scales leave the energy") {
  Draw draw(5);
  for (int round = 0; round < kRounds; ++round) {
    Setting s = draw.setting();
    s.out = std::max<int64_t>(s.out, 2);
    CAPTURE(str("d ", s.d, " b ", s.b, " m ", s.m, " out ", s.out));
    Model model(s.d, s.out);
    const auto values = boft::singular_values(model.layer.weight);
    const double energy = boft::hyperspherical_energy(model.layer.weight);
    AdapterModel adapters(model);
    adapters.add_adapter("boft", boft_config(draw, s, true));
    const Tensor scale = copy_of(abs(model.boft("boft").boft_s.detach())) + 0.1;
    fill_(model.boft("boft").boft_s, 1);
    adapters.merge(true);
    const auto turned = boft::singular_values(model.layer.weight);
    CHECK(largest_difference(turned, values) < 1e-5 * values[0]);
    adapters.unmerge();
    copy_(model.boft("boft").boft_s.detach(), scale);
    adapters.merge(true);
    if (s.d > 1)  // in one dimension rows point the same way
      CHECK(boft::hyperspherical_energy(model.layer.weight) ==
            doctest::Approx(energy).epsilon(1e-4));
  }
}

TEST_CASE(
    "property: dropout in a layer drops exactly int(p N) blocks of one factor; still a rotation") {
  Draw draw(6);
  for (int round = 0; round < kRounds; ++round) {
    const Setting s = draw.setting();
    const int64_t blocks = s.d / s.b;
    const double p = double(draw(0, 20)) / 20;
    CAPTURE(str("d ", s.d, " b ", s.b, " m ", s.m, " p ", p));
    if (s.b == 1) continue;  // a 1 x 1 rotation is the identity anyway
    Model model(s.d, s.out);
    AdapterModel adapters(model);
    BoftConfig config = boft_config(draw, s, true);
    config.boft_dropout = p;
    adapters.add_adapter("boft", config);
    const NoGrad no_grad;
    const Tensor q = copy_of(model.boft("boft").rotations(true));
    std::vector<int64_t> dropped;
    for (int64_t i = 0; i < s.m; ++i) {
      int64_t count = 0;
      for (int64_t n = 0; n < blocks; ++n) count += largest(block(q, i, n) - identity(s.b)) == 0;
      if (count > 0) dropped.push_back(count);
    }
    const int64_t wanted = int64_t(p * double(blocks));
    CHECK(dropped == (wanted > 0 ? std::vector<int64_t>{wanted} : std::vector<int64_t>{}));
    const Matrix rotation = dense_rotation(q);
    CHECK(orthogonality_error(rotation) < 1e-5);
    CHECK(std::abs(determinant(rotation) - 1) < 1e-4);
  }
}

TEST_CASE("property: only the skew-symmetric part of R acts") {
  Draw draw(7);
  for (int round = 0; round < kRounds; ++round) {
    const Setting s = draw.setting();
    Model model(s.d, s.out);
    const Tensor x = randn({3, s.d});
    AdapterModel adapters(model);
    adapters.add_adapter("boft", boft_config(draw, s, true));
    const auto before = outputs(model, x);
    const Tensor r = model.boft("boft").boft_R.detach();
    const Tensor symmetric = randn(r.shape());
    copy_(r, r + symmetric + transpose(symmetric, -1, -2));
    CHECK(largest_difference(outputs(model, x), before) < 1e-5 * size_of_all(before));
  }
}

TEST_CASE("property: exact OFT is BOFT of one factor with vec_ij = (R_ij - R_ji) / 2 and s = 1") {
  Draw draw(8);
  for (int round = 0; round < kRounds; ++round) {
    Setting s = draw.setting();
    s.m = 1;
    CAPTURE(str("d ", s.d, " b ", s.b));
    Model model(s.d, s.out);
    const Tensor x = randn({3, s.d});
    AdapterModel adapters(model);
    adapters.add_adapter("boft", boft_config(draw, s, true));
    adapters.add_adapter(
        "oft",
        OftConfig{.oft_block_size = s.b, .use_cayley_neumann = false, .target_modules = {"layer"}});
    auto& oft = dynamic_cast<boft::OftLayer&>(*model.layer.adapters.find("oft"));
    const auto r = model.boft("boft").boft_R.to_vector<double>();
    fill_(model.boft("boft").boft_s, 1);
    std::vector<double> upper;
    for (int64_t n = 0; n < s.d / s.b; ++n) {
      for (int64_t i = 0; i < s.b; ++i) {
        for (int64_t j = i + 1; j < s.b; ++j) {
          const auto at = [&](int64_t a, int64_t b) { return r[size_t((n * s.b + a) * s.b + b)]; };
          upper.push_back((at(i, j) - at(j, i)) / 2);
        }
      }
    }
    copy_(oft.oft_R.detach(), reshape(tensor<double>(upper), oft.oft_R.shape()));
    const auto by_boft = outputs(model, x);
    adapters.set_adapter({"oft"});
    CHECK(largest_difference(outputs(model, x), by_boft) < 1e-5 * size_of_all(by_boft));
  }
}

TEST_CASE("property: of an even number n >= 4 of terms the series leaves R^T R = I - A^(2(n-1))") {
  Draw draw(9);
  for (int round = 0; round < kRounds; ++round) {
    const int64_t b = draw(2, 9), blocks = draw(1, 4), terms = 2 * draw(2, 6);
    CAPTURE(str("b ", b, " N ", blocks, " n ", terms));
    Model model(b * blocks, 3);
    AdapterModel adapters(model);
    adapters.add_adapter("oft", OftConfig{.oft_block_size = b,
                                          .num_cayley_neumann_terms = terms,
                                          .target_modules = {"layer"},
                                          .init_weights = false});
    auto& oft = dynamic_cast<boft::OftLayer&>(*model.layer.adapters.find("oft"));
    const auto upper = oft.oft_R.to_vector<double>();
    const NoGrad no_grad;
    const Tensor q = copy_of(oft.rotations(false));
    size_t next = 0;
    for (int64_t n = 0; n < blocks; ++n) {
      Matrix a(b, b), power = identity(b);
      for (int64_t i = 0; i < b; ++i) {
        for (int64_t j = i + 1; j < b; ++j) {
          a(i, j) = upper[next++];
          a(j, i) = -a(i, j);
        }
      }
      for (int64_t k = 0; k < 2 * (terms - 1); ++k) power = power * a;
      const Matrix r = block(q, 0, n);
      CHECK(largest(transposed(r) * r - (identity(b) - power)) < 1e-5);
    }
  }
}

TEST_CASE(
    "property: every combination that the rules do not allow is refused by the layer's name") {
  Draw draw(10);
  int refused = 0;
  for (int round = 0; round < 400; ++round) {
    const int64_t d = draw(1, 65), b = draw(0, 17), number = draw(0, 3) == 0 ? draw(0, 17) : 0;
    const int64_t m = draw(-1, 6);
    CAPTURE(str("d ", d, " b ", b, " N ", number, " m ", m));
    const bool one = (b == 0) != (number == 0);
    const int64_t size = b != 0 ? b : number != 0 && d % number == 0 ? d / number : 0;
    const bool divides = one && size > 0 && d % size == 0;
    const bool valid = divides && m >= 1 &&
                       (m == 1 || (size % 2 == 0 && d / size % 2 == 0 &&
                                   d % (size * (int64_t(1) << (m - 1))) == 0));
    Model model(d, 2);
    AdapterModel adapters(model);
    const BoftConfig config{.boft_block_size = b,
                            .boft_block_num = number,
                            .boft_n_butterfly_factor = m,
                            .target_modules = {"layer"}};
    if (valid) {
      CHECK_NOTHROW(adapters.add_adapter("a", config));
      continue;
    }
    ++refused;
    try {
      adapters.add_adapter("a", config);
      FAIL_CHECK("accepted");
    } catch (const ArgumentError& error) {
      const std::string message = error.what();
      CHECK(message.find('\n') == std::string::npos);
      if (one && m >= 1) {
        CHECK(message.starts_with("layer: boft_"));
        CHECK(message.find(str(' ', b != 0 || divides ? size : number)) != std::string::npos);
      }
    }
    CHECK(adapters.names().empty());
    CHECK(model.layer.adapters.empty());
  }
  CHECK(refused > 100);
}

}  // namespace papilio::test
