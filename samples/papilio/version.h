// The program's version, which meson.build says.
#pragma once

namespace papilio::cli {

constexpr const char* kVersion = PAPILIO_VERSION;

}  // namespace papilio::cli
