#include "tests/nn/data/files.h"

#include <zlib.h>

#include <cstdio>

#include "nn/data/formats/image.h"
#include "nn/data/sources/image_sources.h"
#include "tensor/error.h"

namespace papilio::test {

std::string gzip(const std::string& bytes) {
  z_stream z{};
  deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&z, bytes.size()), '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  z.avail_in = uInt(bytes.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = uInt(out.size());
  deflate(&z, Z_FINISH);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

std::string refusal(const std::filesystem::path& path) {
  try {
    nn::open_images(path);
  } catch (const FileError& e) {
    return std::string(e.what()).substr(path.string().size());
  }
  return "";
}

std::string with_checksum(std::string member) {
  member.replace(148, 8, 8, ' ');
  unsigned sum = 0;
  for (size_t i = 0; i < 512; ++i) sum += static_cast<unsigned char>(member[i]);
  char field[8];
  std::snprintf(field, sizeof field, "%06o", sum);
  member.replace(148, 7, field, 7);
  return member;
}

std::string tar_member(const std::string& path, const std::string& data, char kind,
                       const std::string& size) {
  std::string header(512, '\0');
  header.replace(0, path.size(), path);
  char octal[12];
  std::snprintf(octal, sizeof octal, "%011o", unsigned(data.size()));
  header.replace(100, 7, "0000644");
  header.replace(124, 11, size.empty() ? octal : size);
  header[156] = kind;
  header.replace(257, 8, std::string("ustar\00000", 8));
  return with_checksum(header) + data + std::string((512 - data.size() % 512) % 512, '\0');
}

std::string tar(const std::vector<std::string>& members) {
  std::string all;
  for (const std::string& member : members) all += member;
  return all + std::string(1024, '\0');
}

std::string idx(const std::vector<uint32_t>& sizes, const std::string& data) {
  std::string bytes{'\0', '\0', '\x08', char(sizes.size())};
  for (uint32_t size : sizes) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes += char(size >> shift);
  }
  return bytes + data;
}

std::string cifar_record(int label, int red, int green, int blue) {
  return char(label) + std::string(1024, char(red)) + std::string(1024, char(green)) +
         std::string(1024, char(blue));
}

std::string plain_png(int64_t width, int64_t height, int red, int green, int blue) {
  nn::Image image{width, height, 3, {}};
  for (int64_t i = 0; i < width * height; ++i) {
    for (int value : {red, green, blue}) image.pixels.push_back(uint8_t(value));
  }
  return nn::encode_png(image);
}

}  // namespace papilio::test
