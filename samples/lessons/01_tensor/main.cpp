// A tensor is memory, a shape, strides and an offset. Views share the memory.
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iomanip>
#include <iostream>
#include <string>
#include <vector>

#include "autograd/ops.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/device_named.h"
#include "tensor/print.h"

using namespace papilio;

// Element (i_0, i_1, ...) lies at offset + sum_k i_k stride_k. The last index runs fastest.
std::vector<int64_t> read_by_hand(const Tensor& x, const int64_t* memory) {
  std::vector<int64_t> values;
  for (int64_t n = 0; n < x.numel(); ++n) {
    int64_t at = x.layout().offset, rest = n;
    for (int k = x.dim() - 1; k >= 0; --k) {
      at += rest % x.size(k) * x.strides()[k];
      rest /= x.size(k);
    }
    values.push_back(memory[at]);
  }
  return values;
}

void show(const std::string& name, const Tensor& y, const Tensor& x) {
  std::cout << std::left << std::setw(26) << name << std::setw(10) << str(y.shape())
            << std::setw(10) << str(y.strides()) << std::setw(8) << y.layout().offset
            << (y.storage() == x.storage() ? "x's memory " : "a copy     ");
  // The memory that y lies in; a GPU's comes here first, all of it.
  const Tensor whole = to(y.storage() == x.storage() ? x : y, Device::cpu());
  const auto values = read_by_hand(y, static_cast<const int64_t*>(whole.storage()->data()));
  for (size_t i = 0; i < values.size(); ++i) std::cout << (i ? " " : "") << values[i];
  std::cout << '\n';
  check<Error>(values == y.to_vector<int64_t>(), name, ": strides do not lead to the elements");
}

int main(int argc, char** argv) try {
  const Device device = device_named("DEVICE", argc > 1 ? argv[1] : "cpu");
  const Tensor x = reshape(arange(12, {.dtype = DType::int64, .device = device}), {3, 4});
  std::cout << "x = " << x << "\n\n";
  std::cout << "view                      shape     strides   offset  lies in    elements\n";
  const Tensor t = transpose(x, 0, 1), row = select(x, 0, 1);
  show("x", x, x);
  show("transpose(x, 0, 1)", t, x);                       // strides change places
  show("select(x, 0, 1)", row, x);                        // offset += 1 * stride_0
  show("select(x, 1, 2)", select(x, 1, 2), x);            // offset += 2 * stride_1: a column
  show("slice(x, 1, 0, 4, 2)", slice(x, 1, 0, 4, 2), x);  // stride_1 *= 2: every second column
  show("expand(row, {3, 4})", expand(row, {3, 4}), x);    // stride 0: one row, seen three times
  show("reshape(x, {2, 6})", reshape(x, {2, 6}), x);
  show("reshape(t, {2, 6})", reshape(t, {2, 6}), x);  // no strides give this order: a copy

  fill_(row, 0);  // writing through a view writes x
  std::cout << "\nafter fill_(row, 0):\nx = " << x << '\n';
  check<Error>(x.to_vector<int64_t>() == std::vector<int64_t>{0, 1, 2, 3, 0, 0, 0, 0, 8, 9, 10, 11},
               "row 1 of x should be zero now");
  check<Error>(t.strides() == Dims{1, 4} && !t.is_contiguous(), "transposing swaps the strides");
  std::cout << "every element was found by its strides\n";
} catch (const std::exception& e) {
  std::cerr << "01_tensor: " << e.what() << '\n';
  return 1;
}
