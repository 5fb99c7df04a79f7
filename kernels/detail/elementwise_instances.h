// What every backend compiles of kernels/elementwise.h, a family of functors a macro: each stands
// in the backend's file of that name, inside its namespace and behind `using namespace functor`.
#pragma once

// map, or zip, of F with its gradients.
#define PAPILIO_INSTANTIATE_MAP(F)       \
  template void map(View, ConstView, F); \
  template void map_backward(View, ConstView, ConstView, F);
#define PAPILIO_INSTANTIATE_ZIP_BACKWARD(F)                               \
  template void zip_backward_a(View, ConstView, ConstView, ConstView, F); \
  template void zip_backward_b(View, ConstView, ConstView, ConstView, F);

// The functors of each family.
#define PAPILIO_INSTANTIATE_ACTIVATION \
  PAPILIO_INSTANTIATE_MAP(Relu)        \
  PAPILIO_INSTANTIATE_MAP(Sigmoid)     \
  PAPILIO_INSTANTIATE_MAP(Silu)        \
  PAPILIO_INSTANTIATE_MAP(Gelu)        \
  PAPILIO_INSTANTIATE_MAP(GeluTanh)
#define PAPILIO_INSTANTIATE_ARITHMETIC                \
  template void map(View, ConstView, Neg);            \
  template void map(View, ConstView, Right<Add>);     \
  template void map(View, ConstView, Right<Mul>);     \
  template void map(View, ConstView, Right<Div>);     \
  template void map(View, ConstView, Left<Sub>);      \
  PAPILIO_INSTANTIATE_MAP(Left<Div>)                  \
  template void zip(View, ConstView, ConstView, Add); \
  template void zip(View, ConstView, ConstView, Sub); \
  template void zip(View, ConstView, ConstView, Mul); \
  template void zip(View, ConstView, ConstView, Div); \
  template void zip_backward_b(View, ConstView, ConstView, ConstView, Div);
#define PAPILIO_INSTANTIATE_COMPARE                  \
  template void zip(View, ConstView, ConstView, Eq); \
  template void zip(View, ConstView, ConstView, Ne); \
  template void zip(View, ConstView, ConstView, Lt); \
  template void zip(View, ConstView, ConstView, Le);
#define PAPILIO_INSTANTIATE_EXTREMA                       \
  template void zip(View, ConstView, ConstView, Maximum); \
  template void zip(View, ConstView, ConstView, Minimum); \
  PAPILIO_INSTANTIATE_ZIP_BACKWARD(Maximum)               \
  PAPILIO_INSTANTIATE_ZIP_BACKWARD(Minimum)               \
  PAPILIO_INSTANTIATE_MAP(Clamp)
#define PAPILIO_INSTANTIATE_MATH                      \
  PAPILIO_INSTANTIATE_MAP(Exp)                        \
  PAPILIO_INSTANTIATE_MAP(Log)                        \
  PAPILIO_INSTANTIATE_MAP(Sin)                        \
  PAPILIO_INSTANTIATE_MAP(Cos)                        \
  PAPILIO_INSTANTIATE_MAP(Sqrt)                       \
  PAPILIO_INSTANTIATE_MAP(Tanh)                       \
  PAPILIO_INSTANTIATE_MAP(Abs)                        \
  PAPILIO_INSTANTIATE_MAP(Square)                     \
  PAPILIO_INSTANTIATE_MAP(Cube)                       \
  PAPILIO_INSTANTIATE_MAP(Reciprocal)                 \
  PAPILIO_INSTANTIATE_MAP(PowNumber)                  \
  template void zip(View, ConstView, ConstView, Pow); \
  PAPILIO_INSTANTIATE_ZIP_BACKWARD(Pow)
