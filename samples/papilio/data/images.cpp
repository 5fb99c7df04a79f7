#include "samples/papilio/data/images.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <new>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "tensor/creation.h"
#include "tensor/detail/lower_case.h"
#include "tensor/files/detail/file_format.h"
#include "tensor/files/detail/regular_file.h"

namespace papilio::cli {

namespace {

constexpr size_t kPixels = 64;
constexpr size_t kLargest = 100'000'000;

// The number that a field is, spaces around it, if it is one: "nan" and "-3" are.
std::optional<double> number(std::string_view field) {
  while (field.starts_with(' ')) field.remove_prefix(1);
  while (field.ends_with(' ')) field.remove_suffix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  if (error == std::errc() && end == field.data() + field.size()) return value;
  return {};
}

double pixel(std::string_view field, const std::string& where) {
  const double value = number(field).value_or(-1);
  check<FileError>(value >= 0 && value <= 16, where, ": expected pixels from 0 to 16, got '",
                   field.substr(0, 20), '\'');
  return value;
}

using Fields = std::vector<std::string_view>;

Fields fields_of(std::string_view line) {
  Fields fields;
  for (size_t begin = 0; begin <= line.size();) {
    const size_t end = std::min(line.find(',', begin), line.size());
    std::string_view field = line.substr(begin, end - begin);
    if (field.size() >= 2 && field.starts_with('"') && field.ends_with('"'))
      field = field.substr(1, field.size() - 2);
    fields.push_back(field);
    begin = end + 1;
  }
  return fields;
}

NamedImage image_of(const Fields& fields, const std::string& where) {
  check<FileError>(fields.size() == kPixels || fields.size() == kPixels + 1, where,
                   ": expected 64 pixels, and a label if there is one, got ", fields.size(),
                   fields.size() == 1 ? " value" : " values");
  std::vector<float> pixels;
  for (size_t i = 0; i < kPixels; ++i)
    pixels.push_back(float(pixel(fields[i], str(where, ", column ", i + 1)) / 8 - 1));
  return {where, tensor<float>(pixels, {1, 1, 8, 8}),
          fields.size() > kPixels ? std::string(fields.back()) : ""};
}

struct Row {
  Fields fields;
  std::string where;
};

// Whether the name is one of these, in whatever case.
bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::ranges::count(names, lower_case(name)) > 0;
}

// A header says which columns are no pixels: the label goes behind the pixels, wherever it stands,
// and the numbers of rows go.
void arrange_by_names(std::vector<Row>& rows) {
  const Row names = std::move(rows[0]);
  rows.erase(rows.begin());
  size_t label = SIZE_MAX;
  std::vector<size_t> pixels;
  for (size_t i = 0; i < names.fields.size(); ++i) {
    if (is_one_of(names.fields[i],
                  {"label", "labels", "class", "category", "target", "digit", "y"}))
      label = i;
    else if (!is_one_of(names.fields[i], {"", "unnamed: 0", "index", "id"}))
      pixels.push_back(i);
  }
  check<FileError>(pixels.size() == kPixels, names.where, ": expected names of 64 pixels, and ",
                   "\"label\" if there is one, got ", pixels.size(), " names of pixels");
  for (Row& row : rows) {
    check<FileError>(row.fields.size() == names.fields.size(), row.where, ": expected ",
                     names.fields.size(), " values, as many as names above, got ",
                     row.fields.size());
    Fields fields;
    for (const size_t i : pixels) fields.push_back(row.fields[i]);
    if (label != SIZE_MAX) fields.push_back(row.fields[label]);
    row.fields = std::move(fields);
  }
}

// Names of columns: most are no numbers and differ from each other, or the numbers count up
// (0 ... 63), as pixels cannot.
bool are_names(const Fields& fields) {
  if (fields.size() < kPixels) return false;
  std::vector<double> numbers;
  for (const std::string_view field : fields) {
    if (const auto value = number(field)) numbers.push_back(*value);
  }
  if (2 * numbers.size() < fields.size())
    return 2 * std::set<std::string_view>(fields.begin(), fields.end()).size() > fields.size();
  for (size_t i = 1; i < numbers.size(); ++i)
    if (numbers[i] != numbers[0] + double(i)) return false;
  return true;
}

// pandas' to_csv writes names of columns above, and before each row its number.
void drop_names_and_index(std::vector<Row>& rows) {
  if (are_names(rows[0].fields)) return arrange_by_names(rows);
  bool counts = rows.size() > 1;
  for (size_t i = 0; i < rows.size(); ++i)
    counts &= rows[i].fields.size() > kPixels && rows[i].fields[0] == std::to_string(i);
  if (!counts) return;
  for (Row& row : rows) row.fields.erase(row.fields.begin());
}

}  // namespace

std::string file_format(const std::string& path) {
  return format_of(RegularFile(path).read(64));
}

bool is_picture(const std::string& path) {
  if (nn::has_image_extension(path)) return true;
  return !file_format(path).empty();
}

NamedImage read_picture(const std::string& path, const nn::ImageProcessor& processor) {
  Tensor pixels = empty({1, processor.channels(), processor.out_height(), processor.out_width()});
  try {
    processor(nn::read_image(path), pixels.data<float>());
  } catch (const ArgumentError& e) {
    throw FileError(path + ": " + e.what());
  } catch (const std::bad_alloc&) {
    throw FileError(path + ": there is not enough memory for the picture");
  }
  return {path, pixels, ""};
}

std::vector<NamedImage> read_image_file(const std::string& path) {
  std::string text = read_file(path, kLargest);
  if (text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);  // UTF-8's mark, as spreadsheets write it
  check<FileError>(text.find('\0') == text.npos, path, ": expected a CSV file of 8x8 pixels");
  std::vector<Row> rows;
  int n = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const size_t length = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, length);
    rest.remove_prefix(std::min(length + 1, rest.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    ++n;
    if (!line.empty()) rows.push_back({fields_of(line), str(path, ", line ", n)});
  }
  if (!rows.empty()) drop_names_and_index(rows);
  check<FileError>(!rows.empty(), path, ": holds no image");
  std::vector<NamedImage> images;
  images.reserve(rows.size());
  for (const Row& row : rows) images.push_back(image_of(row.fields, row.where));
  return images;
}

}  // namespace papilio::cli
