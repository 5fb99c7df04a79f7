#include "samples/papilio/output/table.h"

#include <cstdint>
#include <cstdio>

namespace papilio::cli {

std::string percent(double fraction) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f %%", 100 * fraction);
  return text;
}

std::string bytes_text(size_t bytes) {
  const auto value = double(bytes);
  const char* units[] = {"kB", "MB", "GB", "TB"};
  double unit = 1e3;
  size_t i = 0;
  for (; i < 3 && value >= 999.5 * unit; ++i) unit *= 1e3;
  char text[48];
  std::snprintf(text, sizeof text, value < 99.95 * unit ? "%.1f %s" : "%.0f %s", value / unit,
                units[i]);
  return text;
}

std::string short_number(double value, int digits) {
  char text[48];
  std::snprintf(text, sizeof text, "%.*g", digits, value);
  return text;
}

}  // namespace papilio::cli
