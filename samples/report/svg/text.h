// Numbers and labels as text: escaped, rounded, measured, shortened.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace papilio::report {

// Text for element content and quoted attributes: & < > " ' become entities; control characters
// that XML forbids and bytes that are not UTF-8 become U+FFFD, so that no label can break the page.
std::string escape(std::string_view text);

// A text's parts between separators, at least one.
std::vector<std::string> split(std::string_view text, char separator);

// RFC 4648's, with padding.
std::string base64(std::string_view bytes);

// All numbers are written in the C locale whatever the program's locale is. A value that is not
// finite is written as an en dash.
std::string fixed(double value, int decimals);       // 1.50
std::string significant(double value, int digits);   // 0.0012, 3.1×10⁻⁷, 1200
std::string grouped(int64_t value);                  // 21,061
std::string compact(double value);                   // 950, 21k, 1.5M
std::string coordinate(double value);                // at most two decimals, "0" if not finite
std::string percent(double fraction, int decimals);  // 0.963 -> 96.3 %
std::string plus_minus(double mean, double std, int decimals);

// Width in user units of a label in the report's sans-serif font, from average glyph widths.
double text_width(std::string_view text, double font_size);
// The text, or as much of its beginning as fits with an ellipsis.
std::string shortened(std::string_view text, double width, double font_size);

}  // namespace papilio::report
