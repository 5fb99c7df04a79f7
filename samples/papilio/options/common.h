// What every command has.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "samples/papilio/options/option.h"
#include "samples/papilio/options/options.h"
#include "tensor/device_named.h"

namespace papilio::cli {

struct Common {
  bool json = false, quiet = false, help = false;
  int64_t threads = 0;
  std::string device = "cpu", products = "auto", config;
  // Where progress goes: standard error, or nowhere.
  std::FILE* progress() const { return quiet ? nullptr : stderr; }
};
void add_common(Options& options, Common& common);
// The same with --device, for commands that compute.
void add_common_and_device(Options& options, Common& common);
// --out, a folder.
Option& add_out(Options& options, std::string& out);
// --overwrite: write into a folder that holds `what` already.
void add_overwrite(Options& options, bool& overwrite, const std::string& what);
// What --device names; throws as device_named does.
Device device_of(const Common& common);
// Applies --threads and --products, and writes back what they came to. Throws UsageError for a
// library that is not here.
void set_threads(Common& common);
// For a run that goes on in `out`: the products it began with, unless --products says others or
// they are not here.
void resume_products(const Options& options, Common& common, const std::filesystem::path& out);

// Makes a folder that files can be written into. Throws FileError if that cannot be.
void make_folder(const std::filesystem::path& folder);

// One object on standard output; bytes that are no UTF-8 are replaced, NaN and infinity are null.
std::string json_text(const nlohmann::json& object);
// The text, or null for an empty one.
nlohmann::json or_null(const std::string& text);
void print_json(const nlohmann::json& object);
// "papilio evaluate: warning: ..." on standard error.
void warn(const Options& options, const std::vector<std::string>& warnings);
// The text without control characters, which a terminal would obey.
std::string printable(std::string_view text);
std::string printable_list(const std::vector<std::string>& items);  // "a, b, c"

}  // namespace papilio::cli
