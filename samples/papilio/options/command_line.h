// The words behind a command, as options.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "samples/papilio/options/option.h"

namespace papilio::cli {

// Sets the options that the words give. Throws UsageError with one clear line, which may end with
// the usage ("papilio train [options]"), or says what unknown ones with other names are.
void parse_command_line(std::deque<Option>& options, const std::vector<std::string>& words,
                        const OtherNames& others, const std::string& usage);

}  // namespace papilio::cli
