#include "samples/papilio/options/common.h"

#include <nlohmann/json.hpp>
#include <string>
#include <system_error>

#include "kernels/error.h"
#include "kernels/products.h"
#include "kernels/threads.h"
#include "nn/parallel/mpi.h"
#include "samples/papilio/options/keys.h"
#include "samples/papilio/options/option.h"
#include "samples/papilio/options/output_file.h"
#include "samples/papilio/options/settings_file.h"
#include "tensor/text.h"

namespace papilio::cli {

void add_common(Options& options, Common& common) {
  options.section("General");
  options.add(kThreadsKey, &common.threads, "N", "processor threads; 0 takes all")
      .range(0, 4096)
      .may_differ_on_resume();
  options
      .add(kProductsKey, &common.products, "NAME",
           "what multiplies the processor's matrices: openblas, onednn (bfloat16 by its "
           "instructions), onednn-float32 (float32 too), or auto, openblas or onednn as the "
           "processor has them")
      .choices({"auto", "openblas", "onednn", "onednn-float32"})
      .may_differ_on_resume();
  options.flag("json", common.json, "print one JSON object on standard output, and nothing else")
      .line_only();
  options.flag("quiet", common.quiet, "no progress on standard error").line_only();
  options.config_options(common.config, common.help);
}

void add_common_and_device(Options& options, Common& common) {
  options.section("General");
  options.add(kDeviceKey, &common.device, "NAME", "where to compute: cpu, cuda or cuda:N, a GPU")
      .may_differ_on_resume();
  add_common(options, common);
}

Option& add_out(Options& options, std::string& out) {
  return options.add("o,out", &out, "DIR", "folder to write").may_differ_on_resume();
}

void add_overwrite(Options& options, bool& overwrite, const std::string& what) {
  options.flag("overwrite", overwrite, "write into a folder that holds " + what + " already")
      .line_only();
}

Device device_of(const Common& common) {
  const auto launch = nn::find_launch();
  if (common.device == "cuda" && launch && cuda_device_count() > 0) return nn::gpu_of(launch);
  return device_named("--device", common.device);
}

void set_threads(Common& common) {
  if (common.threads > 0) set_num_threads(int(common.threads));
  common.threads = num_threads();
  try {
    set_products(products_named(common.products));
  } catch (const Error& e) {
    throw UsageError("--products: " + std::string(e.what()));
  }
  common.products = name(products());
}

void resume_products(const Options& options, Common& common, const std::filesystem::path& out) {
  if (options.given(&common.products)) return;
  const auto began = recorded_setting((out / kRunSettings).string(), kProductsKey);
  if (!began) return;
  // Runs that say nothing are older than the choice.
  const Products wanted = began->empty() ? Products::openblas : products_named(*began);
  if (wanted != Products::openblas && !why_no_onednn().empty()) return;
  set_products(wanted);
  common.products = name(wanted);
}

void make_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  check<FileError>(!error, folder.string(), ": cannot be made: ", error.message());
  check_writable_folder(folder);
}

std::string json_text(const nlohmann::json& object) {
  return object.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

nlohmann::json or_null(const std::string& text) {
  return text.empty() ? nlohmann::json() : nlohmann::json(text);
}

void print_json(const nlohmann::json& object) {
  std::printf("%s", json_text(object).c_str());
}

void warn(const Options& options, const std::vector<std::string>& warnings) {
  for (const std::string& line : warnings) {
    std::fprintf(stderr, "papilio %s: warning: %s\n", options.command().c_str(),
                 printable(line).c_str());
  }
}

std::string printable(std::string_view text) {
  std::string result;
  for (char c : text) {
    const auto code = static_cast<unsigned char>(c);
    result += code < 32 || code == 127 ? '?' : c;
  }
  return result;
}

std::string printable_list(const std::vector<std::string>& items) {
  std::vector<std::string> texts;
  texts.reserve(items.size());
  for (const std::string& item : items) texts.push_back(printable(item));
  return joined(texts, ", ");
}

}  // namespace papilio::cli
