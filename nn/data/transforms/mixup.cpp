#include "nn/data/transforms/mixup.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include "nn/data/transforms/draw.h"
#include "tensor/creation.h"

namespace papilio::nn {

namespace {

struct Box {
  int64_t top, left, bottom, right;
};

// A box with about the given share of the image, about a point drawn anywhere: its part outside
// counts for nothing.
Box draw_box(int64_t height, int64_t width, double share, Draw& draw) {
  const auto h = int64_t(double(height) * std::sqrt(share)),
             w = int64_t(double(width) * std::sqrt(share));
  const int64_t y = draw.integer(0, height), x = draw.integer(0, width);
  return {std::max<int64_t>(y - h / 2, 0), std::max<int64_t>(x - w / 2, 0),
          std::min(y + h / 2, height), std::min(x + w / 2, width)};
}

}  // namespace

Tensor Mixup::operator()(Tensor& images, const Tensor& labels, int64_t classes,
                         Generator& generator) const {
  check(images.dim() == 4 && images.dtype() == DType::float32 && images.is_contiguous() &&
            labels.numel() == images.size(0),
        "Mixup: expected contiguous float32 images of shape (B, C, H, W) and B labels");
  const int64_t batch = images.size(0), height = images.size(2), width = images.size(3),
                size = images.numel() / std::max<int64_t>(batch, 1);
  Draw draw(generator);
  double keep = 1;
  float* pixels = images.data<float>();
  if (any() && draw.chance(prob)) {
    const bool cut = cutmix_alpha > 0 && (mixup_alpha == 0 || draw.chance(switch_prob));
    keep = draw.beta(cut ? cutmix_alpha : mixup_alpha);
    Box box{0, 0, height, width};
    if (cut) {
      box = draw_box(height, width, 1 - keep, draw);
      keep = 1 - double((box.bottom - box.top) * (box.right - box.left)) / double(height * width);
    }
    const float a = cut ? 0 : float(keep), b = 1 - a;
    for (int64_t i = 0; i < batch / 2; ++i) {
      float *one = pixels + i * size, *two = pixels + (batch - 1 - i) * size;
      for (int64_t plane = 0; plane < size; plane += height * width) {
        for (int64_t y = box.top; y < box.bottom; ++y) {
          for (int64_t at = plane + y * width + box.left; at < plane + y * width + box.right;
               ++at) {
            const float u = one[at], v = two[at];
            one[at] = a * u + b * v;
            two[at] = a * v + b * u;
          }
        }
      }
    }
  }
  Tensor targets = zeros({batch, classes});
  float* t = targets.data<float>();
  const int64_t* label = labels.data<int64_t>();
  for (int64_t i = 0; i < batch; ++i) {
    for (const auto& [from, share] : {std::pair(i, keep), std::pair(batch - 1 - i, 1 - keep)}) {
      check(label[from] >= 0 && label[from] < classes, "Mixup: label ", label[from],
            " is out of range for ", classes, " classes");
      t[i * classes + label[from]] += float(share);
    }
  }
  return targets;
}

}  // namespace papilio::nn
