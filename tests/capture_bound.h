// CAPTURE of a structured binding: clang before 16 lets no lambda, which CAPTURE is, refer to one.
#pragma once

#include <doctest/doctest.h>

#define CAPTURE_BOUND(name)        \
  const auto& name##_bound = name; \
  INFO(#name " := ", name##_bound)
