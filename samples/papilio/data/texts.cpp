#include "samples/papilio/data/texts.h"

#include <cstddef>
#include <string_view>

#include "nn/data/formats/detail/gzip.h"

// samples/data/*.txt.gz, source files made by the build.
extern const unsigned char papilio_austen[];
extern const unsigned papilio_austen_size;
extern const unsigned char papilio_genesis[];
extern const unsigned papilio_genesis_size;

namespace papilio::cli {

namespace {

std::string text(const unsigned char* bytes, unsigned size, const char* name) {
  return nn::gunzip({reinterpret_cast<const char*>(bytes), size_t(size)}, name);
}

}  // namespace

std::string austen_text() {
  return text(papilio_austen, papilio_austen_size, "austen.txt.gz");
}

std::string genesis_text() {
  return text(papilio_genesis, papilio_genesis_size, "genesis.txt.gz");
}

}  // namespace papilio::cli
