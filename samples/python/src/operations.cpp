// Operations over dimensions, of networks, and of shapes.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "autograd/ops.h"
#include "autograd/ops/cross_entropy.h"
#include "kernels/conv2d.h"
#include "kernels/max_pool2d.h"
#include "samples/python/src/bindings.h"
#include "tensor/random.h"

namespace papilio::python {

namespace {

using MaybeTensor = std::optional<Tensor>;

Reduction reduction_named(const std::string& name) {
  if (name == "mean") return Reduction::mean;
  if (name == "sum") return Reduction::sum;
  check(name == "none", "reduction: expected \"mean\", \"sum\" or \"none\", got \"", name, "\"");
  return Reduction::none;
}

Pair pair_of(const char* what, const Dims& d) {
  check(d.size() == 1 || d.size() == 2, what, ": expected one number or two, got ", d);
  return d.size() == 1 ? Pair{d[0], d[0]} : Pair{d[0], d[1]};
}

// sum(x), sum(x, -1), sum(x, (0, 1), keepdim=True); a function and a method.
void reduction(nb::module_& m, nb::class_<Tensor>& t, const char* name,
               Tensor (*f)(const Tensor&, const Dims&, bool), const char* doc) {
  const auto call = [f](const Tensor& x, const std::optional<Dims>& dim, bool keep) {
    return f(x, dim.value_or(Dims()), keep);
  };
  t.def(name, call, nb::arg("dim") = nb::none(), nb::arg("keepdim") = false, Unlocked(), doc);
  m.def(name, call, nb::arg("x"), nb::arg("dim") = nb::none(), nb::arg("keepdim") = false,
        Unlocked(), doc);
}

Tensor variance(const Tensor& x, const std::optional<Dims>& dim, bool keep, int64_t correction) {
  return var(x, dim.value_or(Dims()), keep, correction);
}

void bind_reductions(nb::module_& m, nb::class_<Tensor>& t) {
  reduction(m, t, "sum", sum, "The sum over `dim` (None: over all); integers give int64.");
  reduction(m, t, "mean", mean, "The mean over `dim` (None: over all).");
  reduction(m, t, "max", max, "The largest element over `dim`; NaN if there is one.");
  reduction(m, t, "min", min, "The smallest element over `dim`; NaN if there is one.");
  t.def("var", variance, nb::arg("dim") = nb::none(), nb::arg("keepdim") = false,
        nb::arg("correction") = 1, Unlocked(), "Sum of squared deviations / (n - correction).");
  m.def("var", variance, nb::arg("x"), nb::arg("dim") = nb::none(), nb::arg("keepdim") = false,
        nb::arg("correction") = 1, Unlocked(), "Sum of squared deviations / (n - correction).");
  t.def("argmax", argmax, nb::arg("dim"), nb::arg("keepdim") = false, Unlocked(),
        "int64 position of the largest element along `dim`.");
  m.def("argmax", argmax, nb::arg("x"), nb::arg("dim"), nb::arg("keepdim") = false, Unlocked(),
        "int64 position of the largest element along `dim`.");
  m.def("softmax", softmax, nb::arg("x"), nb::arg("dim") = -1, Unlocked(),
        "exp(x) / sum exp(x) over `dim`.");
  m.def("log_softmax", log_softmax, nb::arg("x"), nb::arg("dim") = -1, Unlocked(),
        "x - log sum exp(x) over `dim`.");
}

void bind_networks(nb::module_& m) {
  m.def(
      "linear",
      [](const Tensor& x, const Tensor& w, const MaybeTensor& b) {
        return linear(x, w, or_undefined(b));
      },
      nb::arg("x"), nb::arg("weight"), nb::arg("bias") = nb::none(), Unlocked(),
      "x W^T + bias. x: (..., in), W: (out, in), bias: (out).");
  m.def(
      "layer_norm",
      [](const Tensor& x, const MaybeTensor& w, const MaybeTensor& b, double eps) {
        return layer_norm(x, or_undefined(w), or_undefined(b), eps);
      },
      nb::arg("x"), nb::arg("weight") = nb::none(), nb::arg("bias") = nb::none(),
      nb::arg("eps") = 1e-5, Unlocked(), "Over the last dimension: (..., C), weight and bias (C).");
  m.def(
      "group_norm",
      [](const Tensor& x, int64_t groups, const MaybeTensor& w, const MaybeTensor& b, double eps) {
        return group_norm(x, groups, or_undefined(w), or_undefined(b), {.eps = eps});
      },
      nb::arg("x"), nb::arg("groups"), nb::arg("weight") = nb::none(), nb::arg("bias") = nb::none(),
      nb::arg("eps") = 1e-5, Unlocked(), "Over groups of channels. x: (B, C, ...).");
  m.def(
      "conv2d",
      [](const Tensor& x, const Tensor& w, const MaybeTensor& b, const Dims& stride,
         const Dims& padding, const Dims& dilation, int64_t groups) {
        return conv2d(x, w, or_undefined(b),
                      {.stride = pair_of("stride", stride),
                       .padding = pair_of("padding", padding),
                       .dilation = pair_of("dilation", dilation),
                       .groups = groups});
      },
      nb::arg("x"), nb::arg("weight"), nb::arg("bias") = nb::none(), nb::arg("stride") = Dims{1},
      nb::arg("padding") = Dims{0}, nb::arg("dilation") = Dims{1}, nb::arg("groups") = 1,
      Unlocked(), "x: (B, C, H, W), weight: (O, C / groups, kh, kw), bias: (O).");
  m.def(
      "scaled_dot_product_attention",
      [](const Tensor& q, const Tensor& k, const Tensor& v, const MaybeTensor& mask, bool causal,
         std::optional<double> scale) {
        return scaled_dot_product_attention(
            q, k, v, {.scale = scale, .mask = or_undefined(mask), .causal = causal});
      },
      nb::arg("q"), nb::arg("k"), nb::arg("v"), nb::arg("mask") = nb::none(),
      nb::arg("causal") = false, nb::arg("scale") = nb::none(), Unlocked(),
      "softmax(scale q k^T) v. q: (B, H, T, D), k: (B, H, S, D), v: (B, H, S, E); mask: bool,\n"
      "true where a query may see a key.");
  m.def(
      "cross_entropy",
      [](const Tensor& logits, const Tensor& target, double smoothing, const std::string& name,
         int64_t ignore_index) {
        return cross_entropy(logits, target,
                             {.label_smoothing = smoothing,
                              .reduction = reduction_named(name),
                              .ignore_index = ignore_index});
      },
      nb::arg("logits"), nb::arg("target"), nb::arg("label_smoothing") = 0.0,
      nb::arg("reduction") = "mean", nb::arg("ignore_index") = -100, Unlocked(),
      "Of logits (N, C) and classes (N) int64, or probabilities (N, C).");
  m.def(
      "mse_loss",
      [](const Tensor& x, const Tensor& target, const std::string& name) {
        return mse_loss(x, target, reduction_named(name));
      },
      nb::arg("x"), nb::arg("target"), nb::arg("reduction") = "mean", Unlocked(),
      "(x - target)^2, reduced.");
  m.def(
      "dropout", [](const Tensor& x, double p, bool training) { return dropout(x, p, training); },
      nb::arg("x"), nb::arg("p"), nb::arg("training") = true, Unlocked(),
      "0 with probability p, x / (1 - p) otherwise.");
}

void bind_joining(nb::module_& m) {
  m.def("concat", concat, nb::arg("tensors"), nb::arg("dim") = 0, Unlocked(),
        "Joined along `dim`.");
  m.def("stack", stack, nb::arg("tensors"), nb::arg("dim") = 0, Unlocked(),
        "Along a new dimension.");
  m.def("split", nb::overload_cast<const Tensor&, int64_t, int>(split), nb::arg("x"),
        nb::arg("size"), nb::arg("dim") = 0, Unlocked(), "Views of `size` neighbours.")
      .def("split", nb::overload_cast<const Tensor&, const std::vector<int64_t>&, int>(split),
           nb::arg("x"), nb::arg("size"), nb::arg("dim") = 0, Unlocked());
  m.def("index_select", index_select, nb::arg("x"), nb::arg("dim"), nb::arg("index"), Unlocked(),
        "x at the int64 places `index` along `dim`.");
  m.def("gather", gather, nb::arg("x"), nb::arg("dim"), nb::arg("index"), Unlocked(),
        "x at one place along `dim` for each element of `index`.");
  m.def("embedding", embedding, nb::arg("weight"), nb::arg("indices"),
        nb::arg("padding_idx") = nb::none(), Unlocked(), "The rows `indices` of a table (n, d).");
}

void bind_shapes(nb::module_& m, nb::class_<Tensor>& t) {
  t.def(
       "reshape", [](const Tensor& x, const nb::args& shape) { return reshape(x, dims_of(shape)); },
       nb::sig("def reshape(self, *shape: typing.Any) -> Tensor"),
       "Another shape, one size may be -1; a view if strides allow.")
      .def(
          "permute",
          [](const Tensor& x, const nb::args& order) { return permute(x, dims_of(order)); },
          nb::sig("def permute(self, *order: typing.Any) -> Tensor"),
          "Dimension i of the view is dimension order[i].")
      .def(
          "expand",
          [](const Tensor& x, const nb::args& shape) { return expand(x, dims_of(shape)); },
          nb::sig("def expand(self, *shape: typing.Any) -> Tensor"),
          "Sizes of 1 and new leading dimensions repeat; a view.")
      .def("transpose", transpose, nb::arg("a"), nb::arg("b"), "Two dimensions swapped; a view.")
      .def("flatten", flatten, nb::arg("first") = 0, nb::arg("last") = -1,
           "Dimensions first to last become one.")
      .def("unsqueeze", unsqueeze, nb::arg("dim"), "A dimension of size 1 before `dim`.")
      .def(
          "squeeze",
          [](const Tensor& x, std::optional<int> dim) {
            return dim ? squeeze(x, *dim) : squeeze(x);
          },
          nb::arg("dim") = nb::none(), "Without dimensions of size 1.")
      .def("contiguous", contiguous, Unlocked(), "Itself if row-major without gaps, else a copy.")
      .def("clone", clone, Unlocked(), "A copy; gradients flow through it.")
      .def_prop_ro(
          "T",
          [](const Tensor& x) {
            check(x.dim() == 2, "T: expected two dimensions, got shape ", x.shape());
            return transpose(x, 0, 1);
          },
          "A matrix transposed; a view.");
  m.def("reshape", reshape, nb::arg("x"), nb::arg("shape"), "Another shape; one size may be -1.");
  m.def("transpose", transpose, nb::arg("x"), nb::arg("a"), nb::arg("b"),
        "Two dimensions swapped.");
  m.def("permute", permute, nb::arg("x"), nb::arg("order"),
        "Dimension i is dimension order[i] of x.");
  m.def("expand", expand, nb::arg("x"), nb::arg("shape"), "Broadcast, as a view.");
  m.def("flip", flip, nb::arg("x"), nb::arg("dims"), Unlocked(),
        "A copy with dimensions reversed.");
  m.def("pad", pad, nb::arg("x"), nb::arg("amounts"), nb::arg("value") = 0.0, Unlocked(),
        "`value` around x: {before, after} of the last dimension, then of the one before it, ...");
}

}  // namespace

Dims dims_of(const nb::args& args) {
  Dims dims;
  const nb::handle all = args.size() == 1 ? nb::handle(args[0]) : nb::handle(args);
  if (!nb::try_cast<Dims>(all, dims)) throw nb::type_error("expected sizes: f(2, 3) or f((2, 3))");
  return dims;
}

void bind_operations(nb::module_& m) {
  auto tensor = nb::borrow<nb::class_<Tensor>>(m.attr("Tensor"));
  bind_reductions(m, tensor);
  bind_networks(m);
  bind_joining(m);
  bind_shapes(m, tensor);
}

}  // namespace papilio::python
