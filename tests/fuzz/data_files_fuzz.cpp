// IDX, CIFAR, gzip, tar, CSV and pickles: the first byte chooses, the rest is the file.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "nn/data/formats/detail/csv.h"
#include "nn/data/formats/detail/gzip.h"
#include "nn/data/formats/detail/tar.h"
#include "nn/data/sources/cifar.h"
#include "nn/data/sources/idx.h"
#include "tensor/error.h"

namespace {

using namespace papilio;

void touch(const nn::ImageData& images) {
  for (int64_t i = 0; i < images->size(); ++i) images->sample(i);
}

void read(int kind, const std::string& bytes) {
  const std::vector<std::string> names(kind == 2 ? 100 : 10, "class");
  switch (kind) {
    case 0:  // images of two rows and the labels behind them
      touch(nn::idx_images(std::string_view(bytes).substr(0, bytes.size() / 2), "i",
                           std::string_view(bytes).substr(bytes.size() / 2), "l", names));
      break;
    case 1:
      touch(nn::read_cifar(bytes, nn::Cifar::ten, names, "fuzz"));
      break;
    case 2:
      touch(nn::read_cifar(bytes, nn::Cifar::hundred, names, "fuzz"));
      break;
    case 3:
      nn::gunzip(bytes, "fuzz", 1 << 20);
      break;
    case 4:
      for (const nn::TarMember& member : nn::read_tar(bytes, "fuzz")) {
        // Views stay inside the archive.
        if (member.data.data() < bytes.data() ||
            member.data.data() + member.data.size() > bytes.data() + bytes.size())
          __builtin_trap();
      }
      break;
    case 5:
      nn::parse_csv(bytes, "fuzz");
      break;
    default:
      touch(nn::read_cifar_pickle(bytes, names, "fuzz"));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  try {
    read(data[0] % 7, std::string(reinterpret_cast<const char*>(data) + 1, size - 1));
  } catch (const FileError&) {
  }
  return 0;
}
