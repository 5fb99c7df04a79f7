#include <oneapi/dnnl/dnnl.h>

#include <algorithm>
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <vector>

#include "kernels/cpu/im2col.h"
#include "kernels/cpu/onednn.h"
#include "kernels/cpu/onednn_library.h"
#include "kernels/cpu/parallel.h"

namespace papilio::cpu {
namespace {

using onednn::Description;
using onednn::library;
using onednn::Memory;
using onednn::Primitive;

// What a convolution's code is made for.
struct Key {
  Conv2dPass pass;
  DType dtype;
  bool bias;
  int threads;
  int64_t images, groups, C, O;
  std::array<int64_t, 12> window;                // two of each: see dims()
  auto operator<=>(const Key&) const = default;  // NOLINT(modernize-use-nullptr)

  Key(const OnednnConv2d& c, int64_t chunk)
      : pass(c.pass),
        dtype(c.dtype),
        bias(c.bias != nullptr),
        threads(num_threads()),
        images(chunk),
        groups(c.sizes.groups),
        C(c.sizes.C),
        O(c.sizes.O) {
    const Conv2dSizes& s = c.sizes;
    const auto& [stride, padding, dilation, unused] = s.options;
    window = {s.H,      s.W,      s.OH,      s.OW,      s.kh,       s.kw,
              stride.h, stride.w, padding.h, padding.w, dilation.h, dilation.w};
  }
};

// One of the three arrays: row-major as it is ours, and in the blocks that oneDNN prefers.
class Array {
 public:
  Array(dnnl_data_type_t type, std::initializer_list<int64_t> sizes, bool written)
      : written_(written) {
    const int rank = int(sizes.size());
    dnnl_dims_t dims{}, strides{};
    std::copy(sizes.begin(), sizes.end(), dims);
    dnnl_dim_t stride = 1;
    for (int i = rank; i-- > 0; stride *= dims[i]) strides[i] = stride;
    library().memory_desc_init_by_strides(&ours_, rank, dims, type, strides);
    library().memory_desc_init_by_tag(&theirs_, rank, dims, type, dnnl_format_tag_any);
  }

  const dnnl_memory_desc_t* wish() const { return &theirs_; }
  // False if it cannot be put into that order.
  bool settle(const dnnl_memory_desc_t& order) {
    theirs_ = order;
    if (library().memory_desc_equal(&ours_, &theirs_)) return true;
    const auto& from = written_ ? theirs_ : ours_;
    const auto& to = written_ ? ours_ : theirs_;
    dnnl_primitive_desc_t made = nullptr;
    if (library().reorder_primitive_desc_create(&made, &from, library().engine, &to,
                                                library().engine, onednn::Attributes().get()))
      return false;
    const Description description(made);
    scratch_ = onednn::layout(description, dnnl_query_scratchpad_md);
    reorder_ = onednn::make(description);
    return reorder_ != nullptr;
  }

  // Bytes in the other order, if there are two.
  size_t bytes() const { return reorder_ ? library().memory_desc_get_size(&theirs_) : 0; }
  size_t scratch_bytes() const { return library().memory_desc_get_size(&scratch_); }
  void* place(void* data, std::byte* other) const { return reorder_ ? other : data; }
  const dnnl_memory_desc_t& order() const { return theirs_; }
  bool move(void* data, std::byte* other, std::byte* scratch) const {
    if (!reorder_) return true;
    const Memory mine(ours_, data), blocks(theirs_, other), work(scratch_, scratch);
    return onednn::execute(reorder_, {{DNNL_ARG_FROM, (written_ ? blocks : mine).get()},
                                      {DNNL_ARG_TO, (written_ ? mine : blocks).get()},
                                      {DNNL_ARG_SCRATCHPAD, work.get()}});
  }

 private:
  bool written_;
  dnnl_memory_desc_t ours_{}, theirs_{}, scratch_{};
  Primitive reorder_;
};

// Code for some images of a convolution, of a gradient of x or of one of w.
class ConvolutionCode {
 public:
  explicit ConvolutionCode(const Key& key)
      : pass_(key.pass),
        x_(onednn::data_type(key.dtype),
           {key.images, key.groups * key.C, key.window[0], key.window[1]},
           key.pass == Conv2dPass::backward_input),
        w_(weight(key, key.pass == Conv2dPass::backward_weight)),
        y_(onednn::data_type(key.dtype),
           {key.images, key.groups * key.O, key.window[2], key.window[3]},
           key.pass == Conv2dPass::forward) {
    const Description description = describe(key);
    const auto order = [&](dnnl_query_t forward, dnnl_query_t gradient, bool written) {
      return onednn::layout(description, written ? gradient : forward);
    };
    const bool forward = pass_ == Conv2dPass::forward;
    if (!description ||
        !x_.settle(order(dnnl_query_src_md, dnnl_query_diff_src_md,
                         pass_ == Conv2dPass::backward_input)) ||
        !w_.settle(order(dnnl_query_weights_md, dnnl_query_diff_weights_md,
                         pass_ == Conv2dPass::backward_weight)) ||
        !y_.settle(order(dnnl_query_dst_md, dnnl_query_diff_dst_md, !forward)))
      return;
    scratch_ = onednn::layout(description, dnnl_query_scratchpad_md);
    convolution_ = onednn::make(description);
  }

  bool exists() const { return convolution_ != nullptr; }

  bool run(void* x, void* w, const void* bias, void* y) const {
    const auto lines = [](size_t bytes) { return (bytes + 63) / 64 * 64; };
    const size_t scratch_bytes =
        std::max({library().memory_desc_get_size(&scratch_), x_.scratch_bytes(), w_.scratch_bytes(),
                  y_.scratch_bytes()});
    std::byte* const scratch = onednn::workspace(lines(scratch_bytes) + lines(x_.bytes()) +
                                                 lines(w_.bytes()) + lines(y_.bytes()));
    std::byte *const x_blocks = scratch + lines(scratch_bytes),
                     *const w_blocks = x_blocks + lines(x_.bytes()),
                     *const y_blocks = w_blocks + lines(w_.bytes());
    const Memory in(x_.order(), x_.place(x, x_blocks)), weight(w_.order(), w_.place(w, w_blocks)),
        out(y_.order(), y_.place(y, y_blocks)), shift(bias_, bias), work(scratch_, scratch);
    const bool dx = pass_ == Conv2dPass::backward_input, dw = pass_ == Conv2dPass::backward_weight;
    return (dx || x_.move(x, x_blocks, scratch)) && (dw || w_.move(w, w_blocks, scratch)) &&
           (!(dx || dw) || y_.move(y, y_blocks, scratch)) &&
           onednn::execute(convolution_,
                           {{dx ? DNNL_ARG_DIFF_SRC : DNNL_ARG_SRC, in.get()},
                            {dw ? DNNL_ARG_DIFF_WEIGHTS : DNNL_ARG_WEIGHTS, weight.get()},
                            {dx || dw ? DNNL_ARG_DIFF_DST : DNNL_ARG_DST, out.get()},
                            {DNNL_ARG_SCRATCHPAD, work.get()},
                            {DNNL_ARG_BIAS, shift.get()}},
                           bias ? 5 : 4) &&
           (!dx || x_.move(x, x_blocks, scratch)) && (!dw || w_.move(w, w_blocks, scratch)) &&
           (dx || dw || y_.move(y, y_blocks, scratch));
  }

 private:
  // The gradient of w is summed over the images in float32.
  static Array weight(const Key& key, bool written) {
    const auto type = onednn::data_type(written ? DType::float32 : key.dtype);
    const int64_t kh = key.window[4], kw = key.window[5];
    if (key.groups == 1) return {type, {key.O, key.C, kh, kw}, written};
    return {type, {key.groups, key.O, key.C, kh, kw}, written};
  }

  // Null if oneDNN has nothing for it.
  Description describe(const Key& key) {
    const auto pair = [&](size_t i, int64_t less, dnnl_dims_t& to) {
      to[0] = key.window[i] - less;
      to[1] = key.window[i + 1] - less;
    };
    dnnl_dims_t stride{}, padding{}, dilation{};
    pair(6, 0, stride);
    pair(8, 0, padding);
    pair(10, 1, dilation);  // oneDNN counts what lies between
    if (key.bias) {
      const dnnl_dims_t size{key.groups * key.O}, one{1};
      library().memory_desc_init_by_strides(&bias_, 1, size, onednn::data_type(key.dtype), one);
    }
    const onednn::Attributes attributes;
    const Array read = weight(key, false);
    dnnl_convolution_desc_t forward, gradient;
    if (library().dilated_convolution_forward_desc_init(
            &forward, dnnl_forward_training, dnnl_convolution_direct, x_.wish(), read.wish(),
            key.bias ? &bias_ : nullptr, y_.wish(), stride, dilation, padding, padding))
      return nullptr;
    Description hint = onednn::describe(&forward, attributes);
    if (!hint || key.pass == Conv2dPass::forward) return hint;
    const auto init = key.pass == Conv2dPass::backward_input
                          ? library().dilated_convolution_backward_data_desc_init(
                                &gradient, dnnl_convolution_direct, x_.wish(), w_.wish(), y_.wish(),
                                stride, dilation, padding, padding)
                          : library().dilated_convolution_backward_weights_desc_init(
                                &gradient, dnnl_convolution_direct, x_.wish(), w_.wish(), nullptr,
                                y_.wish(), stride, dilation, padding, padding);
    if (init != dnnl_success) return nullptr;
    return onednn::describe(&gradient, attributes, hint);
  }

  Conv2dPass pass_;
  Array x_, w_, y_;
  dnnl_memory_desc_t bias_{}, scratch_{};
  Primitive convolution_;
};

}  // namespace

bool onednn_conv2d(const OnednnConv2d& c) {
  const Conv2dSizes& s = c.sizes;
  // The threads of a gradient of w wait for one another, for as many as its code was made for: with
  // fewer it would not end.
  if (omp_in_parallel() || omp_get_dynamic() || omp_get_thread_limit() < num_threads())
    return false;
  expect_threads(num_threads());  // for oneDNN's own region
  const int64_t value = c.dtype == DType::float32 ? 4 : 2;
  const int64_t x_step = s.groups * s.C * s.pixels() * value;
  const int64_t y_step = s.groups * s.O * s.positions() * value;
  // Copies in oneDNN's order do not grow with the batch, nor beyond 64 MiB with an image.
  constexpr int64_t kCopies = int64_t(4) << 20, kLargest = int64_t(64) << 20;
  const int64_t image_bytes = std::max<int64_t>(1, x_step + y_step);
  if (image_bytes > kLargest) return false;
  const int64_t chunk = std::min(s.B, std::max<int64_t>(1, kCopies / image_bytes));
  const bool dw = c.pass == Conv2dPass::backward_weight;
  const int64_t weights = s.groups * s.O * s.patch();
  const auto share =
      std::make_unique_for_overwrite<float[]>(size_t(dw && chunk < s.B ? weights : 0));
  for (int64_t image = 0; image < s.B; image += chunk) {
    const auto code = onednn::kept<ConvolutionCode>(Key(c, std::min(chunk, s.B - image)));
    if (!code->exists()) return false;
    auto* const x = static_cast<std::byte*>(c.x) + image * x_step;
    auto* const y = static_cast<std::byte*>(c.y) + image * y_step;
    void* const w = dw && image > 0 ? share.get() : c.w;
    if (!code->run(x, w, c.bias, y)) return false;
    if (dw && image > 0)
      parallel_for(weights, 16384, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) static_cast<float*>(c.w)[i] += share[size_t(i)];
      });
  }
  return true;
}

}  // namespace papilio::cpu
