// What a language model makes of a part of a text.
#pragma once

#include <string>

#include "samples/papilio/text/text_data.h"

namespace papilio::cli {

// What `papilio evaluate` says of a language model. Returns the exit code.
int evaluate_text(const TextCommand& command, const std::string& model, const std::string& adapter,
                  bool ignore_unused, const std::string& part);

}  // namespace papilio::cli
