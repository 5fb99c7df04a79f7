#include "nn/data/transforms/random_affine.h"

#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

#include "tensor/batch_rows.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/error.h"

namespace papilio::nn {

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

Tensor RandomAffine::operator()(const Tensor& images, Generator& generator) const {
  check(images.defined() && images.dim() == 4 && images.dtype() == DType::float32,
        "RandomAffine: expected float32 images of shape (B, C, H, W)");
  check(shift_pixels >= 0 && rotation_degrees >= 0,
        "RandomAffine: expected a shift and a rotation >= 0");
  if (!any()) return images;
  const Tensor in = contiguous_data(images);
  Tensor out = empty_like(in);
  const int64_t channels = in.size(1), h = in.size(2), w = in.size(3);
  const BatchRows rows = drawn_rows(in.size(0));
  const std::vector<double> r =
      uniform({rows.of, 3}, -1, 1, {.dtype = DType::float64}, generator).to_vector<double>();
  for (int64_t b = 0; b < in.size(0); ++b) {
    const double* draw = r.data() + 3 * (rows.first + b);
    const double angle = draw[0] * rotation_degrees * std::numbers::pi / 180;
    const Warp warp{std::cos(angle), std::sin(angle), draw[1] * shift_pixels,
                    draw[2] * shift_pixels};
    for (int64_t c = 0; c < channels; ++c) {
      const int64_t plane = (b * channels + c) * h * w;
      warp_plane(out.data<float>() + plane, in.data<float>() + plane, h, w, warp);
    }
  }
  return out;
}

}  // namespace papilio::nn
