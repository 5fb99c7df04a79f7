#include "nn/data/formats/detail/orientation.h"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <iterator>

namespace papilio::nn::codec {

using namespace std::string_view_literals;

namespace {

// A TIFF structure's numbers; what lies outside the data is 0.
class Tiff {
 public:
  Tiff(std::string_view data, bool little) : data_(data), little_(little) {}

  // n bytes at `at`, n <= 8.
  uint64_t bits(uint64_t at, unsigned n) const {
    uint64_t value = 0;
    for (unsigned i = 0; i < n; ++i) {
      const uint64_t from = at + (little_ ? n - 1 - i : i);
      value = value << 8 | (from < data_.size() ? static_cast<unsigned char>(data_[from]) : 0);
    }
    return value;
  }
  int64_t integer(uint64_t at, unsigned n) const {
    return int64_t(bits(at, n) << (64 - 8 * n)) >> (64 - 8 * n);
  }
  bool holds(uint64_t at, uint64_t n) const { return at <= data_.size() && n <= data_.size() - at; }

 private:
  std::string_view data_;
  bool little_;
};

// Bytes of one value of a TIFF type, 0 for types that are none.
unsigned size_of_type(uint64_t type) {
  constexpr unsigned kSizes[] = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8};
  return type < std::size(kSizes) ? kSizes[type] : 0;
}

double ratio(double above, double below) {
  return below == 0 ? 0 : above / below;
}

// The first value, 0 of texts and plain bytes.
double number(const Tiff& tiff, uint64_t type, uint64_t at) {
  switch (type) {
    case 3:  // SHORT, LONG, IFD, LONG8
    case 4:
    case 13:
    case 16:
      return double(tiff.bits(at, size_of_type(type)));
    case 5:
      return ratio(double(tiff.bits(at, 4)), double(tiff.bits(at + 4, 4)));
    case 6:  // SBYTE, SSHORT, SLONG
    case 8:
    case 9:
      return double(tiff.integer(at, size_of_type(type)));
    case 10:
      return ratio(double(tiff.integer(at, 4)), double(tiff.integer(at + 4, 4)));
    case 11:
      return std::bit_cast<float>(uint32_t(tiff.bits(at, 4)));
    case 12:
      return std::bit_cast<double>(tiff.bits(at, 8));
    default:
      return 0;
  }
}

}  // namespace

std::optional<int> exif_orientation(std::string_view data) {
  while (data.starts_with("Exif\0\0"sv)) data.remove_prefix(6);
  const bool little = data.starts_with("II*\0"sv) || data.starts_with("II\0*"sv);
  if (!little && !data.starts_with("MM\0*"sv) && !data.starts_with("MM*\0"sv)) return {};
  const Tiff tiff(data, little);
  const uint64_t directory = tiff.bits(4, 4), entries = tiff.bits(directory, 2);
  for (uint64_t i = 0; i < entries; ++i) {
    const uint64_t at = directory + 2 + 12 * i;  // tag, type, count, value or its place
    if (!tiff.holds(at, 12)) return {};
    const uint64_t type = tiff.bits(at + 2, 2), bytes = size_of_type(type) * tiff.bits(at + 4, 4),
                   value = bytes <= 4 ? at + 8 : tiff.bits(at + 8, 4);
    if (tiff.bits(at, 2) != 0x0112 || bytes == 0 || !tiff.holds(value, bytes)) continue;
    const double v = number(tiff, type, value);
    return v >= 1 && v <= 8 && v == double(int(v)) ? int(v) : 0;
  }
  return {};
}

std::optional<int> xmp_orientation(std::string_view text) {
  constexpr std::string_view kName = "tiff:Orientation";
  for (size_t at = text.find(kName); at != text.npos; at = text.find(kName, at + 1)) {
    std::string_view value = text.substr(at + kName.size());
    if (value.starts_with("=\"")) {
      value.remove_prefix(2);
    } else if (value.starts_with('>')) {
      value.remove_prefix(1);
    } else {
      continue;
    }
    if (!value.empty() && value[0] >= '0' && value[0] <= '9') return value[0] - '0';
  }
  return {};
}

std::string raw_profile_bytes(std::string_view text) {
  for (int line = 0; line < 3; ++line) {
    const size_t end = text.find('\n');
    if (end == text.npos) return "";
    text.remove_prefix(end + 1);
  }
  std::string bytes;
  int digits = 0, value = 0;
  for (const char c : text) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) {
      if (c == '\n' || c == '\r' || c == ' ') continue;
      return "";
    }
    value = value << 4 | digit;
    if (++digits % 2 == 0) {
      bytes += char(value);
      value = 0;
    }
  }
  return digits % 2 == 0 ? bytes : "";
}

int orientation(const OrientationNotes& notes) {
  std::optional<int> found =
      exif_orientation(notes.exif.empty() ? raw_profile_bytes(notes.raw_profile) : notes.exif);
  if (!found) found = xmp_orientation(notes.xmp);
  return found && *found >= 1 && *found <= 8 ? *found : 1;
}

}  // namespace papilio::nn::codec
