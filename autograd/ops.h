// Every operation, grouped: one include for users, one line each for readers.
#pragma once

// Element by element
#include "autograd/ops/activation.h"  // relu, sigmoid, silu, gelu(x, approximate)
#include "autograd/ops/arithmetic.h"  // add, sub, mul, div, neg and + - * /
#include "autograd/ops/cast.h"        // cast(x, dtype): another element type
#include "autograd/ops/compare.h"     // eq, ne, lt, le, gt, ge
#include "autograd/ops/extrema.h"     // maximum, minimum, clamp
#include "autograd/ops/math.h"        // pow, exp, log, sin, cos, sqrt, tanh, abs
#include "autograd/ops/where.h"       // where(condition, a, b): a choice between two

// Matrix products
#include "autograd/ops/conv2d.h"  // conv2d(x, weight, bias, {stride, padding, dilation, groups})
#include "autograd/ops/linear.h"  // linear(x, weight, bias): x W^T + bias; linear_gelu(x, weight, bias, approximate)
#include "autograd/ops/matmul.h"           // matmul(a, b): A B, leading dimensions broadcast
#include "autograd/ops/quantize_scales.h"  // quantize_scales(w): double quantisation of nf4 and fp4
#include "autograd/ops/quantized_linear.h"  // quantized_linear(x, w, bias), dequantize(w), quantize(w, kind): nf4, fp4, int8

// Over dimensions
#include "autograd/ops/argmax.h"       // argmax(x, dim): index of the largest element
#include "autograd/ops/log_softmax.h"  // log_softmax(x, dim): x - log sum exp(x)
#include "autograd/ops/reduce.h"       // sum, mean, var, max, min (x, dims, keepdim)
#include "autograd/ops/softmax.h"      // softmax(x, dim): exp(x) / sum exp(x)

// Layers of networks
#include "autograd/ops/attention.h"  // scaled_dot_product_attention(q, k, v, {scale, mask, causal}), attention_probabilities(q, k)
#include "autograd/ops/bias_gelu.h"      // bias_gelu(x, bias, approximate): gelu(x + bias)
#include "autograd/ops/cross_entropy.h"  // cross_entropy(logits, target, {label_smoothing, reduction})
#include "autograd/ops/dropout.h"        // dropout(x, p, training, generator)
#include "autograd/ops/group_norm.h"     // group_norm(x, groups, weight, bias, {eps, silu})
#include "autograd/ops/layer_norm.h"  // layer_norm(x, weight, bias, eps): over the last dimension; add_layer_norm(a, b, ...)
#include "autograd/ops/max_pool2d.h"          // max_pool2d(x, {kernel_size, stride, padding})
#include "autograd/ops/mse_loss.h"            // mse_loss(x, target, reduction)
#include "autograd/ops/upsample_nearest2d.h"  // upsample_nearest2d(x, {height, width})

// Shapes
#include "autograd/ops/shape.h"  // reshape, flatten, transpose, permute, expand, squeeze, unsqueeze, select, slice, contiguous, clone, pad, flip

// Devices
#include "autograd/ops/to.h"  // to(x, device)

// Joining and picking
#include "autograd/ops/index.h"  // index_select(x, dim, index), gather(x, dim, index), embedding(weight, indices)
#include "autograd/ops/join.h"  // concat(tensors, dim), stack(tensors, dim), split(x, sizes, dim)
