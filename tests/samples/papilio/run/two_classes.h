// Small runs on pictures of two classes.
#pragma once

#include <filesystem>
#include <string>

#include "tests/nn/data/files.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

inline const std::string kSmall =
    " --hidden-size 16 --layers 1 --heads 2 --batch-size 8 --quiet --workers 2 ";

// Two classes that a model tells apart.
inline void write_pictures(const std::filesystem::path& root, int n) {
  for (const char* name : {"dark", "light"}) {
    std::filesystem::create_directories(root / name);
    const int value = *name == 'd' ? 20 : 200;
    for (int i = 0; i < n; ++i)
      write_bytes(root / name / (std::to_string(i) + ".png"), plain_png(8, 8, value + i, i, value));
  }
}

inline void break_pictures(const std::filesystem::path& folder) {
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    write_bytes(entry.path(), "broken");
}

}  // namespace papilio::test
