#include "samples/report/pages/class_rows.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "samples/report/svg/axis.h"

namespace papilio::report {
namespace {

double ratio(int64_t part, int64_t whole) {
  return whole > 0 ? double(part) / double(whole) : kUnset;
}

}  // namespace

double ClassRow::recall() const {
  return ratio(right, images);
}

double ClassRow::precision() const {
  return ratio(right, predicted);
}

double ClassRow::f1() const {
  return ratio(2 * right, images + predicted);
}

std::vector<ClassRow> class_rows(const std::vector<std::vector<int64_t>>& confusion,
                                 const std::vector<std::string>& names) {
  std::vector<ClassRow> rows(confusion.size());
  for (size_t i = 0; i < confusion.size(); ++i) {
    if (i < names.size()) rows[i].name = names[i];
    rows[i].right = confusion[i][i];
    for (size_t k = 0; k < confusion.size(); ++k) {
      rows[i].images += confusion[i][k];
      rows[k].predicted += confusion[i][k];
    }
  }
  return rows;
}

}  // namespace papilio::report
