#include "boft/methods/detail/path_pattern.h"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <string_view>

#include "tensor/error.h"

namespace papilio::test {

using boft::PathPattern;

namespace {

bool full(std::string_view pattern, std::string_view path) {
  return PathPattern("target_modules", pattern).full_match(path);
}

std::string repeated(std::string_view text, int times) {
  std::string result;
  for (int i = 0; i < times; ++i) result += text;
  return result;
}

std::string message(std::string_view pattern, std::string_view path = "a") {
  try {
    full(pattern, path);
  } catch (const ArgumentError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("PathPattern: the whole path must match, in Python's syntax") {
  CHECK(full(R"(.*\.[02]\..*(query|value))", "encoder.layer.2.attention.query"));
  CHECK_FALSE(full("query", "layer.query"));
  CHECK_FALSE(full("query", "query.bias"));
  CHECK(full("a|ab", "ab"));  // the first branch matches a part, the second the whole
  CHECK(full(R"(^(?!.*visual).*(?:q|v)_proj$)", "model.layers.0.q_proj"));
  CHECK_FALSE(full(R"(^(?!.*visual).*(?:q|v)_proj$)", "visual.layers.0.q_proj"));
  CHECK(full(R"((?P<part>\w+)\.(?P=part))", "mlp.mlp"));
  CHECK(full("(?i)QUERY", "query"));
  CHECK_FALSE(full("query$", "query\n"));
  CHECK(full("", ""));
}

TEST_CASE("PathPattern: the first group, from the path's begin") {
  const PathPattern number("layers_pattern", R"(.*?\.layer\.(\d+)\.)");
  CHECK(number.first_group("encoder.layer.11.output") == "11");
  CHECK(number.first_group("encoder.block.11.output") == std::nullopt);
  CHECK(PathPattern("layers_pattern", R"(layer\.(\d+))").first_group("encoder.layer.1") ==
        std::nullopt);
  CHECK(PathPattern("layers_pattern", R"((\d)?layer)").first_group("layer") == std::nullopt);
  CHECK(PathPattern("layers_pattern", "layer").first_group("layer") == std::nullopt);
}

TEST_CASE("PathPattern: expressions made to hang or to crash are errors") {
  CHECK(message("query[") ==
        "target_modules: \"query[\" is not a regular expression (missing terminating ] for "
        "character class, behind byte 6)");
  // std::regex ended in a stack overflow here.
  CHECK(message(repeated("(", 30000) + 'a' + repeated(")", 30000))
            .starts_with("target_modules: \"" + repeated("(", 60) +
                         "...\" is not a regular expression (parentheses are too deeply nested"));
  CHECK(message(repeated("(", 100000)) ==
        "target_modules: expected a regular expression of at most 65536 bytes, got 100000");
  // And did not end here.
  const std::string path = "vit.encoder.layer.0.attention.attention.query";
  CHECK(message("(.*)*(.*)*(.*)*[^a-z]", path) ==
        "target_modules: \"(.*)*(.*)*(.*)*[^a-z]\" cannot be matched with " + path +
            " (match limit exceeded)");
}

}  // namespace papilio::test
