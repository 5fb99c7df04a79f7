// Data files made by hand, right or wrong.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace papilio::test {

std::string gzip(const std::string& bytes);

// A header block and the data, padded. kind: '0' a file, '5' a folder, '1' and '2' links.
std::string tar_member(const std::string& path, const std::string& data, char kind = '0',
                       const std::string& size = "");
// The members and the two empty blocks at the end.
std::string tar(const std::vector<std::string>& members);
// With the checksum made right again.
std::string with_checksum(std::string member);

// 0 0 8 dimensions, big-endian sizes, data.
std::string idx(const std::vector<uint32_t>& sizes, const std::string& data);

// A record of CIFAR-10: the label and 32x32 pixels, red value, green value, blue value.
std::string cifar_record(int label, int red, int green, int blue);

// What open_images says of a path, behind the path itself; empty if it opens.
std::string refusal(const std::filesystem::path& path);

// A PNG of one colour.
std::string plain_png(int64_t width, int64_t height, int red, int green, int blue);

}  // namespace papilio::test
