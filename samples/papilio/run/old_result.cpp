#include "samples/papilio/run/old_result.h"

#include <system_error>

#include "samples/papilio/options/settings_file.h"

namespace papilio::cli {

void warn_of_old_result(const std::filesystem::path& folder, std::vector<std::string>& warnings) {
  std::error_code ignored;
  // begin_run_folder makes it, and the new result takes it away.
  if (!std::filesystem::exists(folder / kResultSettings, ignored)) return;
  warnings.push_back(folder.string() +
                     ": holds the result of an earlier run; the one that began here after it has "
                     "not ended with a result (--resume goes on with it)");
}

}  // namespace papilio::cli
