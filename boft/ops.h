// The method's operations: one include for users, one line each for readers.
#pragma once

#include "boft/ops/boft_linear.h"  // boft_linear(x, weight, bias, q, s): y = s o (x R W^T) + bias
#include "boft/ops/butterfly_rotation.h"  // butterfly_rotation(x, q): x R; _transposed: x R^T; butterfly_matrix(q): R
#include "boft/ops/butterfly_shape.h"  // butterfly_shape(who, d, b, N, m): which sizes fit
#include "boft/ops/cayley.h"           // cayley(r): a rotation from any square matrix
#include "boft/ops/cayley_neumann.h"   // cayley_neumann(a, terms): the same by a series, nearly
#include "boft/ops/gram_schmidt.h"     // gram_schmidt(u): columns made orthonormal
#include "boft/ops/householder.h"  // householder(x, u): x H_1 ... H_r, reflections by u's columns; _transposed
#include "boft/ops/lora_linear.h"  // lora_linear(x, weight, bias, a, b, scaling): x W^T + bias + scaling (x A^T) B^T
#include "boft/ops/multiplicative_dropout.h"  // multiplicative_dropout(q, p, training): blocks become the identity
#include "boft/ops/rotation_power.h"  // rotation_power(q, a, t): t times the angles
#include "boft/ops/skew_symmetric.h"  // skew_symmetric(upper, b): A from its upper triangle, and back
#include "boft/ops/symmetric_eigen.h"  // symmetric_eigen(a): a = V diag(values) V^T
