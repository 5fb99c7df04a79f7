#include "nn/diffusion/diffusion_loss.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "autograd/grad_mode.h"
#include "autograd/ops/reduce.h"
#include "tensor/creation.h"
#include "tests/nn/models/golden_diffusion.h"

namespace papilio::test {

namespace {

// A tiny UNet, a batch of three, and what it says of them.
struct Case {
  std::unique_ptr<nn::UNet2DConditionModel> unet;
  nn::NoiseSchedule schedule;
  Tensor latents = uniform({3, 4, 4, 4}, -1, 1), context = uniform({3, 5, 16}, -1, 1);
  nn::Noising noising{uniform({3, 4, 4, 4}, -1, 1), tensor<int64_t>({10, 500, 990})};

  explicit Case(nn::Prediction prediction) : schedule({.prediction_type = prediction}) {
    std::vector<std::string> warnings;
    unet = nn::load_unet(golden_diffusion("sd15/unet"), warnings);
  }
  double loss(const nn::DiffusionLossOptions& options = {}) {
    const NoGrad no_grad;
    return mean(nn::diffusion_errors(*unet, schedule, latents, context, noising, options)).item();
  }
  // Each sample's mean squared error, in plain loops.
  std::vector<double> errors() {
    const NoGrad no_grad;
    const auto& [noise, t] = noising;
    const auto said =
        (*unet)(schedule.add_noise(latents, noise, t), t, context).to_vector<double>();
    const auto want = schedule.target(latents, noise, t).to_vector<double>();
    std::vector<double> result(3);
    for (size_t i = 0; i < said.size(); ++i)
      result[i / 64] += (said[i] - want[i]) * (said[i] - want[i]) / 64;
    return result;
  }
};

}  // namespace

TEST_CASE("diffusion_errors: the mean squared error of noise, sample or velocity") {
  for (const nn::Prediction p :
       {nn::Prediction::epsilon, nn::Prediction::sample, nn::Prediction::v}) {
    Case c(p);
    const auto e = c.errors();
    CHECK(c.loss() == doctest::Approx((e[0] + e[1] + e[2]) / 3).epsilon(1e-5));
  }
}

TEST_CASE(
    "prior_preserving_mean: the class's images, each behind its own, weigh as they are told") {
  const Tensor errors = tensor<float>({1, 10, 2, 20});
  CHECK(nn::prior_preserving_mean(errors).item() == 1.5 + 15);
  CHECK(nn::prior_preserving_mean(errors, {.prior_loss_weight = 0.25}).item() == 1.5 + 15.0 / 4);
  CHECK(nn::prior_preserving_mean(errors, {.prior_loss_weight = 0}).item() == 1.5);
  CHECK_THROWS_WITH_AS(nn::prior_preserving_mean(ones({3})),
                       "prior_preserving_mean: expected errors of shape (2 N), got (3)",
                       ArgumentError);
  CHECK_THROWS_WITH_AS(nn::prior_preserving_mean(errors, {.prior_loss_weight = -1}),
                       "prior_preserving_mean: expected snr_gamma and prior_loss_weight of at "
                       "least 0, got 0 and -1",
                       ArgumentError);
}

TEST_CASE("diffusion_errors: min-SNR weights of noise and of velocity") {
  for (const bool velocity : {false, true}) {
    Case c(velocity ? nn::Prediction::v : nn::Prediction::epsilon);
    const auto e = c.errors(), snr = c.schedule.snr(c.noising.timesteps).to_vector<double>();
    double want = 0;
    for (size_t i = 0; i < 3; ++i)
      want += e[i] * std::min(snr[i], 5.0) / (velocity ? snr[i] + 1 : snr[i]) / 3;
    CHECK(c.loss({.snr_gamma = 5}) == doctest::Approx(want).epsilon(1e-5));
  }
}

TEST_CASE("diffusion_errors: wrong options") {
  Case c(nn::Prediction::epsilon);
  CHECK_THROWS_WITH_AS(c.loss({.snr_gamma = -1}),
                       "diffusion_errors: expected snr_gamma and prior_loss_weight of at least 0, "
                       "got -1 and 1",
                       ArgumentError);
}

TEST_CASE("draw_noising: timesteps of the whole range; the same seed draws the same") {
  Case c(nn::Prediction::epsilon);
  Generator a(1), b(1);
  const nn::Noising x = nn::draw_noising(c.schedule, zeros({500, 1, 1, 1}), a),
                    y = nn::draw_noising(c.schedule, zeros({500, 1, 1, 1}), b);
  CHECK(x.noise.to_vector() == y.noise.to_vector());
  const auto t = x.timesteps.to_vector<int64_t>();
  CHECK(t == y.timesteps.to_vector<int64_t>());
  CHECK(*std::ranges::min_element(t) < 20);
  CHECK(*std::ranges::max_element(t) > 980);
  CHECK(*std::ranges::max_element(t) < 1000);
}

TEST_CASE("drop_captions: as many as the probability says") {
  const std::vector<std::string> captions(1000, "a dog");
  const auto kept = std::ranges::count(nn::drop_captions(captions, 0.1), "a dog");
  CHECK(kept > 860);
  CHECK(kept < 940);
  CHECK(nn::drop_captions(captions, 0) == captions);
  CHECK(nn::drop_captions({"a", "b"}, 1) == std::vector<std::string>{"", ""});
  CHECK_THROWS_AS(nn::drop_captions({"a"}, 2), ArgumentError);
}

}  // namespace papilio::test
