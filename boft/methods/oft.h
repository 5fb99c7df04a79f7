// OFT at one layer: the parameters and what they do to its weight.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "boft/methods/config.h"
#include "nn/adapter.h"

namespace papilio::boft {

// The blocks of a layer with d inputs: N of size b.
struct OftShape {
  int64_t blocks = 0, block_size = 0;
};
// Exactly one of r and oft_block_size is not 0; where it does not divide d it moves to the nearest
// divisor (the lower of two), and `warnings` gets a line that begins with the layer's path.
OftShape oft_shape(const std::string& path, int64_t d, const OftConfig& config,
                   std::vector<std::string>& warnings);

// W' = W R^T with R = diag(Q_1, ..., Q_N), so that y = (x R) W^T + bias (arXiv 2306.07280, section
// 3.3); at an embedding the rows looked up turn, W' = W R. W: (out, d).
struct OftLayer : nn::Adapter {
  Tensor
      oft_R;  // (N, b (b - 1) / 2), or (1, ...) where one block is shared; float32, 0 at the start
  OftConfig config;

  // For the layer at `path`; what PEFT warns of is added to `warnings`. Throws ArgumentError for a
  // block size that does not divide the layer's inputs.
  OftLayer(const std::string& path, const nn::AdaptableLayer& layer, const OftConfig& config,
           std::vector<std::string>& warnings);

  // b and the number of blocks.
  int64_t block_size() const { return shape_.block_size; }
  int64_t block_num() const { return shape_.blocks; }

  // Q of every block, (1, N, b, b); with multiplicative dropout in training (not for a shared
  // block). With coft, oft_R is first clipped in place.
  Tensor rotations(bool training);
  Tensor weight(const Tensor& w, bool training) override;
  Tensor linear(const Tensor& x, const nn::AdaptedWeight& inside, const Tensor& bias) override;
  void visit(nn::Visitor& v) override;
  std::string describe() const override;

 private:
  OftShape shape_;
  bool embedding_;
};

// Clips each row of upper: (blocks, b (b - 1) / 2), the upper triangle of a skew-symmetric A, in
// place so that the Frobenius norm |A| <= eps / sqrt(blocks). Rows within stay as they are, bit for
// bit.
void clip_blocks(const Tensor& upper, double eps);

}  // namespace papilio::boft
