// The half of the comparison with Pillow and Transformers' image processors that runs here;
// compare_pictures.py and compare_processors.py write what it reads and read what it writes.
//
//   papilio_pictures decode FOLDER OUT              each file's pixels (H, W, C)
//   papilio_pictures resize PICTURES CASES OUT      a case a line: PICTURE KIND HEIGHT WIDTH
//   papilio_pictures process PICTURES FOLDER OUT    each picture by each FOLDER/NAME.json:
//   NAME/PICTURE
//
// PICTURES and OUT are safetensors files; what is refused stands in OUT's metadata, with the
// reason.
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "nn/data/formats/detail/file.h"
#include "nn/data/transforms/image_processor_file.h"
#include "tensor/creation.h"
#include "tensor/files/safetensors.h"
#include "tests/peers/or_say.h"

namespace papilio::test {
namespace {

namespace fs = std::filesystem;

using Tensors = std::map<std::string, Tensor>;

Tensor tensor_of(const nn::Image& image) {
  return tensor<uint8_t>({image.pixels.begin(), image.pixels.end()},
                         {image.height, image.width, image.channels});
}

std::map<std::string, nn::Image> read_pictures(const fs::path& path) {
  std::map<std::string, nn::Image> pictures;
  for (const auto& [name, t] : load_safetensors(path).tensors) {
    const uint8_t* values = t.data<uint8_t>();
    pictures[name] = {t.size(1), t.size(0), t.size(2), nn::Pixels(values, values + t.numel())};
  }
  return pictures;
}

std::vector<fs::path> sorted_files(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
  std::ranges::sort(files);
  return files;
}

void decode(const fs::path& folder, Tensors& out, Metadata& refused) {
  for (const fs::path& file : sorted_files(folder)) {
    try {
      out[file.filename()] = tensor_of(nn::read_image(file));
    } catch (const FileError& e) {
      refused[file.filename()] = e.what();
    }
  }
}

void resize(const fs::path& pictures, const fs::path& cases, Tensors& out) {
  const auto images = read_pictures(pictures);
  for (const std::string& line : nn::lines_of(read_file(cases))) {
    std::istringstream words(line);
    std::string picture, kind;
    int64_t height = 0, width = 0;
    words >> picture >> kind >> height >> width;
    out[line] = tensor_of(nn::resize(images.at(picture), height, width, nn::interpolation(kind)));
  }
}

void process(const fs::path& pictures, const fs::path& folder, Tensors& out, Metadata& refused) {
  const auto images = read_pictures(pictures);
  for (const fs::path& file : sorted_files(folder)) {
    try {
      // timm's pretrained_cfg lies in files of its name.
      const nn::ImageProcessor p = file.filename().string().starts_with("timm.")
                                       ? nn::parse_timm_processor(read_file(file), file.string())
                                       : nn::read_image_processor(file).processor;
      for (const auto& [name, image] : images) {
        Tensor x = empty({p.channels(), p.out_height(), p.out_width()});
        p(image, x.data<float>());
        out[file.stem().string() + '/' + name] = x;
      }
    } catch (const Error& e) {
      refused[file.stem()] = e.what();
    }
  }
}

int run(const std::vector<std::string>& words) {
  Tensors out;
  Metadata refused;
  if (words.size() == 3 && words[0] == "decode") {
    decode(words[1], out, refused);
  } else if (words.size() == 4 && words[0] == "resize") {
    resize(words[1], words[2], out);
  } else if (words.size() == 4 && words[0] == "process") {
    process(words[1], words[2], out, refused);
  } else {
    std::cerr << "papilio_pictures: expected decode, resize or process and their files\n";
    return 2;
  }
  save_safetensors(words.back(), out, refused);
  return 0;
}

}  // namespace
}  // namespace papilio::test

int main(int count, char** words) {
  return papilio::test::or_say([&] { return papilio::test::run({words + 1, words + count}); });
}
