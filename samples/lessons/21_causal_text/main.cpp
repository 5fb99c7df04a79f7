// Text: each token from those before it, keys and values kept, and GPT-2's transposed layer.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iomanip>
#include <iostream>
#include <limits>
#include <string>
#include <vector>

#include "autograd/backward.h"
#include "autograd/grad_mode.h"
#include "autograd/ops.h"
#include "boft/methods/boft.h"
#include "boft/model/model.h"
#include "nn/adapter.h"
#include "nn/layers/conv1d.h"
#include "nn/layers/kv_cache.h"
#include "nn/layers/linear.h"
#include "nn/models/gpt2.h"
#include "nn/optim/optimizer.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/device_named.h"
#include "tensor/random.h"

using namespace papilio;

constexpr int64_t T = 6, d = 8;

void small(const char* what, double error, double bound) {
  std::cout << std::left << std::setw(56) << what << error << '\n';
  check<Error>(error < bound, what, " = ", error, ", expected less than ", bound);
}

double largest(const Tensor& x) {
  return max(abs(x)).item();
}

// Causal attention against its formula, and what a change of one token reaches.
void attention(const TensorOptions& f64) {
  const Tensor q = randn({1, 1, T, d}, f64), k = randn({1, 1, T, d}, f64),
               v = randn({1, 1, T, d}, f64);
  std::vector<double> above(size_t(T * T), 0);
  for (int64_t t = 0; t < T; ++t)
    for (int64_t s = t + 1; s < T; ++s)
      above[size_t(t * T + s)] = -std::numeric_limits<double>::infinity();
  const Tensor hidden = copy_of(tensor<double>(above, {T, T}), f64.device);
  const Tensor scores = matmul(q, transpose(k, -1, -2)) / std::sqrt(double(d));
  const Tensor y = scaled_dot_product_attention(q, k, v, {.causal = true});
  small("causal attention against softmax of a triangle",
        largest(y - matmul(softmax(scores + hidden), v)), 1e-13);

  std::cout << "\ntoken (row) changed: which outputs (column) change\n";
  for (int64_t s = 0; s < T; ++s, std::cout << '\n') {
    const Tensor other = clone(v);
    copy_(slice(other, 2, s, s + 1), randn({1, 1, 1, d}, f64));
    const Tensor change = abs(scaled_dot_product_attention(q, k, other, {.causal = true}) - y);
    for (int64_t t = 0; t < T; ++t) {
      const bool changed = largest(slice(change, 2, t, t + 1)) > 0;
      std::cout << (changed ? "  x" : "  .");
      check<Error>(changed == (t >= s), "token ", s, " and output ", t);
    }
  }
}

// y = x W: the same matrix for an adapter as that of the Linear with W^T.
void conv1d(Device device) {
  struct Net : nn::Module {
    nn::Conv1D conv{12, 8};
    nn::Linear linear{8, 12};
    void visit(nn::Visitor& v) override { v("conv", conv), v("linear", linear); }
    std::string describe() const override { return "Net"; }
  } net;
  nn::to(net, device);
  copy_(net.linear.weight.detach(), transpose(net.conv.weight.detach(), 0, 1));
  boft::AdapterModel adapters(net);
  boft::BoftConfig config{.boft_block_size = 4, .init_weights = false};
  config.target_modules = {"conv", "linear"};
  adapters.add_adapter("turned", config);
  const auto tensors = [](nn::Adapter& adapter) { return nn::named_parameters(adapter); };
  const auto from = tensors(*net.conv.adapters.find("turned")),
             to = tensors(*net.linear.adapters.find("turned"));
  for (size_t i = 0; i < from.size(); ++i) copy_(to[i].tensor->detach(), from[i].tensor->detach());
  const Tensor x = randn({5, 8}, {.device = device});
  const NoGrad no_grad;
  std::cout << '\n';
  small("BOFT on Conv1D against BOFT on the equal Linear", largest(net.conv(x) - net.linear(x)),
        1e-5);
}

// A text in which a is followed by b or c: log 2 nats at half the places, nothing to learn at the
// others.
std::vector<int64_t> text(size_t length) {
  std::vector<int64_t> ids;
  Generator generator(3);
  const std::vector<double> coins =
      rand({int64_t(length)}, {.dtype = DType::float64}, generator).to_vector<double>();
  for (size_t i = 0; i < length; ++i) ids.push_back(i % 2 == 0 ? 0 : coins[i] < 0.5 ? 1 : 2);
  return ids;
}

nn::GPT2Config model_config() {
  return {.vocab_size = 3,
          .n_positions = 32,
          .n_embd = 16,
          .n_layer = 1,
          .n_head = 2,
          .resid_pdrop = 0,
          .embd_pdrop = 0,
          .attn_pdrop = 0};
}

// The loss after 60 steps.
double learn(nn::GPT2LMHeadModel& model, const Tensor& ids, const Tensor& next) {
  nn::AdamW optimizer({{.parameters = nn::trainable_parameters(model)}}, {.lr = 1e-2});
  double loss = 0;
  for (int step = 0; step < 60; ++step) {
    const Tensor L = cross_entropy(flatten(model(ids), 0, 1), flatten(next, 0, 1));
    loss = L.item();
    optimizer.zero_grad();
    backward(L);
    optimizer.step();
  }
  return loss;
}

void language_model(Device device) {
  manual_seed(21);
  nn::GPT2LMHeadModel model(model_config());
  nn::to(model, device);
  const Tensor all = copy_of(tensor<int64_t>(text(16 * 33), {16, 33}), device);
  const Tensor ids = contiguous(slice(all, 1, 0, 32)), next = contiguous(slice(all, 1, 1, 33));
  const double loss = learn(model, ids, next);
  std::cout << "\nloss after 60 steps " << loss << ", log 2 / 2 = " << std::log(2.0) / 2 << '\n';
  check<Error>(std::abs(loss - std::log(2.0) / 2) < 0.05, "the loss should be what a coin costs");
  // The exercise: a text that is its own next token has no coin in it.
  nn::GPT2LMHeadModel copier(model_config());
  nn::to(copier, device);
  const double copied = learn(copier, ids, ids);
  std::cout << "loss of copying after 60 steps " << copied << '\n';
  check<Error>(copied < 0.1, "a token that is seen costs nothing");

  // Token by token with keys and values kept: the same logits.
  const NoGrad no_grad;
  nn::eval(model);
  const Tensor once = model(slice(ids, 0, 0, 1));
  nn::KvCache cache(32);
  double worst = 0;
  for (int64_t t = 0; t < 32; ++t) {
    const Tensor token = contiguous(slice(slice(ids, 0, 0, 1), 1, t, t + 1));
    const Tensor logits = model.logits(model.hidden(token, &cache));
    worst = std::max(worst, largest(logits - slice(once, 1, t, t + 1)));
  }
  small("one token at a time with a cache against all at once", worst, 1e-4);
}

int main(int argc, char** argv) try {
  const Device device = device_named("DEVICE", argc > 1 ? argv[1] : "cpu");
  manual_seed(21);
  std::cout << std::setprecision(2);
  attention({.dtype = DType::float64, .device = device});
  conv1d(device);
  language_model(device);
} catch (const std::exception& e) {
  std::cerr << "21_causal_text: " << e.what() << '\n';
  return 1;
}
