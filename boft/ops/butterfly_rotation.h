// The rotation of BOFT: a product of m sparse orthogonal factors, applied without ever building it.
#pragma once

#include <cstdint>

#include "tensor/tensor.h"

namespace papilio {

// y = x R with R = B_{m-1} ... B_1 B_0 and B_i = P_i diag(Q_{i,0}, ..., Q_{i,N-1}) P_i^T. x: (...,
// d), q: (m, N, b, b), d = N b, y: (..., d). P_i is index arithmetic only: of the d coordinates'
// half-blocks of b / 2, block n of factor i takes lo = ((n >> i) << (i + 1)) | (n & (2^i - 1)) and
// lo + 2^i. m = 1 is OFT (and allows odd b). A q of float32 turns x of any floating dtype, of 16
// bits in float32, of float64 in float64; y has x's dtype. Errors: shapes that butterfly_shape
// refuses; x's last size other than N b; other pairs of dtypes. Gradients hold for any q,
// orthogonal or not; only x is saved, and that only if q wants a gradient. Source: BOFT paper
// (arXiv 2311.06243), section 4, equations 2 and 3.
Tensor butterfly_rotation(const Tensor& x, const Tensor& q);
// y = x R^T: how merging rotates the rows of a weight, W' = W R^T.
Tensor butterfly_rotation_transposed(const Tensor& x, const Tensor& q);

// R itself, (d, d): the identity's rows rotated. For pictures and tests.
Tensor butterfly_matrix(const Tensor& q);

// Throws unless q: (m, N, b, b) are factors that can rotate d coordinates; `operation` begins the
// message.
void check_butterfly(const char* operation, const Tensor& q, int64_t d);

}  // namespace papilio
