#include "nn/data/sources/dataset.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <utility>

#include "nn/data/sources/class_names.h"
#include "tensor/copy.h"
#include "tensor/creation.h"

namespace papilio::nn {

Dataset subset(const Dataset& data, const std::vector<int64_t>& positions) {
  Dims shape = data.images.shape();
  shape[0] = int64_t(positions.size());
  Dataset result{empty(shape), empty({shape[0]}, {.dtype = DType::int64}), data.class_names};
  const int64_t pixels = data.size() > 0 ? data.images.numel() / data.size() : 0;
  for (size_t i = 0; i < positions.size(); ++i) {
    check(positions[i] >= 0 && positions[i] < data.size(), "subset: position ", positions[i],
          " is out of range for ", data.size(), " samples");
    const float* from = data.images.data<float>() + positions[i] * pixels;
    std::copy(from, from + pixels, result.images.data<float>() + int64_t(i) * pixels);
    result.labels.data<int64_t>()[i] = data.labels.data<int64_t>()[positions[i]];
  }
  return result;
}

Dataset relabelled(const Dataset& data, const std::vector<int64_t>& number,
                   std::vector<std::string> class_names) {
  std::vector<int64_t> positions;
  const int64_t* label = data.labels.data<int64_t>();
  for (int64_t i = 0; i < data.size(); ++i) {
    check(label[i] >= 0 && label[i] < int64_t(number.size()), "relabelled: label ", label[i],
          " is out of range for ", number.size(), " classes");
    if (number[size_t(label[i])] >= 0) positions.push_back(i);
  }
  Dataset result = subset(data, positions);
  result.class_names = std::move(class_names);
  for (int64_t i = 0; i < result.size(); ++i) {
    int64_t& own = result.labels.data<int64_t>()[i];
    own = number[size_t(own)];
  }
  return result;
}

Dataset with_classes(const Dataset& data, const std::vector<int64_t>& classes) {
  ChosenClasses chosen = choose_classes(data.class_names, classes);
  return relabelled(data, chosen.number, std::move(chosen.names));
}

Dataset joined(const std::vector<Dataset>& parts) {
  check(!parts.empty(), "joined: expected one data set or more");
  Dims shape = parts[0].images.shape();
  shape[0] = 0;
  for (const Dataset& part : parts) {
    Dims own = part.images.shape();
    shape[0] += own[0];
    own[0] = shape[0];
    check(own == shape && part.class_names == parts[0].class_names,
          "joined: expected images of one shape and the same classes");
  }
  Dataset result{empty(shape), empty({shape[0]}, {.dtype = DType::int64}), parts[0].class_names};
  int64_t at = 0;
  for (const Dataset& part : parts) {
    const Tensor images = contiguous_data(part.images);
    std::copy_n(
        images.data<float>(), images.numel(),
        result.images.data<float>() + at * (images.numel() / std::max<int64_t>(part.size(), 1)));
    std::copy_n(part.labels.data<int64_t>(), part.size(), result.labels.data<int64_t>() + at);
    at += part.size();
  }
  return result;
}

namespace {

// out(y, x) = in at the point that (y, x) comes from, moved and turned about the centre.
struct Warp {
  double cos, sin, dy, dx;
};

void warp_plane(float* out, const float* in, int64_t h, int64_t w, const Warp& warp) {
  const double cy = double(h - 1) / 2, cx = double(w - 1) / 2;
  const auto pixel = [&](int64_t y, int64_t x) {
    return y >= 0 && y < h && x >= 0 && x < w ? double(in[y * w + x]) : 0.0;
  };
  for (int64_t y = 0; y < h; ++y) {
    for (int64_t x = 0; x < w; ++x) {
      const double v = double(y) - cy - warp.dy, u = double(x) - cx - warp.dx;
      const double sy = cy + warp.cos * v + warp.sin * u, sx = cx - warp.sin * v + warp.cos * u;
      const int64_t y0 = int64_t(std::floor(sy)), x0 = int64_t(std::floor(sx));
      const double fy = sy - double(y0), fx = sx - double(x0);
      out[y * w + x] = float((1 - fy) * ((1 - fx) * pixel(y0, x0) + fx * pixel(y0, x0 + 1)) +
                             fy * ((1 - fx) * pixel(y0 + 1, x0) + fx * pixel(y0 + 1, x0 + 1)));
    }
  }
}

}  // namespace

Tensor augment(const Tensor& images, const Augmentation& a, Generator& generator) {
  check(images.defined() && images.dim() == 4 && images.dtype() == DType::float32,
        "augment: expected float32 images of shape (B, C, H, W)");
  check(a.shift_pixels >= 0 && a.rotation_degrees >= 0,
        "augment: expected a shift and a rotation >= 0");
  if (!a.any()) return images;
  const Tensor in = contiguous_data(images);
  Tensor out = empty_like(in);
  const int64_t channels = in.size(1), h = in.size(2), w = in.size(3);
  const std::vector<double> r =
      uniform({in.size(0), 3}, -1, 1, {.dtype = DType::float64}, generator).to_vector<double>();
  for (int64_t b = 0; b < in.size(0); ++b) {
    const double* draw = r.data() + 3 * b;
    const double angle = draw[0] * a.rotation_degrees * std::numbers::pi / 180;
    const Warp warp{std::cos(angle), std::sin(angle), draw[1] * a.shift_pixels,
                    draw[2] * a.shift_pixels};
    for (int64_t c = 0; c < channels; ++c) {
      const int64_t plane = (b * channels + c) * h * w;
      warp_plane(out.data<float>() + plane, in.data<float>() + plane, h, w, warp);
    }
  }
  return out;
}

}  // namespace papilio::nn
