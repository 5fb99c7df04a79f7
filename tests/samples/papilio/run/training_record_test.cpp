// What a resumed run says of settings that are others than its own.
#include "samples/papilio/run/training_record.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "samples/papilio/options/options.h"

namespace papilio::test {

TEST_CASE("another device, library or other threads: the bits may be others, which is said") {
  const std::string then = "lr = 0.1\ndevice = 'cpu'\nthreads = 2\n";
  const auto warnings = [&](const std::string& now) {
    return cli::check_same_settings(then, now, {"device", "products", "threads"}, "run");
  };
  CHECK(warnings(then).empty());
  CHECK(warnings("threads = 2\ndevice = 'cpu'\nlr = 0.1\n").empty());
  CHECK_THROWS_WITH_AS(warnings("lr = 0.2\n"),
                       "--resume: the run began with lr = 0.1, now it would be lr = 0.2; give "
                       "--config run/run.toml and no other lr",
                       cli::UsageError);
  CHECK_THROWS_WITH_AS(warnings("lr = 0.1\nmomentum = 1\n"),
                       "--resume: the run began with no such setting, now it would be momentum = "
                       "1; give --config run/run.toml and no other momentum",
                       cli::UsageError);
  const std::string what =
      ": sums are rounded in another order, so its numbers are as good but not the same bits";
  CHECK(warnings("lr = 0.1\ndevice = 'cuda:1'\nthreads = 2\n") ==
        std::vector<std::string>{"--resume: the run began on 'cpu', now it is on 'cuda:1'" + what});
  CHECK(warnings("lr = 0.1\ndevice = 'cuda'\nthreads = 1\n") ==
        std::vector<std::string>{"--resume: the run began on 'cpu', now it is on 'cuda'" + what,
                                 "--resume: the run began with 2 threads, now it has 1" + what});
  // Runs that do not name the library are older than the choice.
  CHECK(warnings(then + "products = \"openblas\"\n").empty());
  CHECK(warnings(then + "products = \"onednn\"\n") ==
        std::vector<std::string>{
            "--resume: the run began with products by \"openblas\", now they are by \"onednn\"" +
            what});
}

}  // namespace papilio::test
