// The adapter socket: how finetuning methods plug into Linear, Conv1D, Conv2d and Embedding without
// these knowing any of them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "autograd/ops/quantized_linear.h"
#include "nn/module.h"

namespace papilio::nn {

struct Adapter;
struct AdaptableLayer;

// A convolution by the matrix W (out, d): y = conv(x, W) + bias.
using Convolution = std::function<Tensor(const Tensor& x, const Tensor& w, const Tensor& bias)>;

// What an adapter finds inside itself: the layer's weight with the adapters activated before it.
class AdaptedWeight {
 public:
  AdaptedWeight(const Tensor& weight, std::span<Adapter* const> adapters)
      : weight_(weight), adapters_(adapters) {}
  // The same of a quantised weight, which outlives it.
  AdaptedWeight(const QuantizedMatrix& weight, std::span<Adapter* const> adapters)
      : quantized_(&weight), adapters_(adapters) {}

  // y = x W'^T + bias; x: (..., in), bias: (out) or undefined.
  Tensor linear(const Tensor& x, const Tensor& bias) const;
  // y = conv(x, W') + bias.
  Tensor convolve(const Convolution& conv, const Tensor& x, const Tensor& bias) const;
  // W' itself, (out, d).
  Tensor weight(bool training) const;
  // The plain weight of the layer, undefined when other adapters lie between and if it is
  // quantised.
  Tensor base() const { return adapters_.empty() ? weight_ : Tensor(); }

 private:
  AdaptedWeight inner() const;

  Tensor weight_;
  const QuantizedMatrix* quantized_ = nullptr;
  std::span<Adapter* const> adapters_;
};

// One method's parameters at one layer. A layer's weight is seen as a matrix W (out, d); d counts
// inputs: in_features, in_channels / groups * kernel_h * kernel_w, or an embedding's dim (whose
// rows are its entries).
struct Adapter : Module {
  // W' of the matrix W, differentiable in the adapter's parameters: what merging writes.
  // `training` switches the method's dropout on. At an embedding, row i of W' depends on row i of W
  // only: it is also called with the rows looked up.
  virtual Tensor weight(const Tensor& w, bool training) = 0;
  // y = x W'^T + bias, in the way that costs least. The default multiplies with weight().
  virtual Tensor linear(const Tensor& x, const AdaptedWeight& inside, const Tensor& bias);
  // y = conv(x, W') + bias. The default convolves with weight(), which is linear in W for it.
  virtual Tensor convolve(const Convolution& conv, const Tensor& x, const AdaptedWeight& inside,
                          const Tensor& bias);
};

// A layer's weight as it lies in memory: numbers, or their codes.
struct StoredWeight {
  Tensor numbers;
  QuantizedMatrix codes;
};

// What merging gives.
struct MergedWeight {
  StoredWeight weight;
  double error = 0;  // that quantising again made: |W'' - W'| / |W'|, in the norm of Frobenius
};

// The adapters of one layer by name. Those active apply in the order they were activated (the last
// meets the input first). Merging replaces the layer's weight and keeps the original beside it, so
// unmerging is exact.
class AdapterSocket {
 public:
  struct Slot {
    std::string name;
    std::unique_ptr<Adapter> adapter;
  };

  // Is no adapter attached?
  bool empty() const { return slots_.empty(); }
  // In the order they were added; in the order they were activated.
  std::vector<std::string> names() const;
  const std::vector<std::string>& active() const { return active_; }
  Adapter* find(const std::string& name) const;
  // Throws if the name is taken. Does not activate.
  void add(const std::string& name, std::unique_ptr<Adapter> adapter);
  // Throws if there is no such adapter or it is merged.
  void remove(const std::string& name);

  // Replaces the list of active adapters; names this layer does not have are passed over.
  void activate(const std::vector<std::string>& names);
  // Active and enabled adapters, in order, without those merged.
  std::vector<Adapter*> working() const;

  // The matrix W with the named adapters written in, in order; those that are not here or merged
  // already are passed over. With `safe`, a result that is not finite throws.
  Tensor merged_weight(const Tensor& w, const std::vector<std::string>& names, bool safe) const;
  const std::vector<std::string>& merged() const { return merged_; }
  // Off: the layer computes with its original weight and no adapter.
  bool enabled() const { return enabled_; }

  // The adapters' own tensors, each below its adapter's name.
  void visit(Visitor& v);

 private:
  friend struct AdaptableLayer;  // which has the weight

  std::vector<Slot> slots_;
  std::vector<std::string> active_, merged_;
  // While something is merged: the original weight, or the merged one while disabled.
  StoredWeight kept_;
  bool enabled_ = true;
};

// A layer with a weight that adapters can plug into.
struct AdaptableLayer : Module {
  // What it does with the weight: y = x W^T + b, a convolution by it, looking up its rows.
  enum class Kind { linear, convolution, embedding };

  Tensor weight;  // undefined if it is quantised
  // In the weight's place (Linear, Conv1D): the adapters' matrix W (out, d) in codes, which nothing
  // trains.
  QuantizedMatrix quantized;
  AdapterSocket adapters;

  virtual Kind kind() const = 0;  // which of these this layer is
  // Whether it keeps its weight (in, out), which PEFT calls fan_in_fan_out.
  virtual bool is_stored_in_out() const { return false; }

  std::string keeps_dtype() const override;
  int64_t coded_parameters() const override { return quantized ? quantized.numel() : 0; }
  // Where the weight lies, as numbers or as codes.
  Device weight_device() const { return quantized ? quantized.device() : weight.device(); }
  // The weight's dimensions; codes stand for a matrix.
  int weight_dim() const { return quantized ? 2 : weight.dim(); }
  // The matrix W (out, d) without its adapters, whatever the weight is kept as.
  Tensor matrix() const;
  // Codes in the place of the weight, and the other way round. The matrix is W.
  void set_quantized(QuantizedMatrix matrix);
  void dequantize_weight();
  StoredWeight stored() const { return {weight, quantized}; }
  void store(StoredWeight stored);
  // The weight as the adapters' matrix W (out, d), a view; and a matrix in the weight's form.
  virtual Tensor to_matrix(const Tensor& w) const;
  virtual Tensor from_matrix(const Tensor& w) const;
  // The matrix's columns (d of the adapters) and rows.
  int64_t adapted_inputs() const {
    return quantized ? quantized.in : to_matrix(weight.detach()).size(1);
  }
  int64_t adapted_outputs() const {
    return quantized ? quantized.out : to_matrix(weight.detach()).size(0);
  }
  // The weight that merging these adapters gives, see AdapterSocket::merged_weight, in the weight's
  // form; of a quantised one the matrix W', in numbers.
  Tensor merged_weight(const std::vector<std::string>& names, bool safe) const;
  // The same as it is to lie in memory: a quantised weight is quantised again.
  MergedWeight merged(const std::vector<std::string>& names, bool safe) const;
  // Puts such a result in the weight's place.
  void set_merged(StoredWeight result, const std::vector<std::string>& names);
  // Puts the weight from before the first merge back.
  void unmerge();
  // Off: the layer computes with its original weight and no adapter.
  void enable_adapters(bool on);

 protected:
  // Names the weight, or its codes as bitsandbytes does.
  void visit_weight(Visitor& v);

 private:
  // The tensors of a file that are made of numbers: quant_state, weight_format.
  Tensor state_;
};

// The module as a layer y = x W^T + b (Linear, Conv1D), which can be quantised; null for others.
AdaptableLayer* linear_layer(Module& module);

}  // namespace papilio::nn
