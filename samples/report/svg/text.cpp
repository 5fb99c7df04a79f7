#include "samples/report/svg/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace papilio::report {
namespace {

constexpr std::string_view kMissing = "\u2013";
constexpr std::string_view kMinus = "\u2212";
constexpr std::string_view kReplacement = "\uFFFD";

std::string to_text(double value, std::chars_format format, int precision) {
  std::array<char, 400> buffer{};
  const auto end =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, format, precision);
  return {buffer.data(), end.ptr};
}

// "-0.00" says nothing that "0.00" does not, and a true minus lines up with the plus.
std::string with_minus(std::string digits) {
  if (digits.empty() || digits[0] != '-') return digits;
  digits.erase(0, 1);
  const auto exponent = digits.find('e');
  if (digits.substr(0, exponent).find_first_of("123456789") == std::string::npos) return digits;
  return std::string(kMinus) + digits;
}

// 3.1e-07 -> 3.1 x 10^-7 in typeset characters; a lone "1 x" is left out.
std::string scientific(const std::string& digits) {
  static constexpr std::array<std::string_view, 10> kSuperscript{
      "\u2070", "\u00B9", "\u00B2", "\u00B3", "\u2074",
      "\u2075", "\u2076", "\u2077", "\u2078", "\u2079"};
  const auto e = digits.find('e');
  const std::string mantissa = digits.substr(0, e);
  const int exponent = std::stoi(digits.substr(e + 1));
  std::string out = mantissa == "1" ? "" : with_minus(mantissa) + "\u00D7";
  out += "10";
  if (exponent < 0) out += "\u207B";
  for (char c : std::to_string(std::abs(exponent))) {
    out += kSuperscript[size_t(c - '0')];
  }
  return out;
}

// Length of the UTF-8 sequence that starts at text[i], 0 if it is malformed (overlong, surrogate,
// beyond U+10FFFF, or cut short).
size_t utf8_length(std::string_view text, size_t i) {
  const auto byte = [&](size_t k) { return static_cast<unsigned char>(text[k]); };
  const unsigned first = byte(i);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || i + length > text.size()) return 0;
  for (size_t k = i + 1; k < i + length; ++k) {
    if ((byte(k) & 0xC0U) != 0x80) return 0;
  }
  const unsigned second = byte(i + 1);
  if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
      (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) {
    return 0;
  }
  // U+FFFE and U+FFFF are not XML characters.
  if (first == 0xEF && second == 0xBF && byte(i + 2) >= 0xBE) return 0;
  return length;
}

}  // namespace

std::string escape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const size_t length = utf8_length(text, i);
    const char c = text[i];
    const bool control = static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t';
    if (length == 0 || control) {
      out += kReplacement;
    } else if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else if (c == '\'') {
      out += "&#39;";
    } else {
      out += text.substr(i, length);
    }
    i += length == 0 ? 1 : length;
  }
  return out;
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (size_t from = 0; from <= text.size();) {
    const size_t to = std::min(text.find(separator, from), text.size());
    parts.emplace_back(text.substr(from, to - from));
    from = to + 1;
  }
  return parts;
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t word = 0;
    for (size_t k = 0; k < 3; ++k)
      word = word << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    for (size_t k = 0; k < 4; ++k)
      text += i + k > bytes.size() ? '=' : kDigits[word >> (18 - 6 * k) & 63U];
  }
  return text;
}

std::string fixed(double value, int decimals) {
  if (!std::isfinite(value)) return std::string(kMissing);
  return with_minus(to_text(value, std::chars_format::fixed, decimals));
}

std::string significant(double value, int digits) {
  if (!std::isfinite(value)) return std::string(kMissing);
  if (value == 0) return "0";
  const double magnitude = std::abs(value);
  if (magnitude < 1e-4 || magnitude >= 1e7) {
    return scientific(to_text(value, std::chars_format::scientific, digits - 1));
  }
  const int exponent = int(std::floor(std::log10(magnitude)));
  return fixed(value, std::max(0, digits - 1 - exponent));
}

std::string grouped(int64_t value) {
  std::string digits = std::to_string(value);
  const size_t sign = value < 0 ? 1 : 0;
  for (size_t i = digits.size(); i > sign + 3;) {
    i -= 3;
    digits.insert(i, ",");
  }
  return with_minus(digits);
}

std::string compact(double value) {
  if (!std::isfinite(value)) return std::string(kMissing);
  static constexpr std::array<std::pair<double, const char*>, 3> kUnits{
      {{1e9, "G"}, {1e6, "M"}, {1e3, "k"}}};
  for (const auto& [unit, suffix] : kUnits) {
    if (std::abs(value) >= unit) {
      const double scaled = value / unit;
      const bool whole = std::abs(scaled - std::round(scaled)) < 0.05 || std::abs(scaled) >= 100;
      return fixed(scaled, whole ? 0 : 1) + suffix;
    }
  }
  return significant(value, 3);
}

std::string coordinate(double value) {
  if (!std::isfinite(value)) return "0";
  std::string digits = to_text(value, std::chars_format::fixed, 2);
  while (digits.back() == '0') digits.pop_back();
  if (digits.back() == '.') digits.pop_back();
  return digits == "-0" ? "0" : digits;
}

std::string percent(double fraction, int decimals) {
  if (!std::isfinite(fraction)) return std::string(kMissing);
  return fixed(100 * fraction, decimals) + "\u00A0%";
}

std::string plus_minus(double mean, double std, int decimals) {
  if (!std::isfinite(mean) || !std::isfinite(std)) return fixed(mean, decimals);
  return fixed(mean, decimals) + "\u00A0\u00B1\u00A0" + fixed(std, decimals);
}

// As wide as DejaVu Sans, the widest of the usual sans-serif fonts, sets it.
double text_width(std::string_view text, double font_size) {
  const auto width_of = [](char c) {
    const auto among = [c](std::string_view letters) { return letters.find(c) != letters.npos; };
    if (among("ijl.,:;|!'() ")) return 0.40;
    if (among("mwMW%=+<>")) return 0.98;
    return c >= 'A' && c <= 'Z' ? 0.79 : 0.64;
  };
  double width = 0;
  for (char c : text) {
    const bool continues = (static_cast<unsigned char>(c) & 0xC0U) == 0x80;  // a UTF-8 sequence
    if (!continues) width += width_of(c);
  }
  return width * font_size;
}

std::string shortened(std::string_view text, double width, double font_size) {
  if (text_width(text, font_size) <= width) return std::string(text);
  std::string kept;
  for (size_t i = 0; i < text.size();) {
    const size_t length = std::max<size_t>(utf8_length(text, i), 1);
    const std::string longer = kept + std::string(text.substr(i, length));
    if (text_width(longer + "\u2026", font_size) > width && !kept.empty()) break;
    kept = longer;
    i += length;
  }
  return kept + "\u2026";
}

}  // namespace papilio::report
