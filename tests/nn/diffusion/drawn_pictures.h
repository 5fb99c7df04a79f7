// A few small pictures with captions in a folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "nn/data/formats/image.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

// n pictures of `side` pixels, each a square of its own place and colour, under "0.png", ...; with
// a metadata.jsonl that has captions and, if `steered`, the squares alone in "c0.png", ...
inline void write_captioned(const std::filesystem::path& folder, int n, int64_t side,
                            bool steered = false) {
  std::filesystem::create_directories(folder);
  std::string lines;
  for (int i = 0; i < n; ++i) {
    nn::Image image{side, side, 3, {}}, shape = image;
    for (int64_t y = 0; y < side; ++y) {
      for (int64_t x = 0; x < side; ++x) {
        const bool inside =
            x >= i % 4 && x < i % 4 + side / 2 && y >= i % 3 && y < side / 2 + i % 3;
        for (const int v : {40 * (i % 5), 200 - 30 * (i % 6), 90})
          image.pixels.push_back(uint8_t(inside ? v : 250 - v / 2));
        for (int c = 0; c < 3; ++c) shape.pixels.push_back(inside ? 255 : 0);
      }
    }
    const std::string name = std::to_string(i) + ".png";
    write_bytes(folder / name, nn::encode_png(image));
    lines += R"({"file_name": ")" + name + R"(", "text": "a )" + (i % 2 ? "red" : "green") +
             R"( square")";
    if (steered) {
      write_bytes(folder / ("c" + name), nn::encode_png(shape));
      lines += R"(, "conditioning_image_file_name": "c)" + name + '"';
    }
    lines += "}\n";
  }
  write_bytes(folder / "metadata.jsonl", lines);
}

}  // namespace papilio::test
