#include "tensor/print.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <type_traits>
#include <vector>

#include "tensor/copy.h"

namespace papilio {
namespace {

constexpr int64_t kMostElements = 1000;
constexpr int kLineWidth = 96;

// How many elements at each end of a dimension are shown in a tensor of more than kMostElements: at
// most about 1000 in all.
int64_t edge_of(int rank) {
  return rank <= 3 ? 3 : rank <= 5 ? 2 : 1;
}

std::string formatted(const char* format, double value) {
  char text[32];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

// One format for all values.
std::vector<std::string> texts_of(const std::vector<double>& values) {
  double smallest = INFINITY, largest = 0;
  bool whole = true;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    whole = whole && value == std::trunc(value);
    largest = std::max(largest, std::abs(value));
    if (value != 0) smallest = std::min(smallest, std::abs(value));
  }
  const bool exponents = largest >= 1e6 || smallest < 1e-4;
  const char* const format = exponents ? "%.4e" : whole ? "%.0f." : "%.4f";
  std::vector<std::string> texts;
  texts.reserve(values.size());
  for (const double value : values) {
    texts.push_back(std::isnan(value)   ? "nan"
                    : std::isinf(value) ? (value > 0 ? "inf" : "-inf")
                                        : formatted(format, value));
  }
  return texts;
}

class Printer {
 public:
  // A tensor of a device by its copy.
  explicit Printer(const Tensor& x) : layout_(x.layout()) {
    const int64_t edge = edge_of(layout_.rank());
    for (int i = 0; i < layout_.rank(); ++i) {
      const int64_t size = layout_.shape[i];
      edge_.push_back(x.numel() > kMostElements && size > 2 * edge ? edge : size);
    }
    if (x.numel() > 0) {
      dispatch_all(x.dtype(), [&]<class T>() { read(static_cast<const T*>(x.raw_data())); });
    }
    for (const auto& text : texts_) width_ = std::max(width_, int(text.size()));
  }

  std::string rows() {
    if (layout_.numel() == 0) return "[]";
    std::string out;
    next_ = 0;
    row(0, out);
    return out;
  }

 private:
  // Calls f(index) for the shown indices of a dimension, and gap() between its two ends.
  template <class F, class G>
  void shown(int dim, F f, G gap) const {
    const int64_t size = layout_.shape[dim], edge = edge_[dim];
    for (int64_t i = 0; i < edge; ++i) f(i);
    if (edge == size) return;
    gap();
    for (int64_t i = size - edge; i < size; ++i) f(i);
  }

  // Texts of the shown elements in row-major order.
  template <class T>
  void read(const T* data) {
    std::vector<double> values;
    const auto visit = [&](auto& self, int dim, const T* at) -> void {
      if (dim < layout_.rank()) {
        return shown(
            dim, [&](int64_t i) { self(self, dim + 1, at + i * layout_.strides[dim]); }, [] {});
      }
      if constexpr (std::is_same_v<T, bool>)
        texts_.push_back(*at ? "true" : "false");
      else if constexpr (std::is_integral_v<T>)
        texts_.push_back(std::to_string(*at));
      else
        values.push_back(double(compute_t<T>(*at)));
    };
    visit(visit, 0, data);
    if (!values.empty()) texts_ = texts_of(values);
  }

  void row(int dim, std::string& out) {
    const std::string indent(size_t(dim) + 1, ' ');
    if (dim == layout_.rank()) {
      const auto& text = texts_[next_++];
      out += std::string(size_t(width_) - text.size(), ' ') + text;
      return;
    }
    out += '[';
    const bool innermost = dim + 1 == layout_.rank();
    const int in_line = std::max(1, (kLineWidth - dim) / (width_ + 2));
    int place = 0;
    const auto separate = [&] {
      if (place++ == 0) return;
      out += ',';
      if (!innermost)
        out.append(size_t(layout_.rank() - dim - 1), '\n') += indent;
      else if (place % in_line == 1 || in_line == 1)
        out += '\n' + indent;
      else
        out += ' ';
    };
    shown(
        dim,
        [&](int64_t) {
          separate();
          row(dim + 1, out);
        },
        [&] {
          separate();
          out += "...";
        });
    out += ']';
  }

  Layout layout_;
  Dims edge_;
  std::vector<std::string> texts_;
  int width_ = 0;
  size_t next_ = 0;
};

}  // namespace

std::ostream& operator<<(std::ostream& out, const Tensor& x) {
  if (!x.defined()) return out << "undefined tensor";
  const std::string rows = Printer(cpu_data(x)).rows();
  out << x.dtype() << ' ' << x.shape() << " on " << x.device();
  if (x.requires_grad()) out << ", requires gradient";
  const bool one_line = (x.dim() <= 1 || x.numel() == 0) && rows.find('\n') == rows.npos;
  return out << (one_line ? ": " : ":\n") << rows;
}

}  // namespace papilio
