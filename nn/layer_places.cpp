#include "nn/detail/layer_places.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <system_error>

namespace papilio::nn {

std::vector<LayerPlace> layer_places(const std::string& path) {
  std::vector<LayerPlace> places;
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('.', begin), path.size());
    int64_t index = 0;
    const char *first = path.data() + begin, *last = path.data() + end;
    const auto [stop, error] = std::from_chars(first, last, index);
    if (first != last && *first != '-' && stop == last && error == std::errc())
      places.push_back({path.substr(0, begin == 0 ? 0 : begin - 1), index,
                        path.substr(std::min(end + 1, path.size()))});
    begin = end + 1;
  }
  return places;
}

}  // namespace papilio::nn
