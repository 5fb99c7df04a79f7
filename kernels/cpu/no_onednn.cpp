#include <string>

#include "kernels/cpu/onednn.h"

namespace papilio::cpu {

const std::string& onednn_missing() {
  static const std::string why = "this build is without oneDNN (-Donednn=enabled, libdnnl-dev)";
  return why;
}

std::string onednn_version() {
  return {};
}

bool onednn_product(const OnednnProduct&) {
  return false;
}

bool onednn_conv2d(const OnednnConv2d&) {
  return false;
}

}  // namespace papilio::cpu
