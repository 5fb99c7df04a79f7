#include "tensor/files/detail/check_name.h"

#include <string>
#include <string_view>

#include <doctest/doctest.h>

using namespace papilio;

TEST_CASE("check_name: ordinary names pass") {
  for (const char* name : {"default", "run-2.1_b", "A", "-x", "a..b"})
    CHECK_NOTHROW(check_name("save", name));
  CHECK_NOTHROW(check_name("save", std::string(200, 'n')));
}

TEST_CASE("check_name: nothing climbs, hides or breaks a line") {
  using namespace std::string_view_literals;
  for (const auto name : {""sv, "."sv, ".."sv, "../x"sv, "a/b"sv, "/etc"sv, ".hidden"sv, "a b"sv,
                          "a\0b"sv, "a\nb"sv, "\xc3\xa9"sv, "a\\b"sv, "~"sv}) {
    CAPTURE(name);
    CHECK_THROWS_AS(check_name("save", name), ArgumentError);
  }
  CHECK_THROWS_AS(check_name("save", std::string(201, 'n')), ArgumentError);
  CHECK_THROWS_WITH_AS(check_name("set_adapter", "../a\n"),
                       "set_adapter: expected a name of 1 to 200 letters, digits, '.', '_' or '-' "
                       "that does not begin with '.', got '../a?'",
                       ArgumentError);
}
