#include "nn/data/sources/idx.h"

#include <cctype>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include "nn/data/formats/detail/file.h"
#include "nn/data/formats/image.h"
#include "nn/data/sources/detail/class_names.h"
#include "tensor/detail/lower_case.h"
#include "tensor/error.h"
#include "tensor/files/detail/regular_file.h"
#include "tensor/text.h"

namespace papilio::nn {

namespace fs = std::filesystem;

namespace {

constexpr const char* kTrainImages = "train-images-idx3-ubyte";

// "emnist-letters-train-images.idx3-ubyte.gz" -> "emnist-letters-", if it is such a file.
std::optional<std::string> set_of(const fs::path& file) {
  std::string name = file.filename();
  if (name.ends_with(".gz")) name.resize(name.size() - 3);
  const size_t length = std::string_view(kTrainImages).size();
  if (name.size() < length) return {};
  const size_t dot = name.size() - std::string_view("idx3-ubyte").size() - 1;
  if (name[dot] == '.') name[dot] = '-';
  if (!name.ends_with(kTrainImages)) return {};
  return name.substr(0, name.size() - length);
}

bool is_file(const fs::path& path) {
  return file_exists(path) && fs::is_regular_file(path);
}

// The sets whose train images are here, each with its name's beginning: "" or "emnist-letters-".
std::set<std::string> sets_in(const fs::path& folder) {
  std::set<std::string> sets;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
    const std::optional<std::string> set = set_of(entry.path());
    if (set && is_file(entry.path())) sets.insert(*set);
  }
  return sets;
}

// The file of one part ("emnist-letters-train", "images", {"idx3-ubyte"}), or nothing.
fs::path find_part(const fs::path& folder, const std::string& part, const std::string& array,
                   std::initializer_list<const char*> kinds) {
  for (const char* kind : kinds) {
    for (const char* ending : {"", ".gz"}) {
      for (const char* between : {"-", "."}) {
        fs::path path = folder / str(part, '-', array, between, kind, ending);
        if (is_file(path)) return path;
      }
    }
  }
  return {};
}

ImageData open_part(const fs::path& folder, const std::string& part,
                    const std::vector<std::string>& class_names, int64_t first_label) {
  const fs::path images = find_part(folder, part, "images", {"idx3-ubyte"}),
                 labels = find_part(folder, part, "labels",
                                    {"idx1-ubyte", "idx2-int", "idx1-int", "idx1-int32"});
  if (images.empty() && labels.empty()) return nullptr;
  check<FileError>(
      !images.empty() && !labels.empty(), folder.string(), ": holds ", part,
      images.empty() ? "'s labels without its images" : "'s images without its labels");
  return idx_images(read_unpacked(images), images.string(), read_unpacked(labels), labels.string(),
                    class_names, first_label);
}

std::vector<std::string> letters(std::string_view each) {
  std::vector<std::string> names;
  for (const char c : each) names.emplace_back(1, c);
  return names;
}

// Lower-case, without '-', '_' and spaces.
std::string plain(const std::string& name) {
  std::string result;
  for (const unsigned char c : lower_case(name)) {
    if (std::isalnum(c) != 0) result += char(c);
  }
  return result;
}

// What a set's or a folder's name says about the classes.
struct Classes {
  std::vector<std::string> names;
  int64_t first_label = 0;
};

Classes classes_called(const std::string& name) {
  constexpr std::string_view kDigits = "0123456789", kCapitals = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  if (name == "fashion" || name == "fashionmnist") {
    return {{"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker",
             "Bag", "Ankle boot"}};
  }
  if (name == "kmnist" || name == "kuzushijimnist")
    return {{"o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"}};
  if (name == "emnistletters") return {letters("abcdefghijklmnopqrstuvwxyz"), 1};
  if (name == "emnistbyclass")
    return {letters(str(kDigits, kCapitals, "abcdefghijklmnopqrstuvwxyz"))};
  // Small letters that look like their capitals are one class with them.
  if (name == "emnistbalanced" || name == "emnistbymerge")
    return {letters(str(kDigits, kCapitals, "abdefghnqrt"))};
  return {};
}

Classes classes_of(const fs::path& folder, const std::string& set) {
  std::error_code ignored;
  const fs::path file = folder / "classes.txt";
  Classes classes = classes_called(plain(set));
  if (file_exists(file)) {
    classes.names = lines_of(read_file(file, 1 << 20));
    check_class_names(classes.names, file.string());
    return classes;
  }
  fs::path named = fs::absolute(folder, ignored).lexically_normal();
  if (named.filename().empty()) named = named.parent_path();
  if (named.filename() == "raw") named = named.parent_path();
  if (classes.names.empty()) classes = classes_called(plain(named.filename()));
  if (classes.names.empty()) classes.names = letters("0123456789");
  return classes;
}

// The labels in a file of (N) or (N, 8) elements of 1 or 4 bytes.
std::vector<int64_t> labels_of(std::string_view bytes, const std::string& name,
                               const std::vector<std::string>& class_names, int64_t first_label) {
  const int dimensions = bytes.size() >= 4 && bytes[3] == 2 ? 2 : 1;
  const IdxArray array = read_idx(bytes, dimensions, name);
  const auto count = size_t(array.shape[0]),
             step = size_t((dimensions == 2 ? array.shape[1] : 1) * array.element_bytes);
  check<FileError>(step > 0 || count == 0, name, ": has no column of labels");
  std::vector<int64_t> labels;
  for (size_t i = 0; i < count; ++i) {
    uint32_t value = 0;
    for (int64_t k = 0; k < array.element_bytes; ++k)
      value = value << 8 | static_cast<unsigned char>(array.data[i * step + size_t(k)]);
    labels.push_back(int64_t(int32_t(value)) - first_label);
    check<FileError>(labels.back() >= 0 && labels.back() < int64_t(class_names.size()), name,
                     ": label ", int32_t(value), " of image ", i, " is out of range for ",
                     class_names.size(), " classes");
  }
  return labels;
}

}  // namespace

IdxArray read_idx(std::string_view bytes, int dimensions, const std::string& name) {
  const auto byte = [&](size_t i) { return uint64_t(static_cast<unsigned char>(bytes[i])); };
  const size_t header = 4 + 4 * size_t(dimensions);
  check<FileError>(bytes.size() >= 4 && byte(0) == 0 && byte(1) == 0 &&
                       (byte(2) == 8 || byte(2) == 12) && byte(3) == uint64_t(dimensions),
                   name, ": expected an IDX file of bytes or int32 in ", dimensions,
                   " dimensions (0 0 8 ", dimensions, " or 0 0 12 ", dimensions,
                   " at its beginning)");
  check<FileError>(bytes.size() >= header, name, ": the IDX file is truncated");
  IdxArray array{{}, bytes.substr(header), byte(2) == 8 ? 1 : 4};
  uint64_t count = uint64_t(array.element_bytes);
  for (size_t d = 0; d < size_t(dimensions); ++d) {
    uint64_t size = 0;
    for (size_t k = 0; k < 4; ++k) size = size << 8 | byte(4 + 4 * d + k);
    array.shape.push_back(int64_t(size));
    count = size == 0 ? 0 : count > UINT64_MAX / size ? UINT64_MAX : count * size;
  }
  check<FileError>(count == array.data.size(), name, ": says it holds ",
                   papilio::joined(array.shape, "x"),
                   array.element_bytes == 1 ? " bytes" : " numbers of 4 bytes", ", but has ",
                   array.data.size(), array.element_bytes == 1 ? "" : " bytes");
  return array;
}

ImageData idx_images(std::string_view images, const std::string& images_name,
                     std::string_view labels, const std::string& labels_name,
                     const std::vector<std::string>& class_names, int64_t first_label) {
  const IdxArray pixels = read_idx(images, 3, images_name);
  check<FileError>(pixels.element_bytes == 1, images_name,
                   ": expected pixels that are bytes, got int32");
  std::vector<int64_t> numbers = labels_of(labels, labels_name, class_names, first_label);
  check<FileError>(pixels.shape[0] == int64_t(numbers.size()), labels_name, ": holds ",
                   numbers.size(), " labels for ", pixels.shape[0], " images");
  check<FileError>(!pixels.data.empty(), images_name, ": holds no image");
  return images_in_memory({.height = pixels.shape[1],
                           .width = pixels.shape[2],
                           .channels = 1,
                           .pixels = {pixels.data.begin(), pixels.data.end()},
                           .labels = std::move(numbers),
                           .class_names = class_names,
                           .name = images_name,
                           .files = {images_name, labels_name}});
}

bool is_idx_folder(const fs::path& folder) {
  return !sets_in(folder).empty();
}

bool is_idx_file(const fs::path& file) {
  return set_of(file).has_value() && is_file(file);
}

ImageSplits open_idx(const fs::path& path, const HoldOut& shares) {
  std::error_code ignored;
  const bool whole = fs::is_directory(path, ignored);
  const fs::path folder = whole ? path : path.has_parent_path() ? path.parent_path() : ".";
  const std::set<std::string> sets =
      whole ? sets_in(path) : std::set<std::string>{set_of(path).value_or("")};
  check<FileError>(!sets.empty(), folder.string(), ": holds no ", kTrainImages);
  check<FileError>(sets.size() == 1, folder.string(), ": holds several data sets (",
                   papilio::joined(sets, ", "), "); give the path of the wanted one's ",
                   kTrainImages);
  const std::string& set = *sets.begin();
  const auto [names, first_label] = classes_of(folder, set);
  const ImageData train = open_part(folder, set + "train", names, first_label);
  ImageData test = open_part(folder, set + "t10k", names, first_label);
  if (test == nullptr) test = open_part(folder, set + "test", names, first_label);
  ImageSplits splits = hold_out_rest<Image>({"idx", train, nullptr, test}, shares);
  if (set.starts_with("emnist")) {
    splits.notes.emplace_back(
        "EMNIST's pictures have rows and columns exchanged; they are read as they are");
  }
  return splits;
}

}  // namespace papilio::nn
