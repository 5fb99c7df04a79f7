#include "nn/data/sources/idx.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <system_error>
#include <utility>
#include <vector>

#include "nn/data/formats/file.h"
#include "nn/data/sources/class_names.h"
#include "tensor/error.h"

namespace papilio::nn {

namespace fs = std::filesystem;

namespace {

// The file of one part ("train", "images-idx3"), or nothing.
fs::path find_part(const fs::path& folder, const std::string& part, std::string array) {
  std::error_code ignored;
  for (const char* ending : {"", ".gz"}) {
    for (char between : {'-', '.'}) {
      array[array.size() - 5] = between;
      fs::path path = folder / (part + '-' + array + "-ubyte" + ending);
      if (fs::is_regular_file(path, ignored)) return path;
    }
  }
  return {};
}

ImageData open_part(const fs::path& folder, const std::string& part,
                    const std::vector<std::string>& class_names) {
  const fs::path images = find_part(folder, part, "images-idx3"),
                 labels = find_part(folder, part, "labels-idx1");
  if (images.empty() && labels.empty()) return nullptr;
  check<FileError>(
      !images.empty() && !labels.empty(), folder.string(), ": holds ", part,
      images.empty() ? "'s labels without its images" : "'s images without its labels");
  return idx_images(read_unpacked(images), images.string(), read_unpacked(labels), labels.string(),
                    class_names);
}

std::vector<std::string> class_names_of(const fs::path& folder) {
  std::error_code ignored;
  const fs::path file = folder / "classes.txt";
  if (fs::exists(file, ignored)) {
    std::vector<std::string> names = lines_of(read_file(file, 1 << 20));
    check_class_names(names, file.string());
    return names;
  }
  std::string path = fs::absolute(folder, ignored).string();
  std::ranges::transform(path, path.begin(), [](unsigned char c) { return char(std::tolower(c)); });
  if (path.find("fashion") != path.npos) {
    return {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
            "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot"};
  }
  return {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
}

}  // namespace

IdxArray read_idx(std::string_view bytes, int dimensions, const std::string& name) {
  const auto byte = [&](size_t i) { return uint64_t(static_cast<unsigned char>(bytes[i])); };
  const size_t header = 4 + 4 * size_t(dimensions);
  check<FileError>(bytes.size() >= 4 && byte(0) == 0 && byte(1) == 0 && byte(2) == 8 &&
                       byte(3) == uint64_t(dimensions),
                   name, ": expected an IDX file of bytes in ", dimensions, " dimensions (0 0 8 ",
                   dimensions, " at its beginning)");
  check<FileError>(bytes.size() >= header, name, ": the IDX file is truncated");
  IdxArray array{{}, bytes.substr(header)};
  uint64_t count = 1;
  for (size_t d = 0; d < size_t(dimensions); ++d) {
    uint64_t size = 0;
    for (size_t k = 0; k < 4; ++k) size = size << 8 | byte(4 + 4 * d + k);
    array.shape.push_back(int64_t(size));
    count = size == 0 ? 0 : count > UINT64_MAX / size ? UINT64_MAX : count * size;
  }
  std::string sizes;
  for (int64_t size : array.shape) sizes += (sizes.empty() ? "" : "x") + std::to_string(size);
  check<FileError>(count == array.data.size(), name, ": says it holds ", sizes, " bytes, but has ",
                   array.data.size());
  return array;
}

ImageData idx_images(std::string_view images, const std::string& images_name,
                     std::string_view labels, const std::string& labels_name,
                     const std::vector<std::string>& class_names) {
  const IdxArray pixels = read_idx(images, 3, images_name),
                 classes = read_idx(labels, 1, labels_name);
  check<FileError>(pixels.shape[0] == classes.shape[0], labels_name, ": holds ", classes.shape[0],
                   " labels for ", pixels.shape[0], " images");
  check<FileError>(!pixels.data.empty(), images_name, ": holds no image");
  std::vector<int64_t> numbers;
  for (size_t i = 0; i < classes.data.size(); ++i) {
    numbers.push_back(static_cast<unsigned char>(classes.data[i]));
    check<FileError>(numbers.back() < int64_t(class_names.size()), labels_name, ": label ",
                     numbers.back(), " of image ", i, " is out of range for ", class_names.size(),
                     " classes");
  }
  return images_in_memory(pixels.shape[1], pixels.shape[2], 1,
                          {pixels.data.begin(), pixels.data.end()}, std::move(numbers), class_names,
                          images_name);
}

bool is_idx_folder(const fs::path& folder) {
  return !find_part(folder, "train", "images-idx3").empty();
}

ImageSplits open_idx(const fs::path& folder, const HoldOut& shares) {
  const std::vector<std::string> names = class_names_of(folder);
  const ImageData train = open_part(folder, "train", names);
  check<FileError>(train != nullptr, folder.string(), ": holds no train-images-idx3-ubyte");
  ImageData test = open_part(folder, "t10k", names);
  if (test == nullptr) test = open_part(folder, "test", names);
  HoldOut held = shares;
  if (test != nullptr) held.test = 0;
  ImageSplits splits = hold_out(train, held);
  if (test != nullptr) splits.test = test;
  splits.kind = "idx";
  return splits;
}

}  // namespace papilio::nn
